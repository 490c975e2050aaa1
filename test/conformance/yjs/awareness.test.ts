/** Who is here: filtered by clock, echoed, told to who joins, removed, and back again. On two nodes. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { Cluster } from '../../support/cluster.ts'
import { makeCluster } from '../../support/cluster.ts'
import { until } from '../../support/wait.ts'
import { awarenessOf, connectYjs, presencesIn, roomsOf } from '../../support/yjs.ts'
import type { Presence, YjsClient } from '../../support/yjs.ts'
import { makePeer, socketOf, versions } from '../../support/yjsPeers.ts'

const { redisUrl } = inject('services')
const AW1 = '011b010101177b2275736572223a7b226e616d65223a22416e6e227d7d'
const RETURN_MS = 1_000

let cluster: Cluster
beforeAll(async () => {
  cluster = await makeCluster(2)
})
afterAll(() => cluster[Symbol.asyncDispose]())

const rooms = (index: number) => roomsOf(cluster.nodes[index]!)
const at = async (index: number, room: string): Promise<YjsClient> => {
  const client = await connectYjs(rooms(index), room).opened()
  await client.asks()
  return client
}
/** As a client that has nothing to show yet. */
const observe = async (index: number, room: string): Promise<YjsClient> => {
  const client = await at(index, room)
  client.send(awarenessOf({ id: 1_000_000 + nextObserver++, clock: 0, state: {} }))
  await client.asks()
  return client
}
let nextObserver = 0
/** All that a client was told of another one, in order. */
const toldOf = (client: YjsClient, id: number): Presence[] =>
  client
    .of('awareness')
    .flatMap(presencesIn)
    .filter((each) => each.id === id)
const clocksOf = (client: YjsClient, id: number) =>
  toldOf(client, id).map(({ clock, state }) => (state === null ? `${clock} gone` : String(clock)))
const isHere = (clients: readonly YjsClient[], id: number) =>
  until(`${id} is here`, () => clients.every((client) => toldOf(client, id).length > 0))

test.skipIf(!redisUrl)(
  '[yjs 15.6] a state goes to all, its sender among them, and is not told again whoever sends it again',
  async () => {
    await using sender = await observe(0, 'clocks')
    await using neighbour = await observe(0, 'clocks')
    await using far = await observe(1, 'clocks')
    const all = [sender, neighbour, far]
    sender.send(AW1)
    for (const client of all) await client.hears(AW1)
    for (const client of all) {
      client.send(AW1, AW1)
      await client.asks()
    }
    sender.send(awarenessOf({ id: 1, clock: 2, state: { user: { name: 'Ann' } } }))
    for (const client of all) {
      await until('the next one', () => clocksOf(client, 1).includes('2'))
      expect(clocksOf(client, 1)).toEqual(['1', '2'])
    }
  },
)

test.skipIf(!redisUrl)(
  '[yjs 15.6] with 6 clients that send back what they hear, one change is 6 frames in total',
  async () => {
    const peers = [0, 1, 0, 1, 0, 1].map((index) => makePeer(rooms(index), 'six'))
    await Promise.all(peers.map((peer) => peer.synced()))
    const [first] = peers
    const change = async (cursor: number) => {
      first!.provider.awareness.setLocalStateField('cursor', cursor)
      for (const { provider } of peers)
        await until('it is seen', () => {
          const state = provider.awareness.getStates().get(first!.doc.clientID)
          return state?.cursor === cursor
        })
    }
    await change(1)
    // What they sent back has been heard when a later question is answered.
    const isStep2 = (frame: Buffer) => frame[0] === 0 && frame[1] === 1
    for (const { provider, traffic } of peers) {
      const before = traffic.heard.filter(isStep2).length
      socketOf(provider)?.send(Buffer.from('00000100', 'hex'))
      await until('all was heard', () => traffic.heard.filter(isStep2).length > before)
    }
    await change(2)
    const frames = peers.flatMap(({ traffic }) => traffic.heard.filter((frame) => frame[0] === 1))
    const about = frames.filter((frame) => frame.includes('"cursor"'))
    expect(about).toHaveLength(12)
    for (const peer of peers) await peer[Symbol.asyncDispose]()
  },
)

test.skipIf(!redisUrl)('[yjs 15.7] who joins late is told who is here, unasked', async () => {
  await using present = await at(0, 'late')
  present.send(AW1)
  await present.hears(AW1)
  for (const index of [0, 1]) {
    await using late = await connectYjs(rooms(index), 'late').opened()
    await late.hears(AW1)
  }
})

