import { expect, test } from 'vitest'
import type { Entry } from '../../src/collab/answers.ts'
import { Follower } from '../../src/collab/follower.ts'
import type { Followed, Session } from '../../src/collab/session.ts'
import type { Frame } from '../../src/core/frame.ts'
import { makeTally } from './support/meter.ts'
import { pass, stopTime } from './support/time.ts'

const NO_KEYS = { version: 0, keys: [] }

/** A follower that has begun at `length`, and what its only session is told. */
function follow(length = 0) {
  stopTime()
  const tally = makeTally()
  const rereads: Followed[] = []
  const told: Entry[] = []
  const follower = new Follower('zwibbler/board', 7, {
    meter: tally.meter,
    now: () => performance.now(),
    flushSoon: (one) => void setImmediate(() => one.flush()),
    rereadKeys: (one) => void rereads.push(one),
  })
  const turn: Session['turn'] = (entries) => void told.push(...entries)
  follower.sessions.add({ turn } as Session)
  return {
    follower,
    tally,
    rereads,
    told,
    begin: () => follower.begin(length, NO_KEYS),
    /** What the session was given, bytes missing where it has to read them itself. */
    story: () => told.map(({ offset, size, bytes }) => `${offset}+${size} ${textOf(bytes)}`),
  }
}

const textOf = (bytes: Uint8Array | undefined): string =>
  bytes === undefined ? '(log)' : Buffer.from(bytes).toString()

function chunk(offset: number, ...texts: string[]): Frame {
  const parts = texts.map((text, i) => ({ id: offset * 100 + i, size: text.length }))
  const payload = Buffer.from(texts.join(''))
  const kind = payload.length === 0 ? 'empty' : 'chunk'
  return { kind, epoch: 7, offset, born: 0, origin: 'other', parts, payload }
}

function announced(offset: number, ...sizes: number[]): Frame {
  const parts = sizes.map((size) => ({ id: offset, size }))
  const payload = Buffer.alloc(0)
  return { kind: 'chunk', epoch: 7, offset, born: 0, origin: 'other', parts, payload }
}

test('[I1] a chunk at the head is delivered, append by append', async () => {
  const { follower, begin, story } = follow()
  begin()
  follower.hear(chunk(0, 'one', 'two'))
  expect(story(), 'at the end of the turn').toEqual([])
  await pass()
  expect(story()).toEqual(['0+3 one', '3+3 two'])
  expect(follower.head).toBe(6)
})

test('[I1] what was heard before is ignored, and an overlap is trimmed', async () => {
  const { follower, begin, story } = follow(3)
  begin()
  follower.hear(chunk(0, 'one'))
  follower.hear(chunk(1, 'netwo'))
  follower.hear(chunk(3, 'two'))
  await pass()
  expect(story()).toEqual(['3+3 two'])
})

test('[I1] chunks that come in the wrong order leave in the right one', async () => {
  const { follower, begin, story, tally } = follow()
  begin()
  for (const frame of [chunk(6, 'three'), chunk(3, 'two'), chunk(0, 'one')]) follower.hear(frame)
  await pass()
  expect(story()).toEqual(['0+3 one', '3+3 two', '6+5 three'])
  await pass(1_000)
  expect(tally.count('repaired')).toBe(0)
})

test('[I1] a gap that does not close by itself is read from the log after some milliseconds', async () => {
  const { follower, begin, story, tally } = follow()
  begin()
  follower.hear(chunk(3, 'two'))
  await pass(5)
  expect(story()).toEqual([])
  await pass(10)
  expect(story()).toEqual(['0+3 (log)', '3+3 two'])
  expect(tally.count('repaired', 'gap')).toBe(1)
})

test('[I1] an empty append above the head shows a gap, too', async () => {
  const { follower, begin, story } = follow()
  begin()
  follower.hear(chunk(9, ''))
  await pass(20)
  expect(story()).toEqual(['0+9 (log)'])
  expect(follower.head).toBe(9)
})

test('an empty append at the head is told, below it not any more', async () => {
  const { follower, begin, story } = follow(3)
  begin()
  follower.hear(chunk(3, ''))
  follower.hear(chunk(2, ''))
  await pass()
  expect(story()).toEqual(['3+0 '])
})

