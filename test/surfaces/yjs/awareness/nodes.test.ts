import { expect, test } from 'vitest'
import { decodeMessage, encodeMessage } from '../../../../src/surfaces/yjs/awareness/messages.ts'
import {
  type AwarenessTable,
  makeAwarenessTable,
  type Out,
} from '../../../../src/surfaces/yjs/awareness/table.ts'
import { fannedOut, type Said, toEntry, toSaid, update } from './support.ts'

const nodes = (): [AwarenessTable, AwarenessTable, AwarenessTable] => [
  makeAwarenessTable({ node: 'A' }),
  makeAwarenessTable({ node: 'B' }),
  makeAwarenessTable({ node: 'C' }),
]
const present = (of: AwarenessTable): Said[] => of.present({}).map(toSaid)

/** What the hearers do on a message, and on all that follows from it; their fan-outs by turn. */
function spread(out: Out, all: readonly AwarenessTable[], now: number): Said[][] {
  const heard: Said[][] = all.map(() => [])
  const waiting = [out.publish]
  for (const message of waiting) {
    if (!message) continue
    all.forEach((each, i) => {
      const next = each.hear(message, now)
      heard[i]!.push(...fannedOut(next))
      waiting.push(next.publish)
    })
  }
  return heard
}

test('messages of unknown kinds and broken ones are ignored', () => {
  const [a] = nodes()
  const whole = encodeMessage({ kind: 'update', home: 'B', entries: [toEntry([1, 1, '{}'])] })
  expect(toSaid(decodeMessage(whole)!.entries[0]!)).toEqual([1, 1, '{}'])
  for (let end = 0; end < whole.length; end++) {
    expect(a.hear(whole.subarray(0, end), 0)).toEqual({ fanOut: [], publish: undefined })
  }
  expect(a.hear(Uint8Array.of(99, ...whole.subarray(1)), 0).fanOut).toEqual([])
  expect(present(a)).toEqual([])
})

test('[yjs 10.9] a change on one node is fanned out once on each', () => {
  const all = nodes()
  const [a, b, c] = all
  const connection = {}
  const out = a.receive(connection, update([1, 1, '{}']), 0)
  expect(spread(out, all, 1)).toEqual([[], [[1, 1, '{}']], [[1, 1, '{}']]])
  const listener = {}
  b.receive(listener, update(), 2)
  expect(b.receive(listener, update([1, 1, '{}']), 2)).toEqual({ fanOut: [], publish: undefined })
  const gone = a.receive(connection, update([1, 1, 'null']), 3)
  expect(spread(gone, [b, c], 4)).toEqual([[[1, 1, 'null']], [[1, 1, 'null']]])
})

test('[yjs 6.7] who comes back on another node within the grace is never removed', () => {
  const all = nodes()
  const [a, b] = all
  const [before, after] = [{}, {}]
  spread(a.receive(before, update([1, 4, '{}']), 0), all, 1)
  spread(a.left(before, 1_000), all, 1_001)
  b.present(after) // nobody: it is leaving
  const back = b.receive(after, update([1, 4, '{}']), 2_000)
  expect(spread(back, all, 2_001).flat()).not.toContainEqual([1, 4, 'null'])
  for (const each of all) {
    expect(fannedOut(each.tick(10_000))).toEqual([])
    expect(present(each)).toEqual([[1, 4, '{}']])
  }
  spread(b.left(after, 11_000), all, 11_001)
  expect(fannedOut(b.tick(13_500))).toEqual([[1, 4, 'null']])
})

test('[yjs 6.7] and not either if the first node believes its connection open still', () => {
  const all = nodes()
  const [a, b] = all
  const [stale, fresh] = [{}, {}]
  spread(a.receive(stale, update([1, 4, '{}']), 0), all, 1)
  spread(b.receive(fresh, update([1, 4, '{}']), 2_000), all, 2_001)
  expect(a.left(stale, 3_000)).toEqual({ fanOut: [], publish: undefined })
  expect(fannedOut(a.tick(10_000))).toEqual([])
})

test.each(['knows', 'does not know'])(
  '[yjs 6.7] who comes back after the grace on a node that %s of the removal is raised everywhere',
  (knowing) => {
    const all = nodes()
    const [a, b, c] = all
    const [before, after] = [{}, {}]
    const others = knowing === 'knows' ? all : [a, c]
    spread(a.receive(before, update([1, 4, '{}']), 0), others, 1)
    spread(a.left(before, 1_000), others, 1_001)
    spread(a.tick(3_500), others, 3_501)
    const back = b.receive(after, update([1, 4, '{"a":1}']), 5_000)
    const heard = [fannedOut(back), ...spread(back, all, 5_001)]
    expect(heard.flat().filter(([, clock]) => clock === 5)).toHaveLength(3)
    for (const each of all) expect(present(each)).toEqual([[1, 5, '{"a":1}']])
    // The client has adopted the clock; its next change counts everywhere, its end too.
    spread(b.receive(after, update([1, 6, '{}']), 6_000), all, 6_001)
    for (const each of all) expect(present(each)).toEqual([[1, 6, '{}']])
    spread(b.left(after, 7_000), all, 7_001)
    spread(b.tick(9_500), all, 9_501)
    for (const each of all) expect(present(each)).toEqual([])
  },
)

