import { expect, test } from 'vitest'
import { makeCluster } from '../support/cluster.ts'
import { withClient } from '../support/databases.ts'
import type { TestNode } from '../support/nodes.ts'
import { until } from '../support/wait.ts'
import { makePeer } from '../support/yjsPeers.ts'
import { makeReceiver } from '../surfaces/zwibbler/receiver.ts'
import type { Receiver } from '../surfaces/zwibbler/receiver.ts'

const yjs = (node: TestNode) => `${node.httpUrl.replace('http', 'ws')}/yjs`

interface Told {
  room: string
  data: Record<string, { type: string; content: unknown }>
}
const toldOf = ({ received }: Receiver, room: string): Told[] =>
  received.map(({ body }) => JSON.parse(body) as Told).filter((told) => told.room === room)
const textsOf = (receiver: Receiver, room: string) =>
  toldOf(receiver, room).map(({ data }) => data.t?.content)

const settings = (receiver: Receiver, more: Record<string, string> = {}) => ({
  SURFACES: 'yjs',
  YJS_CALLBACK_URL: receiver.url,
  YJS_CALLBACK_OBJECTS: '{"t":"Text"}',
  YJS_CALLBACK_DEBOUNCE_MS: '400',
  ...more,
})

test('[yjs 9] a burst of changes on two nodes is told of once, with what the room holds then; each room for itself', async () => {
  await using receiver = await makeReceiver()
  const YJS_CALLBACK_OBJECTS = '{"t":"Text","m":"Map","x":"XmlFragment"}'
  const env = { YJS_CALLBACK_OBJECTS, YJS_CALLBACK_URL: `${receiver.url}?key=1` }
  await using cluster = await makeCluster(2, { env: settings(receiver, env) })
  const [near, far] = cluster.nodes
  await using ann = makePeer(yjs(near!), 'my room/ä')
  await using bob = makePeer(yjs(far!), 'my room/ä')
  await using eve = makePeer(yjs(far!), 'other')
  await Promise.all([ann.synced(), bob.synced(), eve.synced()])
  ann.doc.getText('t').insert(0, 'hello')
  bob.doc.getMap('m').set('by', 'bob')
  eve.doc.getText('t').insert(0, 'eve')
  await until('both rooms are told of', () => receiver.received.length >= 2)
  const room = 'my%20room/%C3%A4'
  expect(receiver.received.find(({ body }) => body.includes(room))).toMatchObject({
    method: 'POST',
    path: '/hook?key=1',
    body: `{"room":"${room}","data":{"t":{"type":"Text","content":"hello"},"m":{"type":"Map","content":{"by":"bob"}},"x":{"type":"XmlFragment","content":""}}}`,
  })
  expect(textsOf(receiver, 'other')).toEqual(['eve'])
  // Told of the next change: then nothing of the first ones was told twice.
  ann.doc.getText('t').insert(5, '!')
  await until('it is told of the change', () => textsOf(receiver, room).includes('hello!'))
  expect(textsOf(receiver, room)).toEqual(['hello', 'hello!'])
  expect(textsOf(receiver, 'other')).toEqual(['eve'])
})

test('[yjs 9] whoever never stops writing is told of all the same, and a receiver that fails gets the newest', async () => {
  await using receiver = await makeReceiver()
  const env = { YJS_CALLBACK_DEBOUNCE_MS: '1000', YJS_CALLBACK_MAX_WAIT_MS: '1500' }
  await using cluster = await makeCluster(1, { env: settings(receiver, env) })
  await using ann = makePeer(yjs(cluster.nodes[0]!), 'busy')
  await ann.synced()
  const text = ann.doc.getText('t')
  const typing = setInterval(() => text.insert(text.length, 'x'), 50)
  try {
    await until('told while she writes', () => receiver.received.length > 0)
    receiver.answer = 500
    const before = receiver.received.length
    await until('it fails', () => receiver.received.length > before)
  } finally {
    clearInterval(typing)
  }
  receiver.answer = 200
  const all = text.toJSON()
  await until('it has all of it', () => textsOf(receiver, 'busy').at(-1) === all)
})

