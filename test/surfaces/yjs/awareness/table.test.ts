import { expect, test } from 'vitest'
import { MalformedAwareness } from '../../../../src/surfaces/yjs/awareness/codec.ts'
import {
  type AwarenessTable,
  DEFAULT_LIMITS,
  makeAwarenessTable,
} from '../../../../src/surfaces/yjs/awareness/table.ts'
import { fannedOut, type Said, toSaid, update } from './support.ts'

const table = (): AwarenessTable => makeAwarenessTable({ node: 'A' })
const present = (of: AwarenessTable): Said[] => of.present({}).map(toSaid)

/** A connection that has said something already: its next frame announces nobody. */
function listener(of: AwarenessTable): object {
  const connection = {}
  of.receive(connection, update(), 0)
  return connection
}

/** A client that came with clock k, left without a word at 0 and was removed. */
function removed(of: AwarenessTable, id: number, clock: number): void {
  const connection = {}
  of.receive(connection, update([id, clock, '{}']), 0)
  of.left(connection, 0)
  expect(fannedOut(of.tick(2_500))).toEqual([[id, clock, 'null']])
}

test('[yjs 15.6] a change is fanned out once; the copies that everybody sends back are not', () => {
  const room = table()
  const connections = Array.from({ length: 6 }, () => ({}))
  connections.forEach((each, id) => room.receive(each, update([id, 1, '{}']), 0))
  expect(fannedOut(room.receive(connections[0]!, update([0, 2, '{"a":1}']), 1))).toEqual([
    [0, 2, '{"a":1}'],
  ])
  for (const each of connections) {
    const out = room.receive(each, update([0, 2, '{"a":1}']), 2)
    expect(out).toEqual({ fanOut: [], publish: undefined })
  }
})

test('[yjs 6.2] the first {} at clock 0 is not fanned out, the next renewal is', () => {
  const room = table()
  const connection = {}
  expect(room.receive(connection, update([1, 0, '{}']), 0)).toEqual({
    fanOut: [],
    publish: undefined,
  })
  expect(present(room)).toEqual([])
  expect(fannedOut(room.receive(connection, update([1, 1, '{}']), 15_000))).toEqual([[1, 1, '{}']])
})

test('[yjs 6.4] JSON is looked at only if the entry would count', () => {
  const room = table()
  const connection = {}
  room.receive(connection, update([1, 5, '{}']), 0)
  expect(fannedOut(room.receive(connection, update([1, 5, '{broken']), 1))).toEqual([])
  expect(() => room.receive(connection, update([2, 1, '{}'], [1, 6, '{broken']), 1)).toThrow(
    MalformedAwareness,
  )
  expect(present(room)).toEqual([[1, 5, '{}']])
})

test('[yjs 6.6] an abrupt end is null at the same clock, after the grace, for exactly its clients', () => {
  const room = table()
  const [ann, bob] = [{}, {}]
  room.receive(ann, update([1, 4, '{}']), 0)
  room.receive(bob, update([2, 4, '{}']), 0)
  expect(fannedOut(room.left(ann, 1_000))).toEqual([])
  expect(fannedOut(room.tick(3_499))).toEqual([])
  const out = room.tick(3_500)
  expect(fannedOut(out)).toEqual([[1, 4, 'null']])
  expect(out.publish).toBeDefined()
  expect(present(room)).toEqual([[2, 4, '{}']])
})

test('[yjs 6.7] who comes back within the grace is not removed; joiners do not see it in between', () => {
  const room = table()
  const [before, after] = [{}, {}]
  room.receive(before, update([1, 4, '{}']), 0)
  room.left(before, 0)
  expect(present(room)).toEqual([])
  // Again, since a joiner has not been told; to the others it is no news.
  expect(fannedOut(room.receive(after, update([1, 4, '{}']), 1_000))).toEqual([[1, 4, '{}']])
  expect(fannedOut(room.tick(10_000))).toEqual([])
  expect(present(room)).toEqual([[1, 4, '{}']])
})