test('[yjs 6.7] a removal that crosses the return is answered, and not seen where the client is', () => {
  const [a, b, c] = nodes()
  const [before, after] = [{}, {}]
  spread(a.receive(before, update([1, 4, '{}']), 0), [b, c], 1)
  a.left(before, 1_000)
  b.receive(after, update([1, 4, '{}']), 2_000) // lost
  const wrong = a.tick(3_500)
  expect(spread(wrong, [a, b, c], 3_501)[1]).toEqual([[1, 5, '{}']])
  for (const each of [a, b, c]) expect(present(each)).toEqual([[1, 5, '{}']])
})

test('[yjs 10.9] a node that begins to follow a room asks who is present, and who is gone', () => {
  const [a, b, c] = nodes()
  const [ann, bob, joiner] = [{}, {}, {}]
  spread(a.receive(ann, update([1, 4, '{}']), 0), [b], 1)
  spread(a.receive(bob, update([2, 4, '{}']), 0), [b], 1)
  spread(a.left(bob, 0), [b], 1)
  spread(a.tick(2_500), [b], 2_501)
  const answers = [a, b].map((each) => each.hear(c.query(), 3_000))
  expect(answers.map(({ fanOut }) => fanOut)).toEqual([[], []])
  expect(answers[1]!.publish).toBeUndefined()
  expect(fannedOut(c.hear(answers[0]!.publish!, 3_001))).toEqual([[1, 4, '{}']])
  c.receive(joiner, update([3, 1, '{}']), 3_002)
  expect(c.receive(joiner, update([2, 4, '{}']), 3_003).fanOut).toEqual([])
  expect(c.hear(c.query(), 3_004)).toEqual({ fanOut: [], publish: undefined })
})

test('[yjs 6.4] a ghost revived on a node that did not know better is removed within a round trip', () => {
  const all = nodes()
  const [a, b, c] = all
  const [bob, before] = [{}, {}]
  b.receive(bob, update([2, 1, '{}']), 0)
  spread(a.receive(before, update([1, 4, '{}']), 0), [c], 1)
  spread(a.left(before, 0), [c], 1)
  spread(a.tick(2_500), [c], 2_501)
  const ghost = b.receive(bob, update([1, 4, '{}']), 3_000)
  expect(spread(ghost, all, 3_001)).toEqual([[], [[1, 4, 'null']], []])
  for (const each of all) expect(present(each).map(([id]) => id)).not.toContain(1)
})

test('[yjs 15.17] the clients of a dead node vanish after the grace, on every node by itself', () => {
  const [a, b, c] = nodes()
  spread(a.receive({}, update([1, 4, '{}']), 0), [b, c], 1)
  spread(b.receive({}, update([2, 4, '{}']), 0), [c], 1)
  for (const each of [b, c]) {
    expect(fannedOut(each.nodesGone((node) => node !== 'A', 5_000))).toEqual([])
    expect(each.nodesGone((node) => node !== 'A', 6_000).fanOut).toEqual([])
    const out = each.tick(7_500)
    expect(fannedOut(out)).toEqual([[1, 4, 'null']])
    expect(out.publish).toBeUndefined()
  }
})

test('[yjs 15.17] unless they have come to another one', () => {
  const [a, b, c] = nodes()
  spread(a.receive({}, update([1, 4, '{}']), 0), [b, c], 1)
  for (const each of [b, c]) each.nodesGone((node) => node !== 'A', 5_000)
  spread(b.receive({}, update([1, 4, '{}']), 6_000), [c], 6_001)
  for (const each of [b, c]) {
    expect(fannedOut(each.tick(10_000))).toEqual([])
    expect(present(each)).toEqual([[1, 4, '{}']])
  }
})

test('a client believed to be at a node that has no connection of it is removed by that node', () => {
  const [a, b] = nodes()
  const removed = {}
  spread(a.receive(removed, update([1, 4, '{}']), 0), [], 1)
  a.left(removed, 0)
  a.tick(2_500)
  // An announcement that Redis brings twice, long after its client has left B again.
  const late = encodeMessage({ kind: 'announce', home: 'B', entries: [toEntry([1, 4, '{}'])] })
  const raised = a.hear(late, 3_000)
  expect(fannedOut(raised)).toEqual([[1, 5, '{}']])
  b.hear(raised.publish!, 3_001)
  const out = b.tick(5_501)
  expect(fannedOut(out)).toEqual([[1, 5, 'null']])
  expect(fannedOut(a.hear(out.publish!, 5_502))).toEqual([[1, 5, 'null']])
})

test('[yjs 6.7] a change that overtakes the announcement before it moves the client all the same', () => {
  const [a, b] = nodes()
  const [stale, fresh] = [{}, {}]
  spread(a.receive(stale, update([1, 4, '{}']), 0), [b], 1)
  const back = b.receive(fresh, update([1, 4, '{}']), 2_000)
  spread(b.receive(fresh, update([1, 5, '{}']), 2_001), [a], 2_002)
  spread(back, [a], 2_003)
  a.left(stale, 3_000)
  expect(fannedOut(a.tick(10_000))).toEqual([])
})

test('a tab on another node that is quicker with a change does not take the client over', () => {
  const [a, b] = nodes()
  const [tab, sibling] = [{}, {}]
  spread(a.receive(tab, update([1, 1, '{}']), 0), [b], 1)
  spread(b.receive(sibling, update([2, 1, '{}']), 0), [a], 1)
  spread(b.receive(sibling, update([1, 2, '{"a":1}']), 1_000), [a], 1_001)
  spread(b.left(sibling, 2_000), [a], 2_001)
  expect(fannedOut(b.tick(4_500))).toEqual([[2, 1, 'null']])
  spread(a.left(tab, 5_000), [b], 5_001)
  expect(fannedOut(a.tick(7_500))).toContainEqual([1, 2, 'null'])
})
