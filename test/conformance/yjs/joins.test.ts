/** How a room comes to a client: large ones, slow readers, those who have it already. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import * as Y from 'yjs'
import { deleteSetUpdate } from '../../../src/surfaces/yjs/update/cut-deletes.ts'
import { IdSet } from '../../../src/surfaces/yjs/update/id-set.ts'
import type { Cluster } from '../../support/cluster.ts'
import { makeCluster } from '../../support/cluster.ts'
import { until } from '../../support/wait.ts'
import { connectYjs, roomsOf, updateOf } from '../../support/yjs.ts'
import type { YjsClient } from '../../support/yjs.ts'
import { makePeer } from '../../support/yjsPeers.ts'
import type { YjsPeer } from '../../support/yjsPeers.ts'
import { readRoom } from '../../support/yjsStored.ts'

const { redisUrl } = inject('services')
const MIB = 1024 * 1024
const LARGE_PARTS = 10

let cluster: Cluster
beforeAll(async () => {
  cluster = await makeCluster(2)
})
afterAll(() => cluster[Symbol.asyncDispose]())

const rooms = (index: number) => roomsOf(cluster.nodes[index]!)
const lengthOf = async (room: string) => (await cluster.nodes[0]!.document(`yjs/${room}`))?.length
const largest = (frames: readonly { length: number }[]) =>
  Math.max(...frames.map(({ length }) => length))

/** A room of 20 MB, made by large insertions of text. */
async function fill(peer: YjsPeer): Promise<void> {
  for (let i = 0; i < LARGE_PARTS; i++) {
    peer.text.insert(peer.text.length, `<${i}>`.repeat(MIB).slice(0, 2 * MIB))
    await until('it is stored', () => heardBytes(peer) > (i + 1) * 2 * MIB)
  }
}
const heardBytes = ({ traffic }: YjsPeer) =>
  traffic.heard.reduce((sum, { length }) => sum + length, 0)

test.skipIf(!redisUrl)(
  '[yjs 15.12] 2 MiB in one update arrive at others, and at those who join, in frames of at most 1 MiB',
  async () => {
    await using author = await makePeer(rooms(0), 'two').synced()
    await using near = await makePeer(rooms(0), 'two').synced()
    await using far = await makePeer(rooms(1), 'two').synced()
    author.text.insert(0, 'é'.repeat(MIB))
    for (const { text } of [near, far]) await until('it is here', () => text.length === MIB)
    await using late = await makePeer(rooms(1), 'two').synced()
    expect(late.text.length).toBe(MIB)
    for (const { traffic } of [author, near, far, late]) {
      expect(largest(traffic.heard)).toBeLessThanOrEqual(MIB)
      expect(traffic.heard.filter(({ length }) => length > 1024).length).toBeGreaterThan(1)
    }
  },
)

test.skipIf(!redisUrl)(
  '[yjs 13.3] a room of 20 MB comes in frames of at most 1 MiB, and a slow reader is paused and caught up on its connection',
  { timeout: 120_000 },
  async () => {
    const [, node] = cluster.nodes
    await using author = await makePeer(rooms(0), 'large').synced()
    await using slow = await connectYjs(rooms(1), 'large').opened()
    await fill(author)
    slow.send('00000100')
    slow.socket.pause()
    await until('it is paused', async () => (await node!.metrics()).of('sessions_paused') === 1)
    const before = await node!.memory()
    author.text.insert(0, 'written while it was paused')
    await until('it is stored', () => heardBytes(author) > LARGE_PARTS * 2 * MIB + 27)
    expect((await node!.memory()) - before).toBeLessThan(20 * MIB)
    slow.socket.resume()
    const whole = author.text.length
    await until('it has everything', () => {
      const bytes = slow.received.reduce((sum, { payload }) => sum + payload.length, 0)
      return bytes >= whole && slow.of('step2').length === 1 && slow.of('update').length > 1
    })
    await until('it is the same', () => slow.doc().getText('t').length === whole)
    expect(slow.isClosed).toBe(false)
    expect(largest(slow.received.map(({ payload }) => payload))).toBeLessThanOrEqual(MIB)
    expect(largest(author.traffic.heard)).toBeLessThanOrEqual(MIB)
    await using late = await makePeer(rooms(0), 'large').synced()
    expect(late.text.toJSON() === author.text.toJSON()).toBe(true)
    expect(largest(late.traffic.heard)).toBeLessThanOrEqual(MIB)
  },
)

test('[yjs 13.3] deletions of more than a message has room for come in several', async () => {
  const count = 300_000
  const doc = new Y.Doc()
  doc.clientID = 7
  doc.getText('t').insert(0, 'ab'.repeat(count))
  // Every second character.
  const deletes = new IdSet()
  for (let at = 0; at < count; at++) deletes.add(7, 2 * at, 2 * at + 1)
  await using author = await connectYjs(rooms(0), 'riddled').opened()
  author.send(updateOf(Y.encodeStateAsUpdate(doc)), updateOf(deleteSetUpdate(deletes)))
  const echoed = () => author.of('update').reduce((sum, { payload }) => sum + payload.length, 0)
  await until('it is stored', () => echoed() > 1.5 * MIB)
  for (const stateVector of ['00', '0107e0a712', '0107c0cf24']) {
    await using client = await connectYjs(rooms(0), 'riddled').opened()
    await client.asks(stateVector)
    expect(largest(client.received.map(({ payload }) => payload))).toBeLessThanOrEqual(MIB)
    const known = new Y.Doc()
    Y.applyUpdate(known, Y.encodeStateAsUpdate(doc))
    for (const { kind, payload } of client.received)
      if (kind === 'update' || kind === 'step2') Y.applyUpdate(known, payload)
    expect(known.getText('t').toJSON() === 'b'.repeat(count)).toBe(true)
  }
})

