import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import * as ywasm from 'ywasm'
import { cutUpdate } from '../../../../src/surfaces/yjs/update/cut-update.ts'
import { mergeRecords } from '../../../../src/surfaces/yjs/update/merge.ts'
import { readUpdate } from '../../../../src/surfaces/yjs/update/read-update.ts'
import { RoomSummary } from '../../../../src/surfaces/yjs/update/room-summary.ts'
import { seededRandom } from '../../../support/random.ts'
import { bytes, hex, makeRoom, units, vectors } from './support.ts'

const random = seededRandom('cutting updates')

/** What a client has after these updates, one by one. */
function stateAfter(updates: readonly Uint8Array[], gc = true): string {
  const doc = new Y.Doc({ gc })
  for (const update of updates) Y.applyUpdate(doc, update)
  return units(doc)
}

function wasmStateAfter(updates: readonly Uint8Array[]): Uint8Array {
  const doc = new ywasm.YDoc({})
  for (const update of updates) ywasm.applyUpdate(doc, update, null)
  const state = ywasm.encodeStateAsUpdate(doc)
  doc.free()
  return state
}

/** @param state of `units` */
function idsOf(state: string): string[] {
  return state.split('\n').map((line) => line.split(' ', 1)[0]!)
}

function looksAfter(updates: readonly Uint8Array[]): unknown {
  const doc = new Y.Doc()
  const [text, xml] = [doc.getText('t'), doc.getXmlFragment('x')]
  // After each transaction Yjs deletes the formats that hold no text: that which is still to come would lose them.
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update)
  })
  const nodes = xml
    .toArray()
    .map((node): unknown => (node instanceof Y.XmlText ? node.toDelta() : node.toJSON()))
  return [text.toDelta(), nodes]
}

function encodedAfter(updates: readonly Uint8Array[]): Uint8Array {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return Y.encodeStateAsUpdate(doc)
}

function expectSameBytes(one: Uint8Array, other: Uint8Array): void {
  expect(Buffer.compare(one, other)).toBe(0)
}

function summaryOf(updates: readonly Uint8Array[]): RoomSummary {
  const summary = new RoomSummary()
  for (const update of updates) summary.take(readUpdate(update))
  return summary
}

function expectSameParts(update: Uint8Array, pieces: readonly Uint8Array[]): void {
  for (const piece of pieces) expect(readUpdate(piece).size).toBe(piece.length)
  expect(summaryOf(pieces)).toEqual(summaryOf([update]))
}

test('an update that fits is returned as it is, without what follows it', () => {
  for (const vector of Object.values(vectors)) {
    const update = bytes(vector)
    expect(cutUpdate(bytes(vector + 'ff'), update.length)).toEqual([update])
  }
})

test('the pieces, in their order and in any other, make the same document', () => {
  for (let round = 0; round < 15; round += 1) {
    // Formats apart: receivers delete those that are redundant to them after each update.
    const { updates, states } = makeRoom(random.fork(), { formats: false })
    const some = updates.filter(() => random.chance(0.8))
    for (const update of [random.pick(states), mergeRecords(updates), mergeRecords(some)]) {
      const most = random.pick([1, 40, 100, 300, 1000])
      const pieces = cutUpdate(update, most)
      expectSameParts(update, pieces)
      for (const gc of [true, false]) {
        expect(stateAfter(pieces, gc)).toBe(stateAfter([update], gc))
        expect(stateAfter(random.shuffle(pieces), gc)).toBe(stateAfter([update], gc))
      }
      expect(stateAfter([mergeRecords(random.shuffle(pieces))])).toBe(stateAfter([update]))
    }
  }
})

test('formatted text looks the same when the pieces are applied in one transaction', () => {
  for (let round = 0; round < 15; round += 1) {
    const { updates, states } = makeRoom(random.fork())
    for (const update of [random.pick(states), mergeRecords(updates)]) {
      const pieces = cutUpdate(update, random.pick([40, 100, 300]))
      expect(looksAfter(pieces)).toEqual(looksAfter([update]))
    }
  }
})

test('nothing waits for a later piece when the update lacks nothing', () => {
  for (let round = 0; round < 15; round += 1) {
    const { updates, states } = makeRoom(random.fork())
    for (const update of [random.pick(states), mergeRecords(updates)]) {
      const doc = new Y.Doc()
      for (const piece of cutUpdate(update, random.pick([40, 100, 300]))) {
        Y.applyUpdate(doc, piece)
        expect(doc.store.pendingStructs).toBeNull()
      }
    }
  }
})

