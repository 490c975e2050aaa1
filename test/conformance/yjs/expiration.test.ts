/** YJS_EXPIRATION: rooms that nobody has had open for so long are deleted, with all that belongs to them. */
import { expect, inject, test } from 'vitest'
import { makeCluster } from '../../support/cluster.ts'
import { withClient } from '../../support/databases.ts'
import { until } from '../../support/wait.ts'
import { roomsOf } from '../../support/yjs.ts'
import { makePeer } from '../../support/yjsPeers.ts'

const SECONDS = 4
/** A room with so much in its log is folded as soon as nobody is in it. */
const ENOUGH = 'x'.repeat(20_000)

/** Past any node: looking a document up there is an access. */
async function stateOf(databaseUrl: string, room: string) {
  return await withClient(databaseUrl, async (client) => {
    const found = await client.query<{ key: string; idle: number }>(
      `select key, extract(epoch from now() - accessed_at)::float8 as idle from documents where id = $1`,
      [`yjs/${room}`],
    )
    return found.rows[0]
  })
}

async function countOf(databaseUrl: string, query: string, values: unknown[] = []) {
  return await withClient(databaseUrl, async (client) => {
    const found = await client.query<{ count: number }>(`select count(*)::int ${query}`, values)
    return found.rows[0]?.count
  })
}

test('a deserted room goes with its segments and versions, one that is open stays', async () => {
  const { redisUrl } = inject('services')
  await using cluster = await makeCluster(redisUrl === undefined ? 1 : 2, {
    env: { YJS_EXPIRATION: String(SECONDS) },
  })
  const [node] = cluster.nodes
  expect(node!.logs('rooms expire 4 s after they were last open or changed')).toHaveLength(1)
  const { databaseUrl } = cluster
  const rooms = roomsOf(cluster.nodes.at(-1)!)
  await using open = await makePeer(rooms, 'open').synced()
  open.text.insert(0, 'kept')
  let key: string
  {
    await using left = await makePeer(rooms, 'left').synced()
    left.text.insert(0, ENOUGH)
    await until('it is stored', async () => (await node!.document('yjs/left'))?.length)
    const versions = `${node!.adminUrl}/documents/yjs%2Fleft/versions`
    const body = JSON.stringify({ name: 'x' })
    expect((await fetch(versions, { method: 'POST', body })).status).toBe(201)
    key = (await stateOf(databaseUrl, 'left'))!.key
  }
  await until('it is folded', () =>
    countOf(databaseUrl, 'from document_segments where key = $1', [key]),
  )
  await until('it is gone', async () => !(await stateOf(databaseUrl, 'left')), { everyMs: 200 })
  expect((await stateOf(databaseUrl, 'open'))!.idle).toBeGreaterThan(SECONDS)
  for (const table of ['document_segments', 'document_versions'])
    expect(await countOf(databaseUrl, `from ${table}`), table).toBe(0)
  await until('nothing of it is left', async () => {
    const rows = `from document_chunks c where not exists (select 1 from documents d where d.key = c.key)`
    return (await countOf(databaseUrl, rows)) === 0
  })
  expect(await countOf(databaseUrl, 'from documents')).toBe(1)
  open.text.insert(0, 'still ')
  await using later = await makePeer(rooms, 'open').synced()
  await later.hears('still kept')
})