/** While it is held nothing can be noted, nor told; what waited for it is gone afterwards. */
async function withNotesLocked(url: string, work: () => Promise<void>): Promise<void> {
  await withClient(url, async (client) => {
    await client.query('begin')
    await client.query('lock table yjs_callbacks in exclusive mode')
    await work()
    await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`,
    )
    await client.query('commit')
  })
}

test.each([
  ['the room deserted', 0],
  ['the room open there', 1],
])(
  '[yjs 9] of what a node had stored and not noted when it was killed the other one tells: %s',
  async (_, place) => {
    await using receiver = await makeReceiver()
    await using cluster = await makeCluster(2, { env: settings(receiver, { LEASE_MS: '1000' }) })
    const [near, far] = cluster.nodes
    await using ann = makePeer(yjs(near!), 'orphan')
    await using bob = makePeer(yjs(cluster.nodes[place]!), 'orphan')
    await Promise.all([ann.synced(), bob.synced()])
    await withNotesLocked(cluster.databaseUrl, async () => {
      ann.doc.getText('t').insert(0, 'stored')
      await until('it is stored', () => bob.doc.getText('t').toJSON() === 'stored')
      await near!.kill()
    })
    await until('the other one tells', () => textsOf(receiver, 'orphan').includes('stored'))
    expect(far!.isRunning).toBe(true)
  },
)

test('[yjs 9] of what a node had noted when it was killed the other one tells', async () => {
  await using receiver = await makeReceiver()
  const env = { YJS_CALLBACK_DEBOUNCE_MS: '4000' }
  await using cluster = await makeCluster(2, { env: settings(receiver, env) })
  const [near] = cluster.nodes
  await using ann = makePeer(yjs(near!), 'orphan')
  await ann.synced()
  ann.doc.getText('t').insert(0, 'stored')
  await until('it is noted', () =>
    withClient(cluster.databaseUrl, async (client) => {
      return (await client.query('select 1 from yjs_callbacks')).rowCount
    }),
  )
  await near!.kill()
  expect(receiver.received).toEqual([])
  await until('the other one tells', () => textsOf(receiver, 'orphan').length > 0)
  expect(textsOf(receiver, 'orphan')).toEqual(['stored'])
})

test('[yjs 9] of what a node was in the middle of telling when it was killed the other one tells, when the claim lapses', async () => {
  await using receiver = await makeReceiver()
  receiver.answer = 'hang'
  await using cluster = await makeCluster(2, { env: settings(receiver) })
  const [near, far] = cluster.nodes
  await using ann = makePeer(yjs(near!), 'orphan')
  await ann.synced()
  // So that it is not the one that tells.
  far!.pause()
  ann.doc.getText('t').insert(0, 'stored')
  await until('it is being told', () => receiver.received.length > 0)
  await near!.kill()
  far!.resume()
  receiver.answer = 200
  await withClient(cluster.databaseUrl, async (client) => {
    // A minute passes.
    const text = `update yjs_callbacks set due_at = now() where due_at > now() + interval '50 s' and attempts = 1`
    expect((await client.query(text)).rowCount).toBe(1)
  })
  await until('the other one tells', () => receiver.received.length > 1)
  expect(textsOf(receiver, 'orphan')).toEqual(['stored', 'stored'])
})

test('[yjs 9] without a URL nothing is noted', async () => {
  await using cluster = await makeCluster(1, { env: { SURFACES: 'yjs', LEASE_MS: '1000' } })
  const [node] = cluster.nodes
  await using ann = makePeer(yjs(node!), 'quiet')
  await using bob = makePeer(yjs(node!), 'quiet')
  await Promise.all([ann.synced(), bob.synced()])
  ann.doc.getText('t').insert(0, 'stored')
  await until('it is stored', () => bob.doc.getText('t').toJSON() === 'stored')
  await node!.stop()
  const rows = await withClient(cluster.databaseUrl, (client) =>
    client.query('select 1 from yjs_callbacks'),
  )
  expect(rows.rows).toEqual([])
})