describe('single items larger than a piece', () => {
  const most = 256 * 1024
  const around = (insert: (doc: Y.Doc) => void): Uint8Array => {
    const doc = new Y.Doc()
    doc.getText('t').insert(0, 'ab')
    doc.getArray('a').insert(0, ['a', 'b'])
    insert(doc)
    return Y.encodeStateAsUpdate(doc)
  }

  test('text of 5 MB is split between characters', () => {
    const text = '😀é日x'.repeat(500_000)
    const update = around((doc) => {
      doc.getText('t').insert(1, text)
    })
    const pieces = cutUpdate(update, most)
    expect(pieces.length).toBeGreaterThan(19)
    expect(pieces.length).toBeLessThan(25)
    for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(most)
    expectSameParts(update, pieces)
    const doc = new Y.Doc()
    for (const piece of pieces) Y.applyUpdate(doc, piece)
    expect(doc.getText('t').toJSON() === `a${text}b`).toBe(true)
    expectSameBytes(encodedAfter(pieces), encodedAfter([update]))
    expectSameBytes(wasmStateAfter(pieces), wasmStateAfter([update]))
  })

  test('a list is split between its values, of which a large one stays whole', () => {
    const values = Array.from({ length: 50_000 }, (_, i) => ({ i, text: 'é'.repeat(i % 20) }))
    const large = 'x'.repeat(2 * most)
    const update = around((doc) => doc.getArray('a').insert(1, [...values, large, ...values]))
    const pieces = cutUpdate(update, most)
    expect(pieces.length).toBeGreaterThan(10)
    expect(pieces.filter((piece) => piece.length > most)).toHaveLength(1)
    expectSameParts(update, pieces)
    expectSameBytes(encodedAfter(pieces), encodedAfter([update]))
  })

  test('values of the old JSON content are split', () => {
    const count = 1000
    const value = '0422c3a922' // "é"
    const update = bytes(`01010100020101 74 ${hex(varUint(count))}${value.repeat(count)}00`)
    const pieces = cutUpdate(update, 500)
    expect(pieces.length).toBeGreaterThan(9)
    for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(500)
    expectSameParts(update, pieces)
    expect(stateAfter(pieces)).toBe(stateAfter([update]))
  })

  test('a binary stays whole', () => {
    const update = around((doc) => doc.getArray('a').insert(1, [new Uint8Array(2 * most)]))
    const pieces = cutUpdate(update, most)
    expect(pieces.filter((piece) => piece.length > most)).toHaveLength(1)
    expectSameParts(update, pieces)
    expectSameBytes(encodedAfter(pieces), encodedAfter([update]))
  })
})

test('a large delete set is cut too', () => {
  const doc = new Y.Doc({ gc: false })
  const text = doc.getText('t')
  text.insert(0, 'x'.repeat(40_000))
  doc.transact(() => {
    for (let i = 19_999; i >= 0; i -= 1) text.delete(2 * i, 1)
  })
  const update = Y.encodeStateAsUpdate(doc)
  const pieces = cutUpdate(update, 10_000)
  for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(10_000)
  expect(pieces.length).toBeLessThan((1.2 * update.length) / 10_000 + 3)
  expectSameParts(update, pieces)
  expectSameBytes(encodedAfter(pieces), encodedAfter([update]))
})

test('yrs makes the same document of the pieces as of the whole', () => {
  for (let round = 0; round < 15; round += 1) {
    const { states } = makeRoom(random.fork(), { hooks: false })
    const update = random.pick(states)
    const pieces = cutUpdate(update, random.pick([40, 100, 300]))
    const whole = stateAfter([wasmStateAfter([update])], false)
    // One by one, yrs now and then passes over a deletion, for good: even the whole update does not bring it then.
    expect(idsOf(stateAfter([wasmStateAfter(pieces)], false))).toEqual(idsOf(whole))
    expect(stateAfter([wasmStateAfter([mergeRecords(pieces)])], false)).toBe(whole)
  }
})

test('blocks in ascending order of clients are merged without loss', () => {
  // Y.mergeUpdates would write 5, 1, 5.
  const update = (...blocks: string[]): Uint8Array => bytes(`0${blocks.length}${blocks.join('')}00`)
  const merged = mergeRecords([
    update('010100040101740161', '010501040101740162'),
    update('010500040101740163'),
  ])
  expect(readUpdate(merged).structs.clients).toEqual(
    new Map([
      [5, [0, 2]],
      [1, [0, 1]],
    ]),
  )
})

function varUint(value: number): Uint8Array {
  return Uint8Array.from([0x80 | (value & 0x7f), value >> 7])
}
