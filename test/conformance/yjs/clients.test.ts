/** Unmodified clients of every version, on two nodes: what they write meets, whatever happens between. */
import * as Y14 from '@y/y'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { WebSocket } from 'ws'
import { WebsocketProvider as Version4 } from 'y-websocket-4'
import * as Y from 'yjs'
import type { Cluster } from '../../support/cluster.ts'
import { makeCluster } from '../../support/cluster.ts'
import { seededRandom } from '../../support/random.ts'
import { sleep, until } from '../../support/wait.ts'
import { connectYjs, roomsOf } from '../../support/yjs.ts'
import { areEqual, makePeer, versions } from '../../support/yjsPeers.ts'
import type { YjsPeer } from '../../support/yjsPeers.ts'

const { redisUrl } = inject('services')
const random = seededRandom('yjs clients')
const OPERATIONS = 300

let cluster: Cluster
beforeAll(async () => {
  // What was folded is deleted while clients are in the middle of it.
  cluster = await makeCluster(2, { env: { YJS_FOLD_DELAY_MS: '1000' } })
})
afterAll(() => cluster[Symbol.asyncDispose]())

const rooms = (index: number) => roomsOf(cluster.nodes[index % 2]!)

test.skipIf(!redisUrl)(
  '[yjs 15.18] clients of 1.5.4, 2.1.0, 3.1.0 and 4.0.0-3 (Yjs 14, ids of 53 bits) write to one room',
  async () => {
    await using observer = await connectYjs(rooms(0), 'versions').opened()
    await observer.asks()
    const peers = versions.map((version, i) => makePeer(rooms(i), 'versions', { version }))
    const doc = new Y14.Doc()
    const next = new Version4(rooms(1), 'versions', doc, {
      disableBc: true,
      WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    })
    const text = doc.get('t')
    await Promise.all(peers.map((peer) => peer.synced()))
    await until('the next one is synced', () => next.synced)
    expect(doc.clientID).toBeGreaterThan(2 ** 32)

    for (const [i, peer] of peers.entries()) peer.text.insert(0, `<${versions[i]}>`)
    text.insert(0, '<4.0.0>')
    const words = [...versions, '4.0.0'].map((version) => `<${version}>`)
    for (const word of words) for (const peer of peers) await peer.hears(word)
    await until('the next one has all', () => words.every((word) => text.toString().includes(word)))
    expect(areEqual(peers.map((peer) => peer.doc))).toBe(true)
    expect(text.toString()).toBe(peers[0]?.text.toJSON())

    // Its own content comes back to it; the releases after it count on that.
    const own = observer.of('update').filter(({ payload }) => {
      const { structs } = Y.decodeUpdate(payload)
      return structs.some(({ id }) => id.client === doc.clientID)
    })
    expect(own).toHaveLength(1)
    next.destroy()
    doc.destroy()
    for (const peer of peers) await peer[Symbol.asyncDispose]()
  },
)

test.skipIf(!redisUrl)(
  '[yjs 15.11] what was written offline on both sides merges, and is whole at the event `sync` after a restart',
  async () => {
    const offline = versions.flatMap((version, i) =>
      ['Ann', 'Bob'].map((author, k) => ({ version, author, doc: new Y.Doc(), at: i + k })),
    )
    for (const { version, author, doc, at } of offline) {
      await using peer = await makePeer(rooms(at), `offline ${version}`, { version, doc }).synced()
      peer.provider.disconnect()
      peer.text.insert(0, `by ${author}. `)
    }
    for (const { version, author, doc, at } of offline) {
      await using peer = makePeer(rooms(at), `offline ${version}`, { version, doc })
      await until('it is told of its own', () =>
        peer.traffic.heard.some((frame) => frame.includes(`by ${author}. `)),
      )
    }
    for (const node of cluster.nodes) {
      await node.stop()
      await node.start()
    }
    for (const version of versions) {
      await using late = makePeer(rooms(0), `offline ${version}`, { version })
      let atSync = ''
      late.provider.on('sync', () => (atSync = late.text.toJSON()))
      await late.synced()
      expect([atSync.length, atSync.includes('by Ann. ')]).toEqual([
        16,
        atSync.includes('by Bob. '),
      ])
    }
  },
)

test.skipIf(!redisUrl)(
  `[yjs 15.13] ${OPERATIONS} random operations, reconnections and folds: all are equal, and a fresh client equals them`,
  { timeout: 120_000 },
  async () => {
    const peers = [0, 1, 2, 3].map((i) =>
      makePeer(rooms(i), 'random', { version: versions[i % versions.length]! }),
    )
    await Promise.all(peers.map((peer) => peer.synced()))
    for (let i = 0; i < OPERATIONS; i++) {
      operate(random.pick(peers), i)
      await sleep(random.between(0, 20)) // people are not that quick
    }
    for (const { provider } of peers) provider.connect()
    await until('all are equal', () => areEqual(peers.map(({ doc }) => doc)), { withinMs: 60_000 })
    for (const index of [0, 1]) {
      await using fresh = await makePeer(rooms(index), 'random').synced()
      expect(areEqual([fresh.doc, peers[0]!.doc])).toBe(true)
    }
    expect((await cluster.metrics()).of('folds_total')).toBeGreaterThan(0)
    for (const peer of peers) await peer[Symbol.asyncDispose]()
  },
)

function operate(peer: YjsPeer, i: number): void {
  const { text, provider } = peer
  const what = random.next()
  const at = random.between(0, text.length + 1)
  if (what < 0.5) text.insert(at, `${i} `)
  else if (what < 0.6) text.insert(at, `${i}, pasted. `.repeat(1_000))
  else if (what < 0.8) text.delete(at, Math.min(text.length - at, random.between(0, 50)))
  else if (what < 0.9) text.format(at, Math.min(text.length - at, 20), { bold: random.chance(0.5) })
  else if (what < 0.94) peer.drop()
  else if (what < 0.97) provider.disconnect()
  else provider.connect()
}