test('a chunk that is only announced is read from the log', async () => {
  const { follower, begin, story } = follow()
  begin()
  follower.hear(announced(0, 100_000))
  follower.hear(chunk(100_000, 'next'))
  await pass()
  expect(story()).toEqual(['0+100000 (log)', '100000+4 next'])
})

test('a large chunk is not pushed to every socket at once', async () => {
  const { follower, begin, told } = follow()
  begin()
  const data = new Uint8Array(65 * 1024)
  follower.committed(0, [{ id: 1, data, by: {} }])
  await pass()
  expect(told[0]).toMatchObject({ size: data.length, bytes: undefined })
})

test('[I6] of what comes in the wrong order only so much is held', async () => {
  const { follower, begin, story } = follow()
  begin()
  for (let i = 0; i < 1_000; i += 1) follower.hear(chunk(10 + i, 'x'))
  await pass(20)
  expect(story()).toHaveLength(1 + 256 + 1)
  expect(story().slice(0, 2)).toEqual(['0+10 (log)', '10+1 x'])
  expect(story().at(-1)).toBe('266+744 (log)')
})

test('[I6] held bytes are bounded, too', async () => {
  const { follower, begin, told } = follow()
  begin()
  const text = 'x'.repeat(40_000)
  for (let i = 0; i < 100; i += 1) follower.hear(chunk(10 + i * 40_000, text))
  await pass(20)
  const bytes = told.reduce((sum, each) => sum + (each.bytes?.length ?? 0), 0)
  expect(bytes).toBeLessThan(1.1 * 2 ** 20)
  expect(follower.head).toBe(10 + 100 * 40_000)
})

test('[I1] what is heard between subscribing and reading is not lost', async () => {
  const { follower, begin, story } = follow(3)
  for (const frame of [chunk(0, 'one'), chunk(3, 'two'), chunk(9, 'four')]) follower.hear(frame)
  expect(story()).toEqual([])
  begin()
  await pass()
  expect(story()).toEqual(['3+3 two'])
  await pass(20)
  expect(story()).toEqual(['3+3 two', '6+3 (log)', '9+4 four'])
})

test('[I5] a length that was heard of is reached, by frames or else by the log', async () => {
  const { follower, begin, story, tally } = follow()
  begin()
  follower.hearLength(6, 'conflict')
  await pass(5)
  follower.hear(chunk(0, 'one'))
  await pass(20)
  expect(story()).toEqual(['0+3 one', '3+3 (log)'])
  expect(tally.count('repaired', 'conflict')).toBe(1)
})

test('[I5] a state longer than what is known is caught up; a shorter one says that the database went back', async () => {
  const { follower, begin, story } = follow(5)
  begin()
  const then = { length: 5, keysVersion: 0 }
  expect(follower.hearState({ length: 5, keysVersion: 0 }, then, 'sweep')).toBe(true)
  expect(follower.hearState({ length: 9, keysVersion: 0 }, then, 'sweep')).toBe(true)
  await pass(20)
  expect(story()).toEqual(['5+4 (log)'])
  // Grown since it was asked: what was asked is older, not wrong.
  expect(follower.hearState({ length: 5, keysVersion: 0 }, then, 'sweep')).toBe(true)
  expect(follower.hearState({ length: 8, keysVersion: 0 }, { ...then, length: 9 }, 'sweep')).toBe(
    false,
  )
})

test('bytes that sessions may still need stay in memory while somebody catches up, up to a bound', async () => {
  const { follower, begin } = follow()
  begin()
  follower.hear(chunk(0, 'zero'))
  expect(follower.recent(0, 4)).toBeUndefined()
  follower.retain()
  follower.retain()
  follower.release()
  follower.hear(chunk(4, 'one'))
  follower.hear(chunk(7, 'two'))
  expect(textOf(follower.recent(5, 9))).toBe('netw')
  expect(follower.recent(3, 9), 'from before').toBeUndefined()
  follower.hear(announced(10, 100))
  expect(follower.recent(4, 10), 'not across bytes that are not here').toBeUndefined()
  follower.hear(chunk(110, 'three'))
  expect(textOf(follower.recent(110, 115))).toBe('three')
  for (let i = 0; i < 20; i += 1) follower.hear(chunk(115 + i * 40_000, 'x'.repeat(40_000)))
  expect(follower.recent(110, 115), 'too much').toBeUndefined()
  follower.release()
  expect(follower.recent(115 + 19 * 40_000, follower.head)).toBeUndefined()
  await pass()
})
