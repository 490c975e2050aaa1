import { expect, inject, test } from 'vitest'
import type { Client } from 'pg'
import { migrate } from '../../src/postgres/migrate.ts'
import { giveNewEpochs } from '../../src/postgres/restored.ts'
import { silent } from '../embedded/support.ts'
import { makeDatabase, withClient } from '../support/databases.ts'

const { databaseUrl } = inject('services')
const IDS = ['a', 'b', 'c', 'd', 'e']

async function fill(client: Client): Promise<void> {
  for (const id of IDS) {
    await client.query(
      `with d as (insert into documents (id, length) values ($1, 6) returning key),
         v as (insert into document_key_versions (key, version) select key, 2 from d),
         k as (insert into document_keys (key, name, version, value) select key, 'k', 1, $1::text::bytea from d)
       insert into document_chunks (key, "offset", append_id, data)
         select key, "offset", 1, convert_to($1 || "offset", 'UTF8') from d, (values (0), (3)) o ("offset")`,
      [id],
    )
  }
  await client.query(`insert into nodes (id, lease_until) values ('n', now())`)
  await client.query(`insert into document_nodes (key, node) select key, 'n' from documents`)
  await client.query(
    `insert into client_keys (key, name, version, value, node, session) select key, 'c', 1, '', 'n', 1 from documents`,
  )
}

const CONTENTS = `select d.id, d.length::int,
    (select string_agg(convert_from(c.data, 'UTF8'), ',' order by "offset") from document_chunks c where c.key = d.key) as chunks,
    (select convert_from(k.value, 'UTF8') from document_keys k where k.key = d.key) as value,
    (select v.version::int from document_key_versions v where v.key = d.key) as keys_version
  from documents d order by d.id`
const EPOCHS = `select array_agg(key::float8 order by key) as epochs from documents`

async function epochsIn(client: Client): Promise<number[]> {
  return (await client.query<{ epochs: number[] }>(EPOCHS)).rows[0]?.epochs ?? []
}

test('after a restore every document has a new epoch, and all that is its own', async () => {
  await using database = await makeDatabase(databaseUrl)
  await migrate(database.url, { log: silent })
  await withClient(database.url, async (client) => {
    await fill(client)
    const before = (await client.query(CONTENTS)).rows as unknown[]
    const old = await epochsIn(client)
    expect(await giveNewEpochs(database.url, { log: silent, portion: 2 })).toBe(IDS.length)
    expect((await client.query(CONTENTS)).rows).toEqual(before)
    expect(before).toContainEqual({
      id: 'c',
      length: 6,
      chunks: 'c0,c3',
      value: 'c',
      keys_version: 2,
    })
    const fresh = await epochsIn(client)
    expect(Math.min(...fresh)).toBeGreaterThan(Math.max(...old))
    expect(new Set(fresh).size).toBe(IDS.length)
    const left = `select (select count(*) from document_nodes) + (select count(*) from client_keys) as n`
    expect((await client.query(left)).rows).toEqual([{ n: '0' }])
    const stray = `select count(*)::int as n from document_chunks where key not in (select key from documents)`
    expect((await client.query(stray)).rows).toEqual([{ n: 0 }])
  })
})

test('epochs that were given after the backup was made are not given again', async () => {
  await using database = await makeDatabase(databaseUrl)
  await migrate(database.url, { log: silent })
  await withClient(database.url, async (client) => {
    await fill(client)
    const backup = `select last_value from epochs`
    const { last_value } = (await client.query<{ last_value: string }>(backup)).rows[0]!
    const given = `select nextval('epochs')::float8 as epoch from generate_series(1, 1000)`
    const lost = (await client.query<{ epoch: number }>(given)).rows.map(({ epoch }) => epoch)
    await client.query(`select setval('epochs', $1)`, [last_value])
    for (const restore of [1, 2]) {
      await giveNewEpochs(database.url, { log: silent })
      const epochs = await epochsIn(client)
      expect(Math.min(...epochs), `restore ${restore}`).toBeGreaterThan(Math.max(...lost))
      expect(Math.max(...epochs)).toBeLessThan(2 ** 53)
      lost.push(...epochs)
    }
  })
})
