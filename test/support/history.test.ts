import { expect, test } from 'vitest'
import { checkHistory, contentOf } from './history.ts'
import type { Attempt, History, Stream } from './history.ts'

const a = contentOf('a', 10)
const b = contentOf('b', 20)
const attempt = (tag: string, offset: number, outcome: Attempt['outcome'], size = 10): Attempt => ({
  document: 'doc',
  tag,
  offset,
  outcome,
  bytes: contentOf(tag, size),
})
const reader = (from: number, pieces: [number, Uint8Array][], isLast = true): Stream => ({
  document: 'doc',
  reader: 'r',
  from,
  pieces: pieces.map(([offset, bytes]) => ({ offset, bytes })),
  isLast,
})

/** Two appends, a reader from the start, one that joined later and one that left early: all is well. */
function sound(): History {
  return {
    attempts: [
      attempt('a', 0, 'acknowledged'),
      attempt('b', 10, 'unanswered', 20),
      attempt('c', 0, 'refused'),
    ],
    streams: [
      reader(0, [
        [0, a],
        [10, b],
      ]),
      reader(10, [[10, b]]),
      reader(0, [[0, a.subarray(0, 4)]], false),
    ],
    final: new Map([['doc', Buffer.concat([a, b])]]),
    complaints: [],
  }
}

/** What the checker says when one thing is made wrong. */
function planted(spoil: (history: History) => void): string {
  const history = sound()
  spoil(history)
  return checkHistory(history).join('\n')
}

test('a sound history has no violations', () => {
  expect(checkHistory(sound())).toEqual([])
})

test('[I2] an acknowledged append that is not stored is found', () => {
  const said = planted((h) => h.attempts.push(attempt('lost', 30, 'acknowledged')))
  expect(said).toContain('append lost at 30 was acknowledged and is stored 0 times')
})

test('[I2] an acknowledged append that is stored twice is found', () => {
  const said = planted((h) => h.final.set('doc', Buffer.concat([a, b, a])))
  expect(said).toContain('append a at 0 was acknowledged and is stored 2 times')
})

test('[I3] two acknowledged appends at one offset are found', () => {
  const said = planted((h) => h.attempts.push(attempt('rival', 0, 'acknowledged')))
  expect(said).toContain('append rival at 0 and a were both acknowledged')
})

test('[I3] bytes that no append wrote, and half an append, are found', () => {
  expect(planted((h) => h.final.set('doc', Buffer.concat([a, Buffer.from('xx'), b])))).toContain(
    "the bytes at 10 are no append's",
  )
  expect(planted((h) => h.final.set('doc', Buffer.concat([a, b.subarray(0, 12)])))).toContain(
    'append b is not whole at 10',
  )
})

test('[I3] an append that is stored elsewhere than at its offset is found', () => {
  const said = planted((h) => h.final.set('doc', Buffer.concat([b, a])))
  expect(said).toContain('append b at 10 is stored at 0')
})

test('[I4] a refused append that is stored is found', () => {
  const said = planted((h) => {
    h.attempts[1] = attempt('b', 10, 'refused', 20)
  })
  expect(said).toContain('append b at 10 was refused and is stored')
})

test('[I4] an unanswered append that is stored twice is found', () => {
  const said = planted((h) => h.final.set('doc', Buffer.concat([a, b, b])))
  expect(said).toContain('append b at 10 is stored 2 times')
})

test('[I1] a hole, a repetition and a swap in a stream are found', () => {
  expect(planted((h) => void h.streams[0]?.pieces.shift())).toContain(
    'was given 10 when it stood at 0',
  )
  expect(planted((h) => h.streams[1]?.pieces.push({ offset: 10, bytes: b }))).toContain(
    'was given 10 when it stood at 30',
  )
  expect(planted((h) => void h.streams[0]?.pieces.reverse())).toContain(
    'was given 10 when it stood at 0',
  )
})

test('[I1] other bytes than are stored are found, and a byte too many', () => {
  expect(planted((h) => h.streams.push(reader(0, [[0, contentOf('x', 10)]])))).toContain(
    'was given other bytes at 0',
  )
  expect(planted((h) => h.streams[0]?.pieces.push({ offset: 30, bytes: a }))).toContain(
    'was given other bytes at 30',
  )
})

test('[I1] a reader that stays to the end without getting everything is found', () => {
  expect(planted((h) => void h.streams[0]?.pieces.pop())).toContain('ended at 10 of 30')
})
