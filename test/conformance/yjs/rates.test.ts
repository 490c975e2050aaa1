/** What is above the rates of a connection waits; and what a node counts. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as Y from 'yjs'
import { makeCluster } from '../../support/cluster.ts'
import type { Cluster } from '../../support/cluster.ts'
import { until } from '../../support/wait.ts'
import { awarenessOf, connectYjs, presencesIn, roomsOf, updateOf } from '../../support/yjs.ts'
import { makePeer } from '../../support/yjsPeers.ts'
import { readRoom } from '../../support/yjsStored.ts'

let cluster: Cluster
beforeAll(async () => {
  const env = { YJS_MAX_UPDATES: '20', YJS_MAX_AWARENESS_MESSAGES: '10', MAX_MESSAGES: '0' }
  cluster = await makeCluster(1, { redisUrl: '', env })
})
afterAll(() => cluster[Symbol.asyncDispose]())

const rooms = (): string => roomsOf(cluster.nodes[0]!)

/** One after the other, each one edit. */
function typing(count: number, text = 'x'): Uint8Array[] {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(updateOf(update)))
  for (let at = 0; at < count; at++) doc.getText('t').insert(at, text)
  return updates
}

test('[yjs 13.2] updates above the rate are stored later, each of them, on the same connection', async () => {
  await using client = await connectYjs(rooms(), 'hasty').opened()
  await client.asks()
  const began = Date.now()
  client.send(...typing(80))
  await until('all are echoed', () => client.doc().getText('t').length === 80)
  // Forty at once, twenty a second.
  expect(Date.now() - began).toBeGreaterThan(1_900)
  expect(client.isClosed).toBe(false)
  expect((await cluster.metrics()).of('limits_hit_total', { limit: 'YJS_MAX_UPDATES' })).toBe(1)
})

test('[yjs 13.2] a client above the rate delays nobody else', async () => {
  await using hasty = await connectYjs(rooms(), 'together').opened()
  hasty.send(...typing(100))
  await using ann = await makePeer(rooms(), 'together').synced()
  ann.text.insert(0, 'hello')
  const echoed = async (): Promise<boolean> =>
    (await readRoom(cluster.databaseUrl, 'together')).doc().getText('t').toJSON().includes('hello')
  await until('it is stored', echoed)
  expect(hasty.doc().getText('t').length).toBeLessThan(100)
})

test('[yjs 13.2] what waited is stored although its client has left', async () => {
  const client = await connectYjs(rooms(), 'left').opened()
  await client.asks()
  client.send(...typing(100))
  await client.close()
  await until('all are stored', async () => {
    const stored = await readRoom(cluster.databaseUrl, 'left')
    return stored.doc().getText('t').length === 100
  })
})

test('[yjs 13.2] what waits has a bound, and then that connection alone is closed with 1013', async () => {
  await using other = await makePeer(rooms(), 'flood').synced()
  await using client = await connectYjs(rooms(), 'flood').opened()
  await client.asks()
  client.send(...typing(200, 'x'.repeat(60_000)))
  expect(await client.closed).toEqual({ code: 1013, reason: 'too many unanswered messages' })
  expect(other.provider.wsconnected).toBe(true)
  const closed = { surface: 'yjs', code: 'try_later' }
  expect((await cluster.metrics()).of('protocol_errors_total', closed)).toBe(1)
})

test('[yjs 13.2] of awareness above the rate the last word is told', async () => {
  await using ann = await connectYjs(rooms(), 'cursors').opened()
  await using bob = await connectYjs(rooms(), 'cursors').opened()
  await ann.asks()
  await bob.asks()
  for (let clock = 1; clock <= 200; clock++)
    ann.send(awarenessOf({ id: 7, clock, state: { at: clock } }))
  const told = () => bob.of('awareness').flatMap(presencesIn)
  await until('the last one is told', () => told().some(({ clock }) => clock === 200))
  expect(told().length).toBeLessThan(60)
  expect(ann.isClosed).toBe(false)
})

test('a node counts what its rooms do', async () => {
  const before = await cluster.metrics()
  await using ann = await makePeer(rooms(), 'counted').synced()
  await using bob = await makePeer(rooms(), 'counted', { state: { name: 'bob' } }).synced()
  ann.text.insert(0, 'x'.repeat(100_000))
  ann.text.delete(0, 1)
  await until('bob has it', () => bob.text.length === 99_999)
  await ann.sees(bob.doc.clientID, true)
  ann.drop()
  await until('ann is back', () => ann.traffic.opens === 2)
  await ann.synced()
  const rise = async (name: string, labels = {}): Promise<number> =>
    (await cluster.metrics()).of(name, labels) - before.of(name, labels)
  await until('all is counted', async () => (await rise('redundant_updates_total')) > 0)
  expect(await rise('updates_checked_apart_total')).toBe(1)
  expect(await rise('awareness_messages_total')).toBeGreaterThan(1)
  const now = await cluster.metrics()
  expect(now.of('yjs_rooms')).toBeGreaterThan(0)
  expect(now.of('yjs_tasks_waiting')).toBe(0)
})

test('a node forgets a room soon after the last one has left', async () => {
  const ann = await makePeer(rooms(), 'forgotten', { state: { name: 'ann' } }).synced()
  const count = async (name: string): Promise<number> => (await cluster.metrics()).of(name)
  expect(await count('yjs_rooms')).toBeGreaterThan(0)
  await ann[Symbol.asyncDispose]()
  await until('no room is left', async () => (await count('yjs_rooms')) === 0)
  await until('nothing is followed', async () => (await count('followers')) === 0)
})