test('[yjs 13.2] twenty thousand edits made in a loop arrive on the connection on which they were sent', async () => {
  await using author = await makePeer(rooms(0), 'loop').synced()
  await using other = await makePeer(rooms(0), 'loop', { version: '1.5.4' }).synced()
  for (let at = 0; at < 20_000; at++) author.text.insert(at, 'abc'.charAt(at % 3))
  await until('all are here', () => other.text.length === 20_000)
  expect(other.text.toJSON() === author.text.toJSON()).toBe(true)
  for (const { traffic } of [author, other]) expect(traffic).toMatchObject({ opens: 1, closes: [] })
})

test('[yjs 15.14] reconnecting 100 times without edits adds no rows and tells nobody', async () => {
  await using bystander = await connectYjs(rooms(0), 'restless').opened()
  await bystander.asks()
  await using peer = await makePeer(rooms(0), 'restless').synced()
  peer.text.insert(0, 'some text')
  peer.text.delete(0, 5)
  await until('both are told', () => bystander.doc().getText('t').toJSON() === 'text')
  const before = { length: await lengthOf('restless'), told: bystander.of('update').length }
  for (let i = 0; i < 100; i++) {
    peer.provider.disconnect()
    peer.provider.connect()
    await peer.synced()
  }
  expect(peer.traffic.opens).toBe(101)
  expect(await lengthOf('restless')).toBe(before.length)
  peer.text.insert(0, '!')
  await until('it is told', () => bystander.doc().getText('t').toJSON() === '!text')
  expect(bystander.of('update')).toHaveLength(before.told + 1)
})

test('[yjs 10.4] a page that sends all of a copy that it has kept, as y-indexeddb makes it do, adds nothing and alone is told', async () => {
  await using author = await makePeer(rooms(0), 'kept').synced()
  author.text.insert(0, 'a long text '.repeat(1_000))
  author.text.delete(0, 12)
  await using bystander = await connectYjs(rooms(0), 'kept').opened()
  await until('it is stored', async () => ((await lengthOf('kept')) ?? 0) > 12_000)
  await bystander.asks()
  const before = { length: await lengthOf('kept'), told: bystander.of('update').length }
  const kept = Y.encodeStateAsUpdate(author.doc)
  await using page = await connectYjs(rooms(0), 'kept').opened()
  page.send(updateOf(kept))
  const echo = await until('it is echoed', () => page.of('update')[0])
  expect(Buffer.from(echo.payload).equals(kept)).toBe(true)
  // With something new in it, it is stored, and told to all.
  const doc = new Y.Doc()
  Y.applyUpdate(doc, kept)
  doc.getText('t').insert(0, 'new ')
  page.send(updateOf(Y.encodeStateAsUpdate(doc)))
  await until('it is told', () => bystander.doc().getText('t').toJSON().startsWith('new '))
  expect(bystander.of('update')).toHaveLength(before.told + 1)
  const growth = (await lengthOf('kept'))! - before.length!
  expect(growth).toBeGreaterThan(kept.length)
  expect(growth).toBeLessThan(1.5 * kept.length)
})

test.skipIf(!redisUrl)(
  '[yjs 5.2] who says what it has is given the rest, on the other node too',
  async () => {
    await using author = await makePeer(rooms(0), 'rest').synced()
    author.text.insert(0, 'x'.repeat(100_000))
    await using first = await connectYjs(rooms(0), 'rest').opened()
    await until('it is stored', async () => ((await lengthOf('rest')) ?? 0) > 100_000)
    await first.asks()
    const has = Buffer.from(Y.encodeStateVector(first.doc())).toString('hex')
    author.text.insert(100_000, ' and more')
    for (const index of [0, 1]) {
      await using second: YjsClient = await connectYjs(rooms(index), 'rest').opened()
      await until('it is there', async () => ((await lengthOf('rest')) ?? 0) > 100_020)
      const { payload } = await second.asks(has)
      expect(payload.length).toBeLessThan(100)
      expect(Buffer.from(payload).toString('latin1')).toContain(' and more')
    }
  },
)

test('a large update is stored although its client leaves while it is being looked at', async () => {
  const client = await connectYjs(rooms(0), 'hurried').opened()
  await client.asks()
  const doc = new Y.Doc()
  doc.getText('t').insert(0, 'x'.repeat(3 * MIB))
  client.send(updateOf(Y.encodeStateAsUpdate(doc)))
  await client.close()
  await until('it is stored', async () => {
    const stored = await readRoom(cluster.databaseUrl, 'hurried')
    return stored.doc().getText('t').length === 3 * MIB
  })
})
