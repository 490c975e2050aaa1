import { expect, test } from 'vitest'
import { conflict, makeAppendBench, stored } from './support/appends.ts'

test('a lone append goes at once', async () => {
  const { document, append, faults, pass } = makeAppendBench()
  const board = await document('board')
  const began = performance.now()
  const one = append(board, 0, 'hello')
  await pass()
  expect(one.result).toEqual(stored(5))
  expect(performance.now()).toBe(began)
  expect(faults.statements).toEqual([{ epochs: [board.epoch], appends: 1, wait: false }])
})

test('appends that arrive while a statement is in flight share the next one', async () => {
  const { document, append, faults, pass } = makeAppendBench()
  const boards = [await document('a'), await document('b'), await document('c')]
  const release = faults.hold()
  append(boards[0]!, 0, 'first')
  await pass()
  const late = boards.slice(1).map((board) => append(board, 0, 'late'))
  await pass(50)
  expect(faults.statements).toHaveLength(1)
  release()
  await pass()
  expect(late.map(({ result }) => result)).toEqual([stored(4), stored(4)])
  expect(faults.statements.map(({ appends }) => appends)).toEqual([1, 2])
})

test('another lane helps when a statement takes long, and not before', async () => {
  const { document, append, faults, pass } = makeAppendBench({ lanes: { batches: 2, alone: 1 } })
  const [slow, other] = [await document('slow'), await document('other')]
  faults.hold()
  append(slow, 0, 'slow')
  await pass()
  append(other, 0, 'other')
  await pass(1)
  expect(faults.statements).toHaveLength(1)
  await pass(10)
  expect(faults.statements).toHaveLength(2)
})

test('a statement takes at most 256 appends', async () => {
  const { documents, append, faults, pass } = makeAppendBench()
  const boards = await documents(300)
  const all = boards.map((board) => append(board, 0, 'x'))
  await pass()
  expect(faults.statements.map(({ appends }) => appends)).toEqual([256, 44])
  expect(all.every(({ result }) => result?.kind === 'stored')).toBe(true)
})

test('a statement takes about 1 MiB', async () => {
  const { documents, append, faults, pass } = makeAppendBench()
  const boards = await documents(10)
  for (const board of boards) append(board, 0, new Uint8Array(200 * 1024))
  await pass()
  expect(faults.statements.map(({ appends }) => appends)).toEqual([6, 4])
})

test('consecutive appends to one document share a statement; each is told its own length', async () => {
  const { document, append, faults, pass } = makeAppendBench()
  const board = await document('board', '>')
  const all = ['one', '', 'three'].map((text, i) => append(board, [1, 4, 4][i]!, text))
  await pass()
  expect(all.map(({ result }) => result)).toEqual([stored(4), stored(4), stored(9)])
  expect(faults.statements.map(({ appends }) => appends)).toEqual([3])
  expect(await board.text()).toBe('>onethree')
})

test('the document hears of a commit, once and in order, before any of its authors do', async () => {
  const { document, append, pass } = makeAppendBench()
  const board = await document('board', '>')
  append(board, 1, 'one')
  append(board, 4, 'two')
  await pass()
  expect(board.commits).toEqual([{ offset: 1, texts: ['one', 'two'], settled: 0 }])
})

test('an append that does not continue the one before it waits for its own turn', async () => {
  const { document, append, faults, pass } = makeAppendBench()
  const board = await document('board')
  const [first, ahead, third] = [0, 10, 3].map((offset) => append(board, offset, 'abc'))
  await pass()
  expect(first?.result).toEqual(stored(3))
  expect(ahead?.result).toEqual(conflict(3))
  expect(third?.result).toEqual(stored(6))
  expect(faults.statements.map(({ appends }) => appends)).toEqual([1, 1, 1])
})

