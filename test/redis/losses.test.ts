import { expect, test, vi } from 'vitest'
import { makeLosses } from '../../src/redis/losses.ts'

test('[I5] each absence is told of within a moment, also when the last one was short ago', async () => {
  vi.useFakeTimers()
  let isThere = true
  const told: string[] = []
  const losses = makeLosses({
    id: 'ann',
    now: () => Date.now(),
    tell: (message) => {
      if (isThere) told.push(message.toString())
      return Promise.resolve(isThere)
    },
    onGap: () => undefined,
  })
  for (let round = 1; round <= 3; round++) {
    isThere = false
    losses.lost(true)
    await vi.advanceTimersByTimeAsync(500)
    expect(told).toHaveLength(round - 1)
    isThere = true
    await vi.advanceTimersByTimeAsync(250)
    expect(told).toHaveLength(round)
  }
  losses.close()
  vi.useRealTimers()
})

test('what a server that is there loses all the time is told of seldom', async () => {
  vi.useFakeTimers()
  let told = 0
  const losses = makeLosses({
    id: 'ann',
    now: () => Date.now(),
    tell: () => Promise.resolve(++told > 0),
    onGap: () => undefined,
  })
  for (let i = 0; i < 90; i++) {
    losses.lost(false)
    await vi.advanceTimersByTimeAsync(100)
  }
  expect(told).toBe(1)
  await vi.advanceTimersByTimeAsync(2_000)
  expect(told).toBe(2)
  losses.close()
  vi.useRealTimers()
})
