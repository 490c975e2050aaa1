import { expect, test } from 'vitest'
import { makeClaims } from '../../src/core/claims.ts'
import { makeOverloadJudge } from '../../src/core/overload.ts'

const EVERY_MS = 250

/** Gives samples for so long. @returns at which millisecond each change came */
function judged(
  judge: ReturnType<typeof makeOverloadJudge>,
  from: number,
  forMs: number,
  of: (at: number) => { delayMs?: number; heapRatio?: number },
): { at: number; is: boolean }[] {
  const changes: { at: number; is: boolean }[] = []
  let was: boolean | undefined
  for (let now = from; now <= from + forMs;) {
    const { delayMs = 0, heapRatio = 0 } = of(now - from)
    now += EVERY_MS + delayMs
    const is = judge({ now, delayMs, heapRatio })
    if (is !== was) changes.push({ at: now - from, is })
    was = is
  }
  return changes
}

test('a loop that is late for five seconds is an overload, and ten good ones end it', () => {
  const judge = makeOverloadJudge({ delayMs: 1_000, heapRatio: 0.9 })
  const [calm, over] = judged(judge, 0, 20_000, () => ({ delayMs: 1_500 }))
  expect(calm?.is).toBe(false)
  expect(over?.is).toBe(true)
  expect(over!.at).toBeGreaterThan(5_000)
  expect(over!.at).toBeLessThan(11_000)
  const [, better] = judged(judge, 30_000, 20_000, () => ({}))
  expect(better?.is).toBe(false)
  expect(better!.at).toBeGreaterThan(10_000)
  expect(better!.at).toBeLessThan(15_000)
})

test('one stall is none, however long: a process may have been stopped', () => {
  const judge = makeOverloadJudge({ delayMs: 1_000, heapRatio: 0 })
  const stalledAt = 8 * EVERY_MS
  const stall = judged(judge, 0, 60_000, (at) => ({ delayMs: at === stalledAt ? 30_000 : 0 }))
  expect(stall.map(({ is }) => is)).toEqual([false])
})

test('it does not flap: what comes and goes within seconds changes nothing', () => {
  const judge = makeOverloadJudge({ delayMs: 0, heapRatio: 0.9 })
  const sometimes = (at: number) => ({ heapRatio: Math.floor(at / 3_000) % 2 ? 0.95 : 0.5 })
  expect(judged(judge, 0, 60_000, sometimes).map(({ is }) => is)).toEqual([false])
  judged(judge, 100_000, 10_000, () => ({ heapRatio: 0.95 }))
  // Below the limit is not yet better.
  const barely = judged(judge, 200_000, 60_000, () => ({ heapRatio: 0.88 }))
  expect(barely.map(({ is }) => is)).toEqual([true])
  const still = judged(judge, 300_000, 60_000, sometimes)
  expect(still.map(({ is }) => is)).toEqual([true])
})

test('without limits nothing is an overload', () => {
  const judge = makeOverloadJudge({ delayMs: 0, heapRatio: 0 })
  const all = judged(judge, 0, 60_000, () => ({ delayMs: 5_000, heapRatio: 1 }))
  expect(all.map(({ is }) => is)).toEqual([false])
})

test('of nodes that are overloaded together a third may leave, one at least, whoever was first', () => {
  for (const nodes of [2, 3, 4, 5, 6, 9]) {
    const everybody = Array.from({ length: nodes }, (_, i) => ({ node: `n${i}`, since: 10 - i }))
    const views = everybody.map((own) => {
      const claims = makeClaims()
      for (const claim of everybody) claims.heard(claim, 1_000)
      return claims.mayLeave(own, nodes, 1_000)
    })
    const left = Math.max(1, Math.floor(nodes / 3))
    expect(views, `${nodes} nodes`).toEqual(everybody.map((_, i) => i >= nodes - left))
  }
})

test('a claim that is not renewed is over, and threads of one process are one node', () => {
  const claims = makeClaims()
  const own = { node: 'b', since: 20 }
  claims.heard({ node: 'a', since: 10 }, 1_000)
  expect(claims.mayLeave(own, 3, 4_000)).toBe(false)
  expect(claims.mayLeave(own, 3, 6_000)).toBe(true)
  claims.heard({ node: 'b', since: 5 }, 6_000)
  claims.heard({ node: 'b', since: 7 }, 6_000)
  expect(claims.mayLeave(own, 3, 6_000)).toBe(true)
})
