import { describe, expect, test } from 'vitest'
import { isDue, plan, type Tail } from '../../../../src/surfaces/yjs/folding/plan.ts'
import { seededRandom } from '../../../support/random.ts'

const KB = 1024
const MB = KB * KB
const tail = (more: Partial<Tail>): Tail => ({
  ...{ bytes: 10, rows: 1, ageMs: 0, isDeserted: false },
  ...more,
})

describe('a fold is due', () => {
  test('at 500 rows or 256 KiB while the room is busy', () => {
    expect(isDue(tail({ rows: 499, bytes: 255 * KB }))).toBe(false)
    expect(isDue(tail({ rows: 500 }))).toBe(true)
    expect(isDue(tail({ bytes: 256 * KB }))).toBe(true)
  })

  test('sooner when nobody is there or nothing has come for a while', () => {
    for (const quiet of [{ isDeserted: true }, { ageMs: 60_000 }]) {
      expect(isDue(tail({ ...quiet, rows: 99, bytes: 15 * KB }))).toBe(false)
      expect(isDue(tail({ ...quiet, rows: 100 }))).toBe(true)
      expect(isDue(tail({ ...quiet, bytes: 16 * KB }))).toBe(true)
    }
  })
})

describe('what is folded', () => {
  const due = tail({ rows: 500, bytes: 10 * KB })

  test('everything, the first time', () => {
    expect(plan([], due, MB)).toEqual({ kind: 'major' })
  })

  test('the tail alone, while the base outweighs what follows it', () => {
    expect(plan([100 * KB], due, MB)).toEqual({ kind: 'minor', first: 1 })
    expect(plan([100 * KB, 10 * KB], due, MB)).toEqual({ kind: 'minor', first: 2 })
  })

  test('everything, when what follows the base has grown to a third of it', () => {
    expect(plan([100 * KB, 20 * KB, 10 * KB], due, MB)).toEqual({ kind: 'major' })
  })

  test('never everything of a room that is too large for a document', () => {
    expect(plan([], due, 1)).toEqual({ kind: 'minor', first: 0 })
    expect(plan([MB, MB, MB], due, MB)).toEqual({ kind: 'minor', first: 3 })
  })

  test('with twelve segments the newest ones too, as far as the next one outweighs them', () => {
    const many = [4 * MB, 150 * KB, ...Array.from({ length: 10 }, () => 10 * KB)]
    expect(plan(many, due, 10 * MB)).toEqual({ kind: 'minor', first: 2 })
    expect(plan([...many.slice(0, -1), 30 * KB], due, 10 * MB)).toEqual({ kind: 'minor', first: 2 })
    const falling = Array.from({ length: 12 }, (_, at) => 2 ** (30 - at))
    expect(plan(falling, due, 10 * MB)).toEqual({ kind: 'minor', first: 11 })
  })

  test('all segments as bytes, when none outweighs the newer ones', () => {
    expect(
      plan(
        Array.from({ length: 12 }, () => MB),
        due,
        1,
      ),
    ).toEqual({ kind: 'minor', first: 0 })
  })
})

/** Appends of some kind, folded whenever the plan says so. */
function live(room: {
  appends: () => number
  bytes: number
  minor: number
  major: number
  most: number
}) {
  let segments: { raw: number; length: number }[] = []
  let now = { bytes: 0, rows: 0 }
  const total = { appended: 0, written: 0, segments: 0, tailBytes: 0, tailRows: 0, folds: 0 }
  while (total.appended < room.bytes) {
    const size = room.appends()
    now = { bytes: now.bytes + size, rows: now.rows + 1 }
    total.appended += size
    const lengths = segments.map(({ length }) => length)
    const decided = plan(lengths, tail(now), room.most)
    if (decided.kind === 'nothing') {
      total.tailBytes = Math.max(total.tailBytes, now.bytes)
      total.tailRows = Math.max(total.tailRows, now.rows)
      continue
    }
    const first = decided.kind === 'major' ? 0 : decided.first
    const raw = segments.slice(first).reduce((sum, each) => sum + each.raw, now.bytes)
    const length =
      decided.kind === 'major'
        ? raw * room.major
        : lengths.slice(first).reduce((sum, each) => sum + each, now.bytes * room.minor)
    segments = [...segments.slice(0, first), { raw, length }]
    total.written += length
    total.folds++
    total.segments = Math.max(total.segments, segments.length)
    now = { bytes: 0, rows: 0 }
  }
  return total
}

test('whatever is appended, each byte is written about six times at most, and readers find few parts', () => {
  const random = seededRandom('folding plan')
  for (let round = 0; round < 60; round++) {
    const largest = 2 ** random.between(4, 17)
    const minor = 0.4 + 0.6 * random.next()
    const room = {
      appends: () => random.between(8, 8 + largest),
      bytes: Math.min(2 ** random.between(18, 28), 100_000 * largest),
      minor,
      major: random.chance(0.3) ? minor : minor * random.next(),
      most: random.chance(0.2) ? 4 * MB : 1_000 * MB,
    }
    const total = live(room)
    const what = JSON.stringify({ ...room, round, ...total })
    expect(total.written, what).toBeLessThan(6 * total.appended + MB)
    expect(total.segments, what).toBeLessThanOrEqual(12)
    expect(total.tailBytes, what).toBeLessThan(256 * KB)
    expect(total.tailRows, what).toBeLessThan(500)
  }
})