test('[yjs 6.7] who comes back later is raised above its tombstone', () => {
  const room = table()
  removed(room, 1, 4)
  const back = {}
  room.present(back)
  expect(fannedOut(room.receive(back, update([1, 4, '{"a":1}']), 3_000))).toEqual([
    [1, 5, '{"a":1}'],
  ])
  expect(fannedOut(room.receive(back, update([1, 6, '{"a":2}']), 3_001))).toEqual([
    [1, 6, '{"a":2}'],
  ])
})

test('[yjs 6.7] a change made before the raise is heard of comes through; the echo of the raise does not', () => {
  const room = table()
  removed(room, 1, 4)
  const back = {}
  room.receive(back, update([1, 4, '{"a":1}']), 3_000)
  expect(fannedOut(room.receive(back, update([1, 5, '{"a":2}']), 3_001))).toEqual([
    [1, 6, '{"a":2}'],
  ])
  expect(fannedOut(room.receive(back, update([1, 6, '{"a":2}']), 3_002))).toEqual([])
})

test('[yjs 6.7] who missed the raise and returns within the grace is not stuck below it', () => {
  const room = table()
  removed(room, 1, 4)
  const [once, twice] = [{}, {}]
  room.receive(once, update([1, 4, '{"a":1}']), 3_000)
  room.left(once, 3_001)
  expect(fannedOut(room.receive(twice, update([1, 4, '{"a":1}']), 3_002))).toEqual([
    [1, 6, '{"a":1}'],
  ])
})

test.each([
  ['a later frame', (room: AwarenessTable) => listener(room)],
  [
    'a connection that announced another',
    (room: AwarenessTable) => {
      const connection = {}
      room.receive(connection, update([7, 1, '{}']), 0)
      return connection
    },
  ],
])('[yjs 6.7] %s does not revive what is gone', (_, makeConnection) => {
  const room = table()
  const connection = makeConnection(room)
  removed(room, 1, 4)
  const out = room.receive(connection, update([1, 4, '{}']), 3_000)
  expect(out).toEqual({ fanOut: [], publish: undefined })
})

test('[yjs 6.7] a first frame with two clients announces neither', () => {
  const room = table()
  removed(room, 1, 4)
  expect(fannedOut(room.receive({}, update([1, 4, '{}'], [2, 0, '{}']), 3_000))).toEqual([])
})

test('[yjs 6.7] a client without a state that sends back what it was told announces nobody', () => {
  const room = table()
  const [ann, watcher] = [{}, {}]
  room.receive(ann, update([1, 4, '{}']), 0)
  expect(room.present(watcher).map(toSaid)).toEqual([[1, 4, '{}']])
  room.receive(watcher, update([1, 4, '{}']), 1)
  room.left(watcher, 2)
  expect(room.nextAt()).toBe(30_000)
  expect(fannedOut(room.receive(ann, update([1, 4, 'null']), 3))).toEqual([[1, 4, 'null']])
})

test('[yjs 6.7] nor does it revive who was removed meanwhile', () => {
  const room = table()
  const [ann, watcher] = [{}, {}]
  room.receive(ann, update([1, 4, '{}']), 0)
  room.present(watcher)
  room.left(ann, 0)
  room.tick(2_500)
  expect(fannedOut(room.receive(watcher, update([1, 4, '{}']), 2_501))).toEqual([])
})

test('a client that returns while its old connection still seems open belongs to the new one', () => {
  const room = table()
  const [stale, fresh] = [{}, {}]
  room.receive(stale, update([1, 4, '{}']), 0)
  expect(fannedOut(room.receive(fresh, update([1, 4, '{}']), 1_000))).toEqual([])
  room.left(stale, 2_000)
  expect(fannedOut(room.tick(10_000))).toEqual([])
})

test('[yjs 6.8] null counts only from the connection that brought the client', () => {
  const room = table()
  const [ann, bob] = [{}, {}]
  room.receive(ann, update([1, 4, '{}']), 0)
  room.receive(bob, update([2, 4, '{}']), 0)
  expect(fannedOut(room.receive(bob, update([1, 4, 'null']), 1))).toEqual([])
  expect(fannedOut(room.receive(bob, update([1, 9, 'null']), 1))).toEqual([])
  expect(fannedOut(room.receive(ann, update([1, 4, 'null']), 1))).toEqual([[1, 4, 'null']])
  expect(fannedOut(room.left(ann, 2))).toEqual([])
  expect(fannedOut(room.tick(10_000))).toEqual([])
})

