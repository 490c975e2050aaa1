import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, inject, test } from 'vitest'
import { migrate, waitForSchema } from '../../src/postgres/migrate.ts'
import { makeDatabase, withClient } from '../support/databases.ts'
import { startPostgres } from '../support/servers.ts'
import { until } from '../support/wait.ts'
import { silent } from '../embedded/support.ts'

const { databaseUrl } = inject('services')
const migrations = fileURLToPath(new URL('../../migrations', import.meta.url))
const options = { log: silent }

async function shipped(): Promise<string[]> {
  return (await readdir(migrations)).map((file) => file.replace(/\.sql$/, '')).sort()
}

async function ask(url: string, sql: string): Promise<unknown[]> {
  return await withClient(url, async (client) => (await client.query(sql)).rows as unknown[])
}

/** The shipped migrations and some more, as a later release has them. */
async function makeRelease(more: Readonly<Record<string, string>>) {
  const path = await mkdtemp(join(tmpdir(), 'lengthwise-migrations-'))
  await cp(migrations, path, { recursive: true })
  for (const [name, sql] of Object.entries(more)) await writeFile(join(path, `${name}.sql`), sql)
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

test('many nodes that migrate at once take turns: each migration is applied once', async () => {
  await using database = await makeDatabase(databaseUrl)
  const all = await Promise.all(Array.from({ length: 6 }, () => migrate(database.url, options)))
  expect(all.flat().sort()).toEqual(await shipped())
  expect(all.filter((applied) => applied.length > 0)).toHaveLength(1)
  expect(await ask(database.url, 'select name from lengthwise_migrations order by 1')).toHaveLength(
    (await shipped()).length,
  )
  expect(await migrate(database.url, options)).toEqual([])
})

test('a schema that is newer than this release is accepted', async () => {
  await using database = await makeDatabase(databaseUrl)
  await using later = await makeRelease({ '9999_later': 'create table later (n int)' })
  await migrate(database.url, { ...options, folder: later.path })
  expect(await migrate(database.url, options)).toEqual([])
  await waitForSchema(database.url, options)
})

test('with MIGRATE=0 a node waits until the schema is new enough', async () => {
  await using database = await makeDatabase(databaseUrl)
  await using later = await makeRelease({ '9999_later': 'create table later (n int)' })
  const reasons: string[] = []
  const log = { ...silent, warn: (_: object, reason: string) => reasons.push(reason) }
  let isThere = false
  const waiting = waitForSchema(database.url, { log, folder: later.path }).then(
    () => (isThere = true),
  )
  await until('it waits for all', () => reasons.some((reason) => reason.includes('0001_')))
  await migrate(database.url, options)
  await until('it waits for one', () => reasons.at(-1)?.includes(': 9999_later not applied yet'))
  expect(isThere).toBe(false)
  await migrate(database.url, { ...options, folder: later.path })
  await waiting
})

test('waiting for the schema outlasts a database that is away, and can be given up', async () => {
  await using server = await startPostgres()
  await migrate(server.url, options)
  await server.stop()
  const reasons: string[] = []
  const log = { ...silent, warn: (_: object, reason: string) => reasons.push(reason) }
  const stop = new AbortController()
  const givenUp = waitForSchema(server.url, { log, signal: stop.signal })
  const waiting = waitForSchema(server.url, { log })
  await until('both wait', () => reasons.length === 2)
  stop.abort()
  await expect(givenUp).rejects.toMatchObject({ name: 'AbortError' })
  await server.start()
  await waiting
})

test('a migration that fails leaves those before it, and nothing of itself', async () => {
  await using database = await makeDatabase(databaseUrl)
  const broken = {
    '9998_good': 'create table good (n int)',
    '9999_bad': 'create table bad (n int); oops',
  }
  await using release = await makeRelease(broken)
  const failing = migrate(database.url, { ...options, folder: release.path })
  await expect(failing).rejects.toMatchObject({ code: '42601' })
  const there = `select to_regclass('good') is not null as good, to_regclass('bad') is not null as bad`
  expect(await ask(database.url, there)).toEqual([{ good: true, bad: false }])
  await writeFile(join(release.path, '9999_bad.sql'), 'create table bad (n int)')
  expect(await migrate(database.url, { ...options, folder: release.path })).toEqual(['9999_bad'])
})

test("a schema of one's own, by the search path, holds everything", async () => {
  await using database = await makeDatabase(databaseUrl)
  await ask(database.url, 'create schema mine')
  const url = new URL(database.url)
  url.searchParams.set('options', '-c search_path=mine')
  await migrate(url.toString(), options)
  expect(await migrate(url.toString(), options)).toEqual([])
  const elsewhere = `select table_name from information_schema.tables where table_schema = 'public'`
  expect(await ask(database.url, elsewhere)).toEqual([])
  await waitForSchema(url.toString(), options)
})

test('a database that is still starting is waited for; one that refuses us is not', async () => {
  await using server = await startPostgres()
  await server.stop()
  await expect(migrate(server.url, options)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  const waits: string[] = []
  const log = { ...silent, warn: (_: object, reason: string) => waits.push(reason) }
  const patient = migrate(server.url, { log, patienceMs: 20_000 })
  await until('it waits', () => waits.includes('waiting for the database'))
  await server.start()
  expect(await patient).toEqual(await shipped())
  const missing = server.url.replace(/postgres$/, 'nowhere')
  const refused = migrate(missing, { log, patienceMs: 20_000 })
  await expect(refused).rejects.toMatchObject({ code: '3D000' })
})

test('a load balancer that has no server yet, and closes connections at once, is waited for', async () => {
  await using database = await makeDatabase(databaseUrl)
  const url = new URL(database.url)
  const server = { hostname: url.hostname, port: Number(url.port || 5432) }
  let taken = 0
  const balancer = createServer((socket) => {
    taken++
    if (taken < 2) return socket.destroy()
    const upstream = connect(server.port, server.hostname)
    for (const end of [socket, upstream]) end.on('error', () => undefined)
    socket.pipe(upstream).pipe(socket)
    return undefined
  })
  await new Promise<void>((resolve) => balancer.listen(0, '127.0.0.1', () => resolve()))
  url.port = String((balancer.address() as AddressInfo).port)
  url.hostname = '127.0.0.1'
  try {
    expect(await migrate(url.toString(), { ...options, patienceMs: 20_000 })).toEqual(
      await shipped(),
    )
  } finally {
    balancer.close()
  }
})