test.skipIf(!redisUrl)(
  '[yjs 15.7] an abrupt end removes, at the same clock, who came with that connection and nobody else',
  async () => {
    await using observer = await observe(0, 'abrupt')
    await using far = await observe(1, 'abrupt')
    await using going = await at(0, 'abrupt')
    await using staying = await at(0, 'abrupt')
    going.send(awarenessOf({ id: 11, clock: 3, state: { a: 1 } }))
    going.send(awarenessOf({ id: 12, clock: 5, state: { a: 1 } }))
    staying.send(awarenessOf({ id: 13, clock: 7, state: { a: 1 } }))
    for (const id of [11, 12, 13]) await isHere([observer, far, going], id)
    // As clients do.
    going.send(awarenessOf({ id: 13, clock: 7, state: { a: 1 } }))
    await going.asks()
    going.socket.terminate()
    for (const client of [observer, far]) {
      await until('they are gone', () => [11, 12].every((id) => toldOf(client, id).length === 2))
      expect(clocksOf(client, 11)).toEqual(['3', '3 gone'])
      expect(clocksOf(client, 12)).toEqual(['5', '5 gone'])
      expect(clocksOf(client, 13)).toEqual(['7'])
    }
  },
)

test.skipIf(!redisUrl)('[yjs 6.8] nobody removes a client that is not its own', async () => {
  await using observer = await observe(1, 'removal')
  await using owner = await at(0, 'removal')
  owner.send(awarenessOf({ id: 21, clock: 3, state: { a: 1 } }))
  await isHere([observer], 21)
  for (const index of [0, 1]) {
    await using stranger = await at(index, 'removal')
    await isHere([stranger], 21)
    stranger.send(awarenessOf({ id: 21, clock: 3, state: null }))
    await stranger.asks()
  }
  owner.send(awarenessOf({ id: 21, clock: 4, state: { a: 2 } }))
  await until('it goes on', () => toldOf(observer, 21).length === 2)
  expect(clocksOf(observer, 21)).toEqual(['3', '4'])
})

const returns = [
  { where: 'the same node', back: 0 },
  { where: 'another node', back: 1 },
]

describe.concurrent('those who come back', () => {
  test.skipIf(!redisUrl).each(returns)(
    '[yjs 15.7] who comes back to $where before it was removed is never gone',
    async ({ where, back }) => {
      const room = `before ${where}`
      await using observer = await observe(0, room)
      await using far = await observe(1, room)
      const state = awarenessOf({ id: 31, clock: 4, state: { a: 1 } })
      const going = await at(0, room)
      going.send(state)
      await isHere([observer, far], 31)
      const other = await at(0, room)
      other.send(awarenessOf({ id: 32, clock: 1, state: { a: 1 } }))
      await isHere([observer, far], 32)
      going.socket.terminate()
      await using again = await connectYjs(rooms(back), room).opened()
      again.send('00000100', state)
      await until('it is heard', () => again.of('step2').length === 1)
      // Whoever goes now is removed after the time at which the first one would have been.
      other.socket.terminate()
      for (const client of [observer, far]) {
        await until('the other is removed', () => clocksOf(client, 32).includes('1 gone'))
        // Had it been removed, its clock would have been raised.
        expect(new Set(clocksOf(client, 31))).toEqual(new Set(['4']))
      }
    },
  )

  test.skipIf(!redisUrl).each(returns)(
    '[yjs 15.7] who comes back to $where after it was removed is visible within a second, and stays',
    async ({ where, back }) => {
      const room = `after ${where}`
      await using observer = await observe(0, room)
      await using far = await observe(1, room)
      const state = awarenessOf({ id: 41, clock: 4, state: { a: 1 } })
      const going = await at(0, room)
      going.send(state)
      await isHere([observer, far], 41)
      going.socket.terminate()
      for (const client of [observer, far])
        await until('it is gone', () => clocksOf(client, 41).includes('4 gone'))
      await using again = await connectYjs(rooms(back), room).opened()
      again.send('00000100', state)
      const withinMs = RETURN_MS
      for (const client of [observer, far, again])
        await until('it is back', () => clocksOf(client, 41).includes('5'), { withinMs })
      // Others send back what they have heard, the removal among it.
      observer.send(awarenessOf({ id: 41, clock: 4, state: null }))
      again.send(awarenessOf({ id: 41, clock: 6, state: { a: 2 } }))
      for (const client of [observer, far]) {
        await until('it goes on', () => clocksOf(client, 41).includes('6'))
        expect(clocksOf(client, 41)).toEqual(['4', '4 gone', '5', '6'])
      }
    },
  )
})

test.skipIf(!redisUrl).each(versions)(
  '[yjs 15.7] a y-websocket %s whose connection breaks is seen by the others again within a second',
  async (version) => {
    const room = `broken ${version}`
    await using near = await makePeer(rooms(0), room).synced()
    await using far = await makePeer(rooms(1), room).synced()
    await using peer = makePeer(rooms(0), room, { version, state: { name: 'Ann' } })
    peer.provider.awareness.setLocalStateField('cursor', 1)
    await peer.synced()
    const id = peer.doc.clientID
    for (const other of [near, far]) await other.sees(id, true)
    peer.provider.disconnect()
    for (const other of [near, far]) await other.sees(id, false)
    peer.provider.connect()
    await peer.synced()
    for (const other of [near, far]) await other.sees(id, true, { withinMs: RETURN_MS })
    peer.drop()
    await until('it has reconnected', () => peer.traffic.opens === 3 && peer.provider.synced)
    for (const other of [near, far]) await other.sees(id, true, { withinMs: RETURN_MS })
  },
)
