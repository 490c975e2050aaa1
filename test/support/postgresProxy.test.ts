import { Client, Pool } from 'pg'
import { expect, inject, test } from 'vitest'
import { makeDatabase, withClient } from './databases.ts'
import { cutPoints, startPostgresProxy } from './postgresProxy.ts'
import type { CutPoint } from './postgresProxy.ts'
import { makeRandom } from './random.ts'
import { sleep, until } from './wait.ts'

const { databaseUrl } = inject('services')
const APPEND = 'with x as (insert into document_chunks values ($1) returning n) select n from x'

async function makeTable(url: string): Promise<void> {
  await withClient(url, (client) => client.query('create table document_chunks (n int)'))
}

async function stored(url: string): Promise<number[]> {
  const rows = await withClient(url, (client) =>
    client.query<{ n: number }>('select n from document_chunks order by n'),
  )
  return rows.rows.map((row) => row.n)
}

/** One append over a connection of its own. @returns whether it was answered */
async function append(url: string, n: number, name?: string): Promise<boolean> {
  const client = new Client({ connectionString: url })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query({ ...(name === undefined ? {} : { name }), text: APPEND, values: [n] })
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}

const fates: Record<CutPoint, 'stored' | 'lost' | 'either'> = {
  before: 'lost',
  during: 'either',
  after: 'stored',
  late: 'stored',
}

for (const point of cutPoints) {
  test(`a commit that is cut ${point} it is ${fates[point]}, and never answered`, async () => {
    await using database = await makeDatabase(databaseUrl)
    await using proxy = await startPostgresProxy(database.url, makeRandom(1))
    await makeTable(database.url)
    proxy.cutCommits({ probability: 1, points: [point] })
    expect(await append(proxy.url, 1)).toBe(false)
    expect(await append(proxy.url, 2, 'prepared')).toBe(false)
    expect(proxy.cuts[point]).toBe(2)
    if (fates[point] === 'lost') expect(await stored(database.url)).toEqual([])
    if (fates[point] === 'stored') {
      await until('both are stored', async () => (await stored(database.url)).length === 2)
    }
  })
}

test('a transaction is cut at its commit', async () => {
  await using database = await makeDatabase(databaseUrl)
  await using proxy = await startPostgresProxy(database.url, makeRandom(1))
  await makeTable(database.url)
  const work = withClient(proxy.url, async (client) => {
    await client.query('begin')
    await client.query('create table other (n int)')
    proxy.cutCommits({ probability: 1, points: ['after'] })
    await client.query('commit')
  })
  await expect(work).rejects.toThrow()
  await withClient(database.url, (client) => client.query('select n from other'))
})

test('without faults nothing is cut, and with them only commits, as often as asked', async () => {
  await using database = await makeDatabase(databaseUrl)
  await using proxy = await startPostgresProxy(database.url, makeRandom(3))
  await makeTable(database.url)
  const pool = new Pool({ connectionString: proxy.url, max: 4 })
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  proxy.cutCommits({ probability: 0.2 })
  let answered = 0
  for (let n = 0; n < 100; n++) {
    await pool.query('select 1')
    const done = pool.query({ name: 'append', text: APPEND, values: [n] })
    answered += await done.then(
      () => 1,
      () => 0,
    )
  }
  proxy.cutCommits()
  const cuts = Object.values(proxy.cuts).reduce((sum, each) => sum + each, 0)
  expect(answered).toBe(100 - cuts)
  expect(proxy.passed()).toBe(answered)
  expect(cuts).toBeGreaterThan(10)
  await pool.query(APPEND, [100])
  await pool.end()
})

test('a stalled Postgres answers late, a refusing one not at all', async () => {
  await using database = await makeDatabase(databaseUrl)
  await using proxy = await startPostgresProxy(database.url, makeRandom(1))
  await withClient(proxy.url, async (client) => {
    proxy.stall()
    let answered = false
    const answer = client.query('select 1').then(() => (answered = true))
    await sleep(50) // it must not answer in this time; nothing tells when it has not
    expect(answered).toBe(false)
    proxy.heal()
    await answer
    proxy.refuse()
    await expect(client.query('select 1')).rejects.toThrow()
  })
  await expect(withClient(proxy.url, () => Promise.resolve())).rejects.toThrow()
})