test('[I3] of several appends at one length in one turn exactly one is stored', async () => {
  const { document, append, pass } = makeAppendBench()
  const board = await document('board')
  const all = ['ann', 'bob', 'cat'].map((text) => append(board, 0, text))
  await pass()
  expect(all.map(({ result }) => result)).toMatchObject([stored(3), conflict(3), conflict(3)])
  expect(await board.text()).toBe('ann')
})

test('an append below the known length is refused from memory', async () => {
  const { document, append, faults, pass } = makeAppendBench()
  const board = await document('board', 'hello')
  board.known = 5
  const stale = append(board, 3, 'x')
  await pass()
  expect(stale.result).toEqual({ ...conflict(5), isKnown: true })
  expect(faults.statements).toEqual([])
})

test('a conflict at the head of a chain refuses only the first: the rest is judged by the length now known', async () => {
  const { store, document, append, pass } = makeAppendBench()
  const board = await document('board')
  const chunks = [{ id: -1, data: Buffer.from('xyz') }]
  await store.append([{ epoch: board.epoch, expected: 0, chunks }], true)
  const [first, second, third] = [
    append(board, 0, 'abc'),
    append(board, 3, 'de'),
    append(board, 5, 'f'),
  ]
  await pass()
  expect(first.result).toEqual(conflict(3))
  expect(second.result).toEqual(stored(5))
  expect(third.result).toEqual(stored(6))
  expect(await board.text()).toBe('xyzdef')
})

test('appends to a document that is gone are told so', async () => {
  const { store, document, append, pass } = makeAppendBench()
  const board = await document('board')
  await store.remove('board')
  const both = [append(board, 0, 'a'), append(board, 1, 'b')]
  await pass()
  expect(both.map(({ result }) => result)).toEqual([{ kind: 'missing' }, { kind: 'missing' }])
})

test('[I10] a huge append goes alone and delays nobody', async () => {
  const { document, append, faults, pass } = makeAppendBench()
  const [large, small] = [await document('large'), await document('small')]
  const huge = append(large, 0, new Uint8Array(300 * 1024))
  const after = append(large, 300 * 1024, 'after')
  const other = append(small, 0, 'other')
  await pass()
  expect(other.result).toEqual(stored(5))
  expect(huge.result).toEqual(stored(300 * 1024))
  expect(after.result).toEqual(stored(300 * 1024 + 5))
  const [first] = faults.statements.filter(({ epochs }) => epochs.includes(large.epoch))
  expect(first).toMatchObject({ wait: true, epochs: [large.epoch] })
})

test('[I6] at most 10,000 appends wait', async () => {
  const { document, append, faults, pass, tally } = makeAppendBench()
  const board = await document('board')
  const release = faults.hold()
  const taken = Array.from({ length: 10_001 }, (_, i) => append(board, i, 'x').taken)
  expect(taken.filter(Boolean)).toHaveLength(10_000)
  expect(taken.at(-1)).toBe(false)
  expect(tally.count('limit', 'append_queue')).toBe(1)
  release()
  await pass(100)
  expect((await board.text()).length).toBe(10_000)
  expect(Math.max(...faults.statements.map(({ appends }) => appends))).toBe(256)
  expect(append(board, 10_000, 'x').taken).toBe(true)
})

test('[I6] at most 32 MiB wait, but for one append that is larger itself', async () => {
  const { document, append, faults, pass } = makeAppendBench()
  const board = await document('board')
  const mib = 1024 * 1024
  faults.hold()
  expect(append(board, 0, new Uint8Array(40 * mib)).taken).toBe(true)
  expect(append(board, 40 * mib, 'x').taken).toBe(false)
  await pass()
})

test('idle resolves when nothing waits or flies any more', async () => {
  const { batcher, document, append, faults, pass } = makeAppendBench()
  await batcher.idle()
  const board = await document('board')
  const release = faults.hold()
  append(board, 0, 'x')
  let isIdle = false
  void batcher.idle().then(() => (isIdle = true))
  await pass(100)
  expect(isIdle).toBe(false)
  release()
  await pass()
  expect(isIdle).toBe(true)
})
