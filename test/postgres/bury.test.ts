import { expect, inject, test } from 'vitest'
import { migrate } from '../../src/postgres/migrate.ts'
import { makePools } from '../../src/postgres/pool.ts'
import { makePresenceStore } from '../../src/postgres/presence.ts'
import { makeSegmentStore } from '../../src/postgres/segments.ts'
import { silent } from '../embedded/support.ts'
import { makeDatabase, withClient } from '../support/databases.ts'

const { databaseUrl } = inject('services')
const ROWS = 60_000

const FILL = `with d as (insert into documents (id, length) values ($1, $2) returning key)
  insert into document_chunks (key, "offset", append_id, data)
    select d.key, n, 1, 'x' from d, generate_series(0, $2 - 1) n returning key`

test('what is left of a long document goes in short statements, however long it is', async () => {
  await using database = await makeDatabase(databaseUrl)
  await migrate(database.url, { log: silent })
  const pools = makePools({
    url: database.url,
    // A portion that looked at every row for every row would take minutes.
    statementMs: 2_000,
    sizes: { appends: 1, alone: 1, reads: 1, others: 1 },
    onServerChange: () => undefined,
    onError: () => undefined,
  })
  await withClient(database.url, async (client) => {
    await client.query(FILL, ['deleted', ROWS])
    await client.query(`with gone as (delete from documents returning key)
      insert into deleted_documents (key) select key from gone`)
    const { rows } = await client.query<{ key: string }>(FILL, ['folded', ROWS])
    const folded = Number(rows[0]?.key)
    const segments = makeSegmentStore(pools)
    const fold = { from: 0, to: ROWS, replaces: [], pieces: [], length: 0, summary: Buffer.of() }
    expect(await segments.replace(folded, fold)).toBe(true)
    const presence = makePresenceStore({ pools })
    while (await presence.bury(2_000));
    while (await segments.trim(0, 2_000));
    const left = 'select count(*)::int as n from document_chunks'
    expect((await client.query(left)).rows).toEqual([{ n: 0 }])
  })
  await pools.close()
})
