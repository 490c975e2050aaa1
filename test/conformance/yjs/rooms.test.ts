/** Names of rooms, and the port on which they are at the root. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Cluster } from '../../support/cluster.ts'
import { makeCluster } from '../../support/cluster.ts'
import { freePort } from '../../support/ports.ts'
import { until } from '../../support/wait.ts'
import { connectYjs, roomsOf } from '../../support/yjs.ts'
import { makePeer } from '../../support/yjsPeers.ts'

const { redisUrl } = inject('services')
let cluster: Cluster
let alone = ''
beforeAll(async () => {
  const port = await freePort()
  alone = `127.0.0.1:${port}`
  cluster = await makeCluster(2, {
    envOf: (index): Record<string, string> => (index === 0 ? { YJS_PORT: String(port) } : {}),
  })
})
afterAll(() => cluster[Symbol.asyncDispose]())

/** As a user of y-websocket names them. */
const names = [
  ...['plain', 'my room/ä', 'x/y', 'x//y', 'x/y/', 'x%2Fy', 'x%2fy', '50%', 'xA', 'x%41', '日本😀'],
  ...['a+b', 'a%20b', "it's", '~', 'x/../z', 'q&a=1'],
]

test.skipIf(!redisUrl)(
  '[yjs 15.10] every path is a room of its own, the same on both nodes',
  async () => {
    const paths = new Set(names.map((name) => new URL(`ws://host/yjs/${name}`).pathname))
    expect(paths.size).toBe(names.length)
    const near = names.map((name) => makePeer(roomsOf(cluster.nodes[0]!), name))
    await Promise.all(near.map((peer) => peer.synced()))
    near.forEach(({ text }, i) => text.insert(0, `this is ${names[i]}`))
    const far = names.map((name) => makePeer(roomsOf(cluster.nodes[1]!), name))
    await Promise.all(far.map((peer, i) => peer.hears(names[i]!)))
    for (const [i, { text }] of far.entries()) expect(text.toJSON()).toBe(`this is ${names[i]}`)
    for (const peer of [...near, ...far]) await peer[Symbol.asyncDispose]()
  },
)

test('[yjs 15.10] the query is no part of the name', async () => {
  const rooms = roomsOf(cluster.nodes[0]!)
  await using one = makePeer(rooms, 'queried', { params: { a: '1', b: 'x/y?z' } })
  await using other = makePeer(rooms, 'queried', { params: { a: '2' } })
  await using none = makePeer(rooms, 'queried')
  await Promise.all([one, other, none].map((peer) => peer.synced()))
  one.text.insert(0, 'the same')
  await other.hears('the same')
  await none.hears('the same')
})

test('[yjs 3] with YJS_PORT the rooms are at / of a port of their own, and are the same rooms', async () => {
  await using there = makePeer(`ws://${alone}`, 'deep/room')
  await using here = makePeer(roomsOf(cluster.nodes[0]!), 'deep/room')
  await Promise.all([there, here].map((peer) => peer.synced()))
  there.text.insert(0, 'through the other door')
  await here.hears('through the other door')
})

test('[yjs 15.1] on a port of its own every path answers okay', async () => {
  for (const path of ['/', '/some/room', '/socket', '/yjs']) {
    const answer = await fetch(`http://${alone}${path}`)
    expect([answer.status, await answer.text()]).toEqual([200, 'okay'])
  }
})

test('[yjs 3] of offered subprotocols exactly one is named in the answer, of none none', async () => {
  const open = async (protocols: string[]) => {
    const socket = new WebSocket(`${roomsOf(cluster.nodes[0]!)}/protocols`, protocols)
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    socket.terminate()
    return socket.protocol
  }
  expect(await open([])).toBe('')
  for (const offered of [['a'], ['a', 'b'], ['yauth-token', 'b']])
    expect(offered).toContain(await open(offered))
})

test('[yjs 3] a name that cannot be a room is refused for good', async () => {
  await using long = connectYjs(roomsOf(cluster.nodes[0]!), 'x'.repeat(2_000))
  expect((await long.closed).code).toBe(4403)
  expect(long.received[0]?.kind).toBe('denied')
})

test('[yjs 3] the room without a name either is a room or is refused', async () => {
  await using client = connectYjs(roomsOf(cluster.nodes[0]!), '')
  await until('it is decided', () => client.isClosed || client.of('step1').length > 0)
})
