import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { rateOf } from '../../../src/core/limits.ts'
import { decodeAwareness, encodeAwareness } from '../../../src/surfaces/yjs/awareness/codec.ts'
import { DEFAULT_LIMITS } from '../../../src/surfaces/yjs/awareness/table.ts'
import type { Heard } from '../../../src/surfaces/yjs/messages.ts'
import { Throttle } from '../../../src/surfaces/yjs/throttle.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Ten of each in a second, twenty at once. */
function makeThrottle({ mostBytes = 1_000_000, onTake = (_: string): void => undefined } = {}) {
  const taken: string[] = []
  const hit: string[] = []
  const failed: unknown[] = []
  const throttle = new Throttle({
    ...{ updates: rateOf(10), awareness: rateOf(10), mostBytes },
    now: () => performance.now(),
    onLimit: (name) => void hit.push(name),
    take(message) {
      const text = textOf(message)
      taken.push(text)
      onTake(text)
    },
    onError: (error) => void failed.push(error),
  })
  return { throttle, taken, hit, failed }
}

const frame = Buffer.alloc(8)
/** As on a socket: the next message comes in the same memory. */
function update(text: string, kind: 'update' | 'step2' = 'update'): Heard {
  frame.fill(0).write(text)
  return { kind, update: frame.subarray(0, text.length) }
}

function step1(text: string): Heard {
  frame.fill(0).write(text)
  return { kind: 'step1', stateVector: frame.subarray(0, text.length) }
}

function awareness(...entries: [id: number, clock: number, state: unknown][]): Heard {
  const encoded = entries.map(([id, clock, state]) => {
    return { id, clock, state: state === null ? null : Buffer.from(JSON.stringify(state)) }
  })
  return { kind: 'awareness', update: encodeAwareness(encoded) }
}

function textOf(message: Heard): string {
  if (message.kind === 'step1') return `?${Buffer.from(message.stateVector).toString()}`
  if (message.kind !== 'awareness') return Buffer.from(message.update).toString()
  return decodeAwareness(message.update, DEFAULT_LIMITS)
    .map(({ id, clock, state }) => `${id}@${clock}=${Buffer.from(state ?? []).toString()}`)
    .join(' ')
}

const numbers = (count: number) => Array.from({ length: count }, (_, at) => String(at))

test('updates above their rate wait, and are all taken in their order at the rate', () => {
  const { throttle, taken, hit } = makeThrottle()
  for (const text of numbers(50)) expect(throttle.hear(update(text))).toBe(true)
  expect(taken).toEqual(numbers(20))
  vi.advanceTimersByTime(1_020)
  expect(taken.length).toBeGreaterThanOrEqual(30)
  expect(taken.length).toBeLessThanOrEqual(31)
  vi.advanceTimersByTime(2_000)
  expect(taken).toEqual(numbers(50))
  expect(hit).toEqual(['YJS_MAX_UPDATES'])
  vi.advanceTimersByTime(5_000)
  for (const text of numbers(20)) throttle.hear(update(text))
  expect(taken.length).toBe(70)
  expect(vi.getTimerCount()).toBe(0)
})

test('a request is not overtaken by what came behind it, and overtakes nothing', () => {
  const { throttle, taken } = makeThrottle()
  for (const text of numbers(21)) throttle.hear(update(text))
  throttle.hear(step1('a'))
  throttle.hear(update('x', 'step2'))
  expect(taken).toEqual(numbers(20))
  vi.advanceTimersByTime(1_000)
  expect(taken.slice(20)).toEqual(['20', '?a', 'x'])
})

test('requests alone are not counted', () => {
  const { throttle, taken, hit } = makeThrottle()
  for (const text of numbers(30)) throttle.hear(step1(text))
  expect(taken).toHaveLength(30)
  expect(hit).toEqual([])
})

test('what waits has a bound, but for a single message', () => {
  const { throttle } = makeThrottle({ mostBytes: 250 })
  for (const text of numbers(20)) throttle.hear(update(text))
  expect(throttle.hear({ kind: 'update', update: new Uint8Array(1_000) })).toBe(true)
  expect(throttle.hear(update('x'))).toBe(false)
  vi.advanceTimersByTime(200)
  expect(throttle.hear(update('x'))).toBe(true)
})

test('what waits is taken at once when the connection ends, or never when it is stopped', () => {
  const { throttle, taken } = makeThrottle()
  for (const text of numbers(30)) throttle.hear(update(text))
  throttle.flush()
  expect(taken).toEqual(numbers(30))
  for (const text of numbers(5)) throttle.hear(update(text))
  throttle.stop()
  vi.advanceTimersByTime(10_000)
  expect(taken).toHaveLength(30)
  expect(vi.getTimerCount()).toBe(0)
})

test('a message that fails later is reported, and those behind it are taken', () => {
  const broken = new Error('broken')
  const { throttle, taken, failed } = makeThrottle({
    onTake(text) {
      if (text === '20') throw broken
    },
  })
  for (const text of numbers(22)) throttle.hear(update(text))
  vi.advanceTimersByTime(1_000)
  expect(failed).toEqual([broken])
  expect(taken).toEqual(numbers(22))
})

test('of awareness above its rate each client keeps its last word', () => {
  const { throttle, taken, hit } = makeThrottle()
  for (let clock = 1; clock <= 40; clock++) {
    throttle.hear(awareness([1, clock, { x: clock }]))
    throttle.hear(awareness([2, clock, clock], [3, clock, clock]))
  }
  throttle.hear(awareness([1, 39, 'late']))
  expect(taken).toHaveLength(20)
  expect(hit).toEqual(['YJS_MAX_AWARENESS_MESSAGES'])
  vi.advanceTimersByTime(1_000)
  // Its own word is not mixed with what it passes on of others.
  expect(taken.slice(20).sort()).toEqual(['1@40={"x":40}', '2@40=40 3@40=40'])
  expect(vi.getTimerCount()).toBe(0)
})

test('updates do not wait for awareness, and awareness not for updates', () => {
  const { throttle, taken } = makeThrottle()
  for (let clock = 1; clock <= 30; clock++) throttle.hear(awareness([1, clock, clock]))
  throttle.hear(update('x'))
  expect(taken.at(-1)).toBe('x')
})
