import { expect, test } from 'vitest'
import { rateOf, TokenBucket } from '../../src/core/limits.ts'

test('a bucket gives its burst at once and then its rate', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 3 }, 0)
  expect([1, 2, 3, 4].map(() => bucket.take(1, 0))).toEqual([true, true, true, false])
  expect(bucket.take(1, 99)).toBe(false)
  expect(bucket.take(1, 100)).toBe(true)
  expect(bucket.take(1, 100)).toBe(false)
})

test('a bucket never holds more than its burst', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 2 }, 0)
  expect([1, 2, 3].map(() => bucket.take(1, 1_000_000))).toEqual([true, true, false])
})

test('a refusal takes nothing', () => {
  const bucket = new TokenBucket({ perSecond: 1, burst: 10 }, 0)
  expect(bucket.take(7, 0)).toBe(true)
  expect(bucket.take(4, 0)).toBe(false)
  expect(bucket.take(3, 0)).toBe(true)
})

test('an amount above the burst needs a full bucket and leaves no debt', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 10 }, 0)
  expect(bucket.take(1_000, 0)).toBe(true)
  expect(bucket.take(1, 0)).toBe(false)
  expect(bucket.take(1, 100)).toBe(true)
  expect(bucket.take(1_000, 500)).toBe(false)
  expect(bucket.take(1_000, 2_000)).toBe(true)
})

test('a rate of 0 per second is no limit', () => {
  expect(rateOf(0)).toBeUndefined()
  expect(rateOf(5)).toEqual({ perSecond: 5, burst: 10 })
})
