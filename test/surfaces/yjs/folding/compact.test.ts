import { describe, expect, test } from 'vitest'
import * as ywasm from 'ywasm'
import * as Y from 'yjs'
import { compact, type Compacted } from '../../../../src/surfaces/yjs/folding/compact.ts'
import { readLog } from '../../../../src/surfaces/yjs/folding/log.ts'
import { readUpdate } from '../../../../src/surfaces/yjs/update/read-update.ts'
import { encodeRecords } from '../../../../src/surfaces/yjs/update/records.ts'
import { RoomSummary } from '../../../../src/surfaces/yjs/update/room-summary.ts'
import { seededRandom, type Random } from '../../../support/random.ts'
import { bytes, makeRoom, units, vectors } from '../update/support.ts'
import { contentOf, documentOf, makeTyping } from './support.ts'

const most = 256 * 1024
type Whole = Exclude<Compacted, { kind: 'broken' }>

function compacted(
  kind: 'minor' | 'major',
  parts: readonly Uint8Array[],
  gc: boolean,
  cap = most,
): Whole {
  const result = compact({ kind, parts, gc, most: cap, isCut: false })
  if (result.kind === 'broken') throw new Error('broken')
  return result
}

const updatesOf = (log: Uint8Array) => readLog(log).records.map(({ update }) => update)

function summaryOf(updates: readonly Uint8Array[]): RoomSummary {
  const summary = new RoomSummary()
  for (const update of updates) summary.take(readUpdate(update))
  return summary
}

/** The updates in several parts, as segments and a tail have them. */
function inParts(random: Random, updates: readonly Uint8Array[]): Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let at = 0; at < updates.length;) {
    const next = at + random.between(1, 20)
    parts.push(encodeRecords(updates.slice(at, next)))
    at = next
  }
  return parts
}

const kinds = [
  ['minor', false],
  ['major', false],
  ['major', true],
] as const

/** Without formats where it is looked at: Yjs shows them or not, depending on the order (versions.test.ts). */
describe('[yjs 11.3] what a fold makes of a room is the room', () => {
  const random = seededRandom('compact')

  test('for any order, states along the way, late and pending updates, with gc and without', () => {
    for (let round = 0; round < 60; round++) {
      const { updates, states } = makeRoom(random.fork(), { formats: false })
      const all = random.chance(0.5) ? random.shuffle([...updates, random.pick(states)]) : updates
      const late = random.chance(0.5) ? all.filter(() => random.chance(0.1)) : []
      const stored = all.filter((update) => !late.includes(update))
      for (const [kind, gc] of kinds) {
        const cap = random.pick([64, 500, most])
        const result = compacted(kind, inParts(random, stored), gc, cap)
        const what = `round ${round} ${kind} gc ${gc} cap ${cap}`
        expect(result.bad, what).toEqual([])
        expect(result.kind, `${what} ${result.reason ?? ''}`).toBe(kind)
        const folded = updatesOf(result.bytes)
        const order = random.chance(0.5) ? folded : random.shuffle(folded)
        // With holes Yjs shows more or less of what it has, depending on the order.
        if (late.length === 0)
          expect(contentOf(documentOf(order)), what).toEqual(contentOf(documentOf(all)))
        const whole = documentOf(random.shuffle([...order, ...late]))
        expect(contentOf(whole), `${what}, late`).toEqual(contentOf(documentOf(all)))
      }
    }
  })

  test('without gc to the last unit', () => {
    for (let round = 0; round < 30; round++) {
      const room = makeRoom(random.fork())
      for (const kind of ['minor', 'major'] as const) {
        const { bytes: log } = compacted(kind, inParts(random, room.updates), false)
        const again = new Y.Doc({ gc: false })
        for (const update of updatesOf(log)) Y.applyUpdate(again, update)
        const doc = new Y.Doc({ gc: false })
        for (const update of room.updates) Y.applyUpdate(doc, update)
        expect(units(again), `round ${round} ${kind}`).toBe(units(doc))
      }
    }
  })

  test('its summary says what it holds: all that was there, and nothing that it has not', () => {
    for (let round = 0; round < 30; round++) {
      const room = makeRoom(random.fork())
      const stored = room.updates.filter(() => random.chance(0.9))
      const expected = summaryOf(stored)
      for (const [kind, gc] of kinds) {
        const result = compacted(kind, inParts(random, stored), gc)
        const summary = RoomSummary.decode(result.summary)
        const what = `round ${round} ${kind} gc ${gc}`
        expect(summaryOf(updatesOf(result.bytes)).encode(), what).toEqual(result.summary)
        expect(summary.structs.encode(), what).toEqual(expected.structs.encode())
        // A document deletes more than it was told: what a later value of a key took the place of.
        expect(summary.deletes.covers(expected.deletes), what).toBe(true)
        if (kind === 'minor') expect(result.summary, what).toEqual(expected.encode())
      }
    }
  })

  test('also folded again and again, collected and raw rows mixed', () => {
    for (let round = 0; round < 20; round++) {
      const room = makeRoom(random.fork(), { steps: 120, formats: false })
      let segments: Uint8Array[] = []
      let at = 0
      while (at < room.updates.length) {
        const next = at + random.between(1, 40)
        const tail = encodeRecords(room.updates.slice(at, next))
        const [kind, gc] = random.pick(kinds)
        const first = kind === 'major' ? 0 : random.between(0, segments.length + 1)
        const { bytes: log } = compacted(kind, [...segments.slice(first), tail], gc)
        segments = [...segments.slice(0, first), log]
        at = next
      }
      const folded = documentOf(segments.flatMap(updatesOf))
      expect(contentOf(folded), `round ${round}`).toEqual(contentOf(documentOf(room.updates)))
    }
  })

  test('yrs reads it as it reads the updates themselves', () => {
    for (let round = 0; round < 20; round++) {
      const updates = makeTyping(random.fork())
      const read = (updates: readonly Uint8Array[]) => {
        const doc = new ywasm.YDoc({})
        for (const update of updates) ywasm.applyUpdate(doc, update, null)
        const state = Y.decodeStateVector(ywasm.encodeStateVector(doc))
        return { text: doc.getText('t').toString(undefined), state }
      }
      const expected = read(updates)
      for (const [kind, gc] of kinds) {
        const { bytes: log } = compacted(kind, inParts(random, updates), gc)
        expect(read(updatesOf(log)), `round ${round} ${kind} gc ${gc}`).toEqual(expected)
      }
    }
  })

  test('no update is larger than asked for, where Yjs can split it', () => {
    const doc = new Y.Doc()
    for (let at = 0; at < 3_000; at++) doc.getText('t').insert(0, `${at} ${'x'.repeat(100)}\n`)
    const log = encodeRecords([Y.encodeStateAsUpdate(doc)])
    for (const [kind, gc] of kinds) {
      const sizes = updatesOf(compacted(kind, [log], gc, 10_000).bytes).map((each) => each.length)
      expect(sizes.length).toBeGreaterThan(30)
      expect(Math.max(...sizes)).toBeLessThanOrEqual(10_000)
    }
  })
})

