import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { IdSet } from '../../../../src/surfaces/yjs/update/id-set.ts'
import { MalformedUpdate } from '../../../../src/surfaces/yjs/update/malformed.ts'
import { diffRecord, mergeRecords } from '../../../../src/surfaces/yjs/update/merge.ts'
import { readUpdate } from '../../../../src/surfaces/yjs/update/read-update.ts'
import { RoomSummary } from '../../../../src/surfaces/yjs/update/room-summary.ts'
import {
  decodeStateVector,
  encodeStateVector,
} from '../../../../src/surfaces/yjs/update/state-vector.ts'
import { seededRandom } from '../../../support/random.ts'
import { bytes, hex, makeRoom, vectors } from './support.ts'

const random = seededRandom('summaries')
const { U1, U2, U3, M12, M123, M13, MAC, MACB, A, B, C, K1, K2, KM, D5, D11, X2, MX, B1 } = vectors

const merged = (...updates: string[]): string => hex(mergeRecords(updates.map(bytes)))
const summaryOf = (updates: readonly Uint8Array[]): RoomSummary => {
  const summary = new RoomSummary()
  for (const update of updates) summary.take(readUpdate(update))
  return summary
}
const stateOf = (...updates: string[]): string =>
  hex(encodeStateVector(summaryOf(updates.map(bytes)).stateVector()))

test('[yjs 14] merges and differences', () => {
  expect(mergeRecords([])).toEqual(bytes('0000'))
  expect(merged(U1, U2)).toBe(M12)
  expect(merged(U2, U1)).toBe(M12)
  expect(merged(U1, U2, U3)).toBe(M123)
  expect(merged(U1, U3)).toBe(M13)
  expect(merged(U3, U1)).toBe(M13)
  expect(merged(A, C)).toBe(MAC)
  expect(merged(MAC, B)).toBe(MACB)
  expect(merged(K1, K2)).toBe(KM)
  expect(merged(U1, X2)).toBe(MX)
  const diff = (update: string, state: string): string =>
    hex(diffRecord(bytes(update), decodeStateVector(bytes(state), 10)))
  expect(diff(M123, '010105')).toBe(D5)
  expect(diff(M123, '01010b')).toBe(D11)
  expect(diff(MAC, '010101')).toBe(C)
  expect(diff(U1, '010163')).toBe('0000')
  expect(diff(U1, '010703')).toBe(U1)
})

test('[yjs 13.6] a difference costs what the update is long, however many clients the state vector names', () => {
  const has = new Map(Array.from({ length: 200_000 }, (_, at) => [1_000 + at, 5]))
  const began = performance.now()
  // As of a room whose log is so many small updates.
  for (let at = 0; at < 2_000; at++) expect(hex(diffRecord(bytes(U1), has))).toBe(U1)
  expect(hex(diffRecord(bytes(M123), has.set(1, 5)))).toBe(D5)
  // Read with every update, it would be half a minute.
  expect(performance.now() - began).toBeLessThan(5_000)
})

test('[yjs 14] state vectors', () => {
  expect(stateOf()).toBe('00')
  expect(stateOf(U1)).toBe('010105')
  expect(stateOf(M123)).toBe('01010b')
  expect(stateOf(U2)).toBe('00')
  expect(stateOf(U2, U1)).toBe('01010b')
  expect(stateOf(MAC)).toBe('010101')
  expect(stateOf(MAC, B)).toBe('010103')
  expect(stateOf(B1)).toBe('01ffffffff0f03')
  expect(stateOf(MX)).toBe('0202010105')
})

test('[yjs 13.6] state vectors that are cut short, claim too much or have too many entries are refused', () => {
  expect(decodeStateVector(bytes('0202010105'), 2)).toEqual(
    new Map([
      [2, 1],
      [1, 5],
    ]),
  )
  for (const broken of ['', '01', '0101', 'ffffffffffffff0f', 'ffffffffffffffffffff01']) {
    expect(() => decodeStateVector(bytes(broken), Infinity)).toThrow(MalformedUpdate)
  }
  expect(() => decodeStateVector(bytes('0202010105'), 1)).toThrow(MalformedUpdate)
})

test('[yjs 10.4] a summary contains what a document made of the same updates contains', () => {
  let contained = 0
  for (let round = 0; round < 30; round += 1) {
    const { updates, states } = makeRoom(random.fork(), { steps: 30 })
    const taken = updates.filter(() => random.chance(0.7))
    const summary = summaryOf(random.shuffle(taken))
    for (const update of [...updates, ...states, mergeRecords(taken)]) {
      const meta = readUpdate(update)
      const others = RoomSummary.decode(summary.encode())
      others.take(meta)
      const isContained = hex(others.encode()) === hex(summary.encode())
      expect(summary.contains(meta)).toBe(isContained)
      if (isContained) contained += 1
    }
    for (const update of taken) expect(summary.contains(readUpdate(update))).toBe(true)
  }
  expect(contained).toBeGreaterThan(100)
})

