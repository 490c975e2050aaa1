import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startTidying } from '../../src/worker/tidying.ts'

const MIB = 1024 * 1024

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function makeNode() {
  const node = { isDeserted: true, heap: 30 * MIB, room: 0, collected: 0 }
  const tidying = startTidying({
    isDeserted: () => node.isDeserted,
    heap: () => ({ used: node.heap, total: node.heap + node.room }),
    collect() {
      node.collected++
      node.heap = 30 * MIB
    },
  })
  return { node, tidying }
}

/** As `makeNode`, and somebody has been there. */
function makeVisited() {
  const made = makeNode()
  made.node.isDeserted = false
  vi.advanceTimersByTime(5_000)
  made.node.isDeserted = true
  return made
}

test('garbage is collected once when everybody has left, and not while somebody is there', () => {
  const { node, tidying } = makeNode()
  node.isDeserted = false
  node.heap = 200 * MIB
  vi.advanceTimersByTime(60_000)
  expect(node.collected).toBe(0)
  node.isDeserted = true
  vi.advanceTimersByTime(5_000)
  expect(node.collected).toBe(0)
  vi.advanceTimersByTime(5_000)
  expect(node.collected).toBe(1)
  vi.advanceTimersByTime(60_000)
  expect(node.collected).toBe(1)
  node.heap = 100 * MIB
  vi.advanceTimersByTime(5_000)
  expect(node.collected).toBe(2)
  tidying.stop()
  node.heap = 100 * MIB
  vi.advanceTimersByTime(60_000)
  expect(node.collected).toBe(2)
})

test('room that is not given back at once is asked for again, and not for ever', () => {
  const { node, tidying } = makeVisited()
  node.room = 30 * MIB
  vi.advanceTimersByTime(15_000)
  expect(node.collected).toBe(2)
  node.room = 0
  vi.advanceTimersByTime(60_000)
  expect(node.collected).toBe(2)
  node.room = 30 * MIB
  vi.advanceTimersByTime(120_000)
  expect(node.collected).toBe(6)
  node.isDeserted = false
  vi.advanceTimersByTime(5_000)
  node.isDeserted = true
  vi.advanceTimersByTime(10_000)
  expect(node.collected).toBe(7)
  tidying.stop()
})

test('a node that nobody has come to yet is left alone', () => {
  const { node, tidying } = makeNode()
  node.heap = 200 * MIB
  node.room = 200 * MIB
  vi.advanceTimersByTime(60_000)
  expect(node.collected).toBe(0)
  tidying.stop()
})

test('little garbage stays', () => {
  const { node, tidying } = makeVisited()
  node.heap = 40 * MIB
  vi.advanceTimersByTime(60_000)
  expect(node.collected).toBe(0)
  tidying.stop()
})

test('the real collector frees what nobody holds', () => {
  const { node } = { node: { heap: 0 } }
  let looks = 0
  let left: unknown = Array.from({ length: 300_000 }, (_, at) => ({ at }))
  const before = process.memoryUsage().heapUsed
  const tidying = startTidying({
    // Asked once or twice a look: somebody is there at the first one.
    isDeserted: () => looks++ > 1,
    heap: () => ({ used: (node.heap += 50 * MIB), total: 0 }),
  })
  expect(left).toHaveLength(300_000)
  left = undefined
  vi.advanceTimersByTime(25_000)
  expect(process.memoryUsage().heapUsed).toBeLessThan(before - 5 * MIB)
  tidying.stop()
})
