import { expect, test } from 'vitest'
import * as ywasm from 'ywasm'
import * as Y from 'yjs'
import { concatUpdates } from '../../../../src/surfaces/yjs/update/concat.ts'
import { MalformedUpdate } from '../../../../src/surfaces/yjs/update/malformed.ts'
import { readUpdate } from '../../../../src/surfaces/yjs/update/read-update.ts'
import { RoomSummary } from '../../../../src/surfaces/yjs/update/room-summary.ts'
import { seededRandom } from '../../../support/random.ts'
import { documentOf } from '../folding/support.ts'
import { bytes, hex, makeRoom, units, vectors } from './support.ts'

const random = seededRandom('concatenating updates')
const { U1, U2, U3, A, B, C, MAC, K1, K2, KM, M12, M123, G123, GC1, B1 } = vectors

const joined = (...updates: string[]): string | undefined => {
  const all = concatUpdates(updates.map(bytes))
  return all && hex(all)
}

function summaryOf(updates: readonly Uint8Array[]): string {
  const summary = new RoomSummary()
  for (const update of updates) summary.take(readUpdate(update))
  return hex(summary.encode())
}

test('[yjs 14] few are left as Yjs leaves them', () => {
  expect(joined(U1, U2)).toBe(M12)
  expect(joined(U2, U1)).toBe(M12)
  expect(joined(U3, U2, U1)).toBe(M123)
  expect(joined(A, C)).toBe(MAC)
  expect(joined(K1, K2)).toBe(KM)
  expect(joined()).toBe('0000')
})

test('what was typed in many updates becomes one struct, in whatever order they come', () => {
  const doc = new Y.Doc()
  doc.clientID = 1
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  type(doc.getText('t'), 0, 'hello world')
  const one = '01010100040101740b68656c6c6f20776f726c6400'
  expect(hex(concatUpdates(updates)!)).toBe(one)
  expect(hex(concatUpdates(random.shuffle(updates))!)).toBe(one)
  expect(hex(concatUpdates([...updates, bytes(U3)])!)).toBe(`${one.slice(0, -2)}0101010006`)
})

test('of two that hold the same struct, or one with a hole, it makes nothing', () => {
  expect(joined(U1, U1)).toBeUndefined()
  expect(joined(G123, U2)).toBeUndefined()
  expect(joined(MAC, B)).toBeUndefined()
})

test('a broken one is refused', () => {
  expect(() => joined(U1, U2.slice(0, -2))).toThrow(MalformedUpdate)
})

test.each<[string, (text: Y.Text) => void]>([
  ['typed in the middle', (text) => type(text, 2, 'abcdefghij')],
  ['typed across surrogate pairs', (text) => type(text, 0, '😀é日a😀é日a')],
  [
    'typed and deleted',
    (text) => {
      type(text, 2, 'abcdefghij')
      text.delete(3, 2)
    },
  ],
])('%s: one struct', (_, edit) => {
  const doc = new Y.Doc()
  doc.getText('t').insert(0, 'hello')
  const before = Y.encodeStateAsUpdate(doc)
  const client = (doc.clientID = 7)
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  edit(doc.getText('t'))
  const all = concatUpdates(updates)!
  const structs = Y.decodeUpdate(all).structs.filter(({ id }) => id.client === client)
  expect(structs).toHaveLength(1)
  expect(units(documentOf([before, all], false))).toBe(
    units(documentOf([before, ...updates], false)),
  )
})

function type(text: Y.Text, at: number, characters: string): void {
  let next = at
  for (const character of characters) {
    text.insert(next, character)
    next += character.length
  }
}

test('what is inserted between, by others or elsewhere, stays apart', () => {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  const text = doc.getText('t')
  type(text, 0, 'abcdefgh')
  type(text, 4, 'ijklmnop')
  type(text, 4, 'x')
  expect(Y.decodeUpdate(concatUpdates(updates)!).structs).toHaveLength(3)
})

test('what was typed in front of what another typed meanwhile stays apart', () => {
  const [ours, theirs] = [new Y.Doc(), new Y.Doc()]
  const updates: Uint8Array[] = []
  ours.on('update', (update: Uint8Array, origin: unknown) => {
    if (origin !== 'sync') updates.push(update)
  })
  type(ours.getText('t'), 0, 'abcdefgh')
  Y.applyUpdate(theirs, Y.encodeStateAsUpdate(ours))
  theirs.getText('t').insert(8, 'x')
  Y.applyUpdate(ours, Y.encodeStateAsUpdate(theirs), 'sync')
  type(ours.getText('t'), 8, 'ijklmnop')
  expect(Y.decodeUpdate(concatUpdates(updates)!).structs).toHaveLength(2)
})

test('collected structs become one', () => {
  const [first, second] = ['010101000003' + '00', '0101010300' + '02' + '00']
  expect(joined(first, second)).toBe('0101010000' + '05' + '00')
  expect(joined(GC1)).toBe(GC1)
  expect(joined(B1)).toBe(B1)
})

test('whatever it makes is what the updates make', () => {
  let made = 0
  for (let round = 0; round < 150; round++) {
    const { updates, states } = makeRoom(random.fork())
    const from = random.between(0, updates.length)
    const some = updates.slice(from, from + random.between(1, 40))
    const given = random.chance(0.3) ? random.shuffle(some) : some
    if (random.chance(0.1)) given.push(random.pick(states))
    const all = concatUpdates(given)
    if (!all) continue
    made++
    const rest = updates.filter((update) => !given.includes(update))
    const what = `round ${round}`
    expect(summaryOf([all]), what).toBe(summaryOf(given))
    expect(all.length, what).toBeLessThanOrEqual(Y.mergeUpdates(given).length)
    const [ours, theirs] = [
      documentOf([...rest, all], false),
      documentOf([...rest, ...given], false),
    ]
    expect(units(ours), what).toBe(units(theirs))
  }
  expect(made).toBeGreaterThan(100)
})

test('yrs reads it as it reads the updates themselves', () => {
  for (let round = 0; round < 30; round++) {
    const { updates } = makeRoom(random.fork(), { hooks: false })
    const all = concatUpdates(updates)
    if (!all) continue
    const [ours, theirs] = [new ywasm.YDoc({}), new ywasm.YDoc({})]
    ywasm.applyUpdate(ours, all, null)
    for (const update of updates) ywasm.applyUpdate(theirs, update, null)
    expect(ours.getText('t').toString(undefined)).toBe(theirs.getText('t').toString(undefined))
    const knownBy = (doc: ywasm.YDoc) => Y.decodeStateVector(ywasm.encodeStateVector(doc))
    expect(knownBy(ours)).toEqual(knownBy(theirs))
  }
})