describe('a record that no Yjs reads', () => {
  const good = [vectors.U1, vectors.U2].map(bytes)
  const expected = contentOf(documentOf(good))

  test('is left out and named; the others stay', () => {
    const broken = [bytes('ff'), bytes('0102ff'), bytes('01010100040101740568'), bytes('')]
    for (const [kind, gc] of kinds) {
      for (const poison of broken) {
        const parts = [encodeRecords([good[0]!]), encodeRecords([bytes('0000'), poison, good[1]!])]
        const result = compacted(kind, parts, gc)
        expect(result.bad).toHaveLength(1)
        expect(result.bad[0]).toMatchObject({ part: 1, at: 6 })
        expect(result.kind).toBe(kind)
        expect(contentOf(documentOf(updatesOf(result.bytes)))).toEqual(expected)
        expect(result.summary).toEqual(summaryOf(good).encode())
      }
    }
  })

  test('filler is passed over', () => {
    const filler = Uint8Array.from(encodeRecords([bytes('ffffff')]))
    filler[0]! |= 0x80
    const part = Buffer.concat([encodeRecords([good[0]!]), filler, encodeRecords([good[1]!])])
    const result = compacted('major', [part], true)
    expect(result.bad).toEqual([])
    expect(contentOf(documentOf(updatesOf(result.bytes)))).toEqual(expected)
  })

  test('one that runs over the end stops the fold, and is named', () => {
    const whole = encodeRecords(good)
    const cut = whole.subarray(0, whole.length - 3)
    const at = 4 + good[0]!.length
    const task = { kind: 'major', gc: true, most } as const
    expect(compact({ ...task, parts: [cut], isCut: false })).toMatchObject({
      kind: 'broken',
      at: { part: 0, at },
    })
    expect(compact({ ...task, parts: [cut, whole], isCut: true })).toMatchObject({
      kind: 'broken',
      at: { part: 0, at },
    })
    const left = compact({ ...task, parts: [whole, cut], isCut: true })
    expect(left).toMatchObject({ kind: 'major', left: cut.length - at })
    expect(compact({ ...task, parts: [whole, cut.subarray(0, 5)], isCut: true }).kind).toBe(
      'broken',
    )
  })

  test('nothing at all becomes nothing', () => {
    for (const [kind, gc] of kinds) {
      const result = compacted(kind, [encodeRecords([bytes('0000')])], gc)
      expect(result).toMatchObject({ bad: [], left: 0 })
      expect(result.bytes).toHaveLength(0)
    }
  })
})

test('[yjs 11.3] typing becomes several times smaller through a document', () => {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  const text = doc.getText('t')
  for (let at = 0; at < 5_000; at++) text.insert(text.length, String.fromCharCode(97 + (at % 26)))
  const log = encodeRecords(updates)
  expect(compacted('minor', [log], true).bytes.length).toBeLessThan(log.length / 2)
  expect(compacted('major', [log], true).bytes.length).toBeLessThan(log.length / 10)
})