test('[yjs 10.4] with the whole room it agrees with snapshotContainsUpdate', () => {
  for (let round = 0; round < 20; round += 1) {
    const { updates } = makeRoom(random.fork(), { steps: 30 })
    const known = updates.slice(0, random.between(0, updates.length + 1))
    const doc = new Y.Doc({ gc: false })
    for (const update of known) Y.applyUpdate(doc, update)
    if (doc.store.pendingStructs !== null || doc.store.pendingDs !== null) continue
    const [snapshot, summary] = [Y.snapshot(doc), summaryOf([Y.encodeStateAsUpdate(doc)])]
    for (const update of updates) {
      expect(summary.contains(readUpdate(update))).toBe(Y.snapshotContainsUpdate(snapshot, update))
    }
  }
})

test('state vector, deletions and byte form are those of the merged updates', () => {
  for (let round = 0; round < 20; round += 1) {
    const { updates } = makeRoom(random.fork())
    const some = updates.filter(() => random.chance(0.8))
    const summary = summaryOf(random.shuffle(some))
    const whole = mergeRecords(some)
    expect(summary).toEqual(summaryOf([whole]))
    const state = Y.decodeStateVector(Y.encodeStateVectorFromUpdate(whole))
    expect(summary.stateVector()).toEqual(state)
    expect(decodeStateVector(encodeStateVector(state), state.size)).toEqual(state)
    expect(RoomSummary.decode(summary.encode())).toEqual(summary)
    expect(summary.coveredBy(summary.structs.ends())).toBe(true)
    expect(summary.coveredBy(state)).toBe(
      hex(encodeStateVector(state)) === hex(encodeStateVector(summary.structs.ends())),
    )
    const deletes = summary.deleteSetUpdate()
    expect(readUpdate(deletes).deletes).toEqual(summary.deletes)
    expect(hex(Y.mergeUpdates([bytes('0000'), deletes]))).toBe(hex(deletes))
  }
  expect(hex(new RoomSummary().deleteSetUpdate())).toBe('0000')
})

describe('sets of ids', () => {
  test('adding, joining and covering agree with sets of numbers', () => {
    for (let round = 0; round < 2000; round += 1) {
      const [a, b] = [randomSet(), randomSet()]
      expect(a.set.clients).toEqual(fromNumbers(a.ids))
      expect(a.set.covers(b.set)).toBe([...b.ids].every((id) => a.ids.has(id)))
      expect(IdSet.decode(a.set.encode())).toEqual(a.set)
      a.set.addAll(b.set)
      expect(a.set.clients).toEqual(fromNumbers(new Set([...a.ids, ...b.ids])))
      expect(a.set.covers(b.set)).toBe(true)
    }
  })

  test('ranges in descending order, and a client given again and again, are read in good time', () => {
    const many = 300_000
    const set = new IdSet()
    for (let i = 0; i < many; i += 1) set.add(1, 2 * i, 2 * i + 1)
    const ranges = set.clients.get(1)!
    const descending = Buffer.concat(
      Array.from({ length: many }, (_, i) => {
        const one = new IdSet()
        one.add(1, ranges[2 * (many - 1 - i)]!, ranges[2 * (many - 1 - i) + 1]!)
        return one.encode().subarray(1)
      }),
    )
    const count = Buffer.from([0x80 | (many & 0x7f), 0x80 | ((many >> 7) & 0x7f), many >> 14])
    expect(IdSet.decode(Buffer.concat([count, descending])).clients.get(1)!.length).toBe(2 * many)
  })
})

function randomSet(): { set: IdSet; ids: Set<number> } {
  const set = new IdSet()
  const ids = new Set<number>()
  for (let n = random.between(0, 12); n > 0; n -= 1) {
    const from = random.between(0, 30)
    const to = from + random.between(0, 6)
    set.add(7, from, to)
    for (let id = from; id < to; id += 1) ids.add(id)
  }
  return { set, ids }
}

function fromNumbers(ids: ReadonlySet<number>): Map<number, number[]> {
  const ranges: number[] = []
  for (const id of [...ids].sort((a, b) => a - b)) {
    if (ranges.at(-1) === id) ranges[ranges.length - 1] = id + 1
    else ranges.push(id, id + 1)
  }
  return new Map(ranges.length === 0 ? [] : [[7, ranges]])
}
