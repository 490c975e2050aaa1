import { expect, test } from 'vitest'
import { makePageMemory } from '../../src/collab/page-memory.ts'

const KIB = 1024

test('what is given back is taken again by whom it fits', () => {
  const memory = makePageMemory(100 * KIB)
  const page = memory.take(30 * KIB)
  expect(page).toHaveLength(30 * KIB)
  memory.giveBack(page)
  expect(memory.take(20 * KIB).buffer).not.toBe(page.buffer)
  expect(memory.take(33 * KIB).buffer).not.toBe(page.buffer)
  const again = memory.take(29 * KIB)
  expect(again).toHaveLength(29 * KIB)
  expect(again.buffer).toBe(page.buffer)
  expect(memory.take(30 * KIB).buffer).not.toBe(page.buffer)
})

test('only once, however often it is given back, and never what somebody else has made', () => {
  const memory = makePageMemory(100 * KIB)
  const page = memory.take(30 * KIB)
  for (let i = 0; i < 2; i++) memory.giveBack(page)
  const foreign = new Uint8Array(30 * KIB)
  memory.giveBack(foreign)
  const [first, second] = [memory.take(30 * KIB), memory.take(30 * KIB)]
  expect(first.buffer).toBe(page.buffer)
  expect([page.buffer, foreign.buffer]).not.toContain(second.buffer)
})

test('of more than is worth keeping the oldest goes', () => {
  const memory = makePageMemory(64 * KIB)
  const pages = [32, 32, 32].map((size) => memory.take(size * KIB))
  for (const page of pages) memory.giveBack(page)
  const taken = pages.map(() => memory.take(32 * KIB).buffer)
  expect(pages.map(({ buffer }) => taken.includes(buffer))).toEqual([false, true, true])
})
