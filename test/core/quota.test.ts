import { expect, test } from 'vitest'
import { makeQuota } from '../../src/core/quota.ts'

test('each name has its own part, which is given back once', () => {
  const quota = makeQuota(2)
  const one = quota.take('ann')
  expect(quota.take('ann')).toBeDefined()
  expect(quota.take('ann')).toBeUndefined()
  expect(quota.take('bob')).toBeDefined()
  one?.()
  expect(quota.isFull('ann')).toBe(false)
  expect(quota.take('ann')).toBeDefined()
})

test('names that hold nothing are not remembered', () => {
  const quota = makeQuota(1)
  for (const name of ['a', 'b', 'c']) quota.take(name)?.()
  expect(quota.names).toBe(0)
})

test('without a limit nothing is counted', () => {
  const quota = makeQuota(Infinity)
  for (let i = 0; i < 10; i += 1) expect(quota.take('ann')).toBeDefined()
  expect(quota.names).toBe(0)
})