test('a tab that is quicker with a change of another tab does not take the client over', () => {
  const room = table()
  const [tab, sibling] = [{}, {}]
  room.receive(tab, update([1, 1, '{}']), 0)
  room.receive(sibling, update([2, 1, '{}']), 0)
  expect(fannedOut(room.receive(sibling, update([1, 2, '{"a":1}']), 1))).toHaveLength(1)
  room.left(sibling, 2)
  expect(fannedOut(room.tick(10_000))).toEqual([[2, 1, 'null']])
  expect(fannedOut(room.receive(tab, update([1, 3, 'null']), 10_001))).toEqual([[1, 3, 'null']])
})

test('[yjs 6.8] a connection brings only a few clients', () => {
  const room = table()
  const connection = listener(room)
  for (let id = 1; id <= 9; id++) room.receive(connection, update([id, 1, '{}']), 0)
  expect(present(room).map(([id]) => id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  room.receive(connection, update([1, 1, 'null'], [9, 1, '{}']), 1)
  expect(present(room).map(([id]) => id)).toEqual([2, 3, 4, 5, 6, 7, 8, 9])
})

test('[yjs 6.6] who is not renewed for 30 s is removed, though its connection is open; a renewal brings it back', () => {
  const room = table()
  const connection = {}
  room.receive(connection, update([1, 4, '{}']), 0)
  room.receive(connection, update([1, 5, '{}']), 15_000)
  expect(fannedOut(room.tick(44_999))).toEqual([])
  const out = room.tick(45_000)
  expect(fannedOut(out)).toEqual([[1, 5, 'null']])
  expect(out.publish).toBeDefined()
  expect(fannedOut(room.receive(connection, update([1, 6, '{}']), 45_001))).toEqual([[1, 6, '{}']])
})

test('[yjs 6.6] a tombstone is kept for 60 s', () => {
  const room = table()
  removed(room, 1, 4)
  const late = (at: number): Said[] =>
    fannedOut(room.receive(listener(room), update([1, 4, '{}']), at))
  room.tick(62_499)
  expect(late(62_499)).toEqual([])
  room.tick(62_500)
  expect(late(62_500)).toEqual([[1, 4, '{}']])
})

test('[yjs 6.6] tombstones are bounded: the oldest goes', () => {
  const room = makeAwarenessTable({ node: 'A', limits: { ...DEFAULT_LIMITS, tombstones: 2 } })
  for (const id of [1, 2, 3]) removed(room, id, 4)
  const connection = listener(room)
  const revived = [1, 2, 3].filter(
    (id) => room.receive(connection, update([id, 4, '{}']), 3_000).fanOut.length > 0,
  )
  expect(revived).toEqual([1])
})

test('an idle room needs no tick', () => {
  const room = table()
  expect(room.nextAt()).toBeUndefined()
  const connection = {}
  room.receive(connection, update([1, 4, '{}']), 1_000)
  expect(room.nextAt()).toBe(31_000)
  expect(room.isEmpty).toBe(false)
  room.left(connection, 2_000)
  expect(room.nextAt()).toBe(4_500)
  expect(room.isEmpty).toBe(false)
  room.tick(4_500)
  expect(room.isEmpty).toBe(true)
  expect(room.nextAt()).toBe(64_500)
  room.tick(64_500)
  expect(room.nextAt()).toBeUndefined()
})

test('what was received may be overwritten afterwards', () => {
  const room = table()
  const frame = update([1, 1, '{"a":1}'])
  const out = room.receive({}, frame, 0)
  frame.fill(0)
  expect(fannedOut(out)).toEqual([[1, 1, '{"a":1}']])
  expect(present(room)).toEqual([[1, 1, '{"a":1}']])
})

test('the greatest clock is not raised', () => {
  const room = table()
  const most = Number.MAX_SAFE_INTEGER
  removed(room, 1, most)
  expect(fannedOut(room.receive({}, update([1, most, '{}']), 3_000))).toEqual([[1, most, '{}']])
})
