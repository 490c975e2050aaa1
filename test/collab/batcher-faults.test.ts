import { expect, test } from 'vitest'
import { StoreError } from '../../src/core/errors.ts'
import type { DocumentStore } from '../../src/core/ports.ts'
import { conflict, makeAppendBench, stored } from './support/appends.ts'

const unavailable = { kind: 'unavailable' }
const unknown = { kind: 'unknown' }

test('[I10] a document whose row somebody holds goes alone; the rest of its batch commits', async () => {
  const { document, append, faults, pass, tally } = makeAppendBench()
  const [held, free] = [await document('held'), await document('free')]
  const unlock = faults.lock(held.epoch)
  const waiting = append(held, 0, 'held')
  const quick = append(free, 0, 'free')
  await pass()
  expect(quick.result).toEqual(stored(4))
  expect(waiting.result).toBeUndefined()
  expect(faults.statements.at(-1)).toEqual({ epochs: [held.epoch], appends: 1, wait: true })
  const next = append(free, 4, '!')
  await pass(100)
  expect(next.result, 'others go on while it waits').toEqual(stored(5))
  unlock()
  await pass()
  expect(waiting.result).toEqual(stored(4))
  expect(tally.count('busy')).toBe(1)
})

test('[I10] a row that stays locked waits for its lock again and again, behind others that wait alone', async () => {
  const { document, append, faults, pass } = makeAppendBench()
  const [stuck, brief] = [await document('stuck'), await document('brief')]
  faults.lock(stuck.epoch)
  const unlock = faults.lock(brief.epoch)
  append(stuck, 0, 'x')
  await pass()
  const other = append(brief, 0, 'y')
  await pass(10)
  unlock()
  await pass(600) // the first lock timeout
  expect(other.result).toEqual(stored(1))
})

test('appends that come while their document waits keep their order', async () => {
  const { document, append, faults, pass } = makeAppendBench()
  const board = await document('board')
  const unlock = faults.lock(board.epoch)
  const first = append(board, 0, 'a')
  await pass()
  const others = [append(board, 1, 'b'), append(board, 9, '?'), append(board, 2, 'c')]
  await pass(50)
  unlock()
  await pass()
  expect([first, ...others].map(({ result }) => result)).toEqual([
    stored(1),
    stored(2),
    conflict(2),
    stored(3),
  ])
  expect(await board.text()).toBe('abc')
})

test('[I10] of a rejected batch only the culprit gets the error: halves are sent until it is alone', async () => {
  const { documents, append, faults, pass } = makeAppendBench()
  const boards = await documents(16)
  faults.poison(boards[5]!.epoch)
  const all = boards.map((board) => append(board, 0, 'x'))
  await pass()
  const kinds = all.map(({ result }) => result?.kind)
  expect(kinds.filter((kind) => kind === 'stored')).toHaveLength(15)
  expect(all[5]!.result).toEqual(unavailable)
  expect(faults.statements.length).toBeLessThanOrEqual(9) // 1 + 2 for each of four halvings
})

test('[I10] of a rejected chain only the culprit gets the error', async () => {
  const { document, append, pass } = makeAppendBench({ around: rejecting('bad') })
  const board = await document('board')
  const good = append(board, 0, 'good')
  const bad = append(board, 4, 'bad')
  const after = append(board, 7, 'after')
  await pass()
  expect([good, bad, after].map(({ result }) => result)).toEqual([
    stored(4),
    unavailable,
    conflict(4),
  ])
  const again = append(board, 4, 'again')
  await pass()
  expect(again.result).toEqual(stored(9))
  expect(await board.text()).toBe('goodagain')
})

test('an error of no known kind counts as a rejection', async () => {
  const { document, append, pass } = makeAppendBench({
    around: (store) => ({ ...store, append: () => Promise.reject(new Error('a bug')) }),
  })
  const one = append(await document('board'), 0, 'x')
  await pass()
  expect(one.result).toEqual(unavailable)
})

test('a statement that asks to be sent again is, after a moment', async () => {
  const { document, append, faults, pass } = makeAppendBench()
  const board = await document('board')
  faults.failNext('retry')
  const one = append(board, 0, 'x')
  await pass()
  expect(one.result).toBeUndefined()
  await pass(100)
  expect(one.result).toEqual(stored(1))
})

test('while Postgres is away nothing is sent but now and then one try', async () => {
  const { documents, append, faults, pass } = makeAppendBench({ lanes: { batches: 3, alone: 2 } })
  faults.failNext('away', { times: 1_000 })
  const all = (await documents(100)).map((board) => append(board, 0, 'x'))
  await pass(5_000)
  expect(all.some(({ result }) => result)).toBe(false)
  // The first tries are fast, then about one a second on each lane.
  expect(faults.statements.length).toBeGreaterThan(5)
  expect(faults.statements.length).toBeLessThan(60)
})

test('what could not be sent within the deadline is certainly not stored', async () => {
  const { document, append, faults, pass } = makeAppendBench()
  const board = await document('board')
  faults.failNext('away', { times: 1_000 })
  const one = append(board, 0, 'x')
  await pass(9_000)
  expect(one.result).toBeUndefined()
  await pass(2_500)
  expect(one.result).toEqual(unavailable)
  expect(await board.text()).toBe('')
})

test('[I4] an append whose statement was lost after its commit is stored, once', async () => {
  const { document, append, faults, pass, tally } = makeAppendBench()
  const board = await document('board')
  faults.failNext('lost', { afterCommit: true })
  const one = append(board, 0, 'once')
  await pass(200)
  expect(one.result).toEqual(stored(4))
  expect(await board.text()).toBe('once')
  expect(board.commits).toMatchObject([{ offset: 0, texts: ['once'] }])
  expect(tally.count('inDoubt', 'stored')).toBe(1)
})

test('[I4] an append whose statement was lost before its commit is sent again and stored', async () => {
  const { document, append, faults, pass } = makeAppendBench()
  const board = await document('board')
  faults.failNext('lost')
  const one = append(board, 0, 'once')
  await pass(200)
  expect(one.result).toEqual(stored(4))
  expect(await board.text()).toBe('once')
})

test('[I4] a whole chain in doubt is resolved one by one, in order', async () => {
  const { document, append, faults, pass } = makeAppendBench()
  const board = await document('board')
  faults.failNext('lost', { afterCommit: true })
  const chain = ['one', 'two', 'three'].map((text, i) => append(board, i * 3, text))
  await pass()
  const late = append(board, 11, 'four')
  await pass(1_000)
  expect([...chain, late].map(({ result }) => result)).toEqual([
    stored(3),
    stored(6),
    stored(11),
    stored(15),
  ])
  expect(await board.text()).toBe('onetwothreefour')
  expect(board.commits.flatMap(({ texts }) => texts)).toEqual(['one', 'two', 'three', 'four'])
})

test('[I4] an append in doubt whose place another has taken was not stored', async () => {
  const { store, document, append, faults, pass, tally } = makeAppendBench()
  const board = await document('board')
  faults.failNext('lost')
  const one = append(board, 0, 'mine')
  await pass()
  const chunks = [{ id: -1, data: Buffer.from('other') }]
  await store.append([{ epoch: board.epoch, expected: 0, chunks }], true)
  // Even though the length is known by now, it may not be refused from memory: it might have been stored.
  board.known = 5
  await pass(200)
  expect(one.result).toEqual(conflict(5))
  expect(await board.text()).toBe('other')
  expect(tally.count('inDoubt', 'conflict')).toBe(1)
})

test('[I4] an append in doubt that was stored is found even when others went on from it', async () => {
  const { store, document, append, faults, pass } = makeAppendBench()
  const board = await document('board')
  faults.failNext('lost', { afterCommit: true })
  const one = append(board, 0, 'mine')
  await pass()
  const chunks = [{ id: -1, data: Buffer.from('other') }]
  await store.append([{ epoch: board.epoch, expected: 4, chunks }], true)
  board.known = 9
  await pass(200)
  expect(one.result).toEqual(stored(4))
})

test('[I4] while nobody can tell whose row it is, an append in doubt has no answer; then it has', async () => {
  let isAway = true
  let asked = 0
  const { document, append, faults, pass } = makeAppendBench({
    around: (store) => ({
      ...store,
      appendIdAt(...which) {
        asked += 1
        return isAway ? Promise.reject(new StoreError('away', 'gone')) : store.appendIdAt(...which)
      },
    }),
  })
  const board = await document('board')
  faults.failNext('lost', { afterCommit: true })
  const one = append(board, 0, 'mine')
  await pass(50)
  await pass()
  expect(asked, 'not again and again while no time passes').toBe(1)
  await pass(3_000)
  expect(asked).toBeGreaterThan(1)
  expect(one.result).toBeUndefined()
  isAway = false
  await pass(200)
  expect(one.result).toEqual(stored(4))
})

test('[I4] an append in doubt at its deadline is unknown, never refused', async () => {
  const { document, append, faults, pass, tally } = makeAppendBench()
  const board = await document('board')
  faults.failNext('lost', { afterCommit: true, times: 1 })
  faults.failNext('away', { times: 1_000 })
  const one = append(board, 0, 'mine')
  await pass(12_000)
  expect(one.result).toEqual(unknown)
  expect(tally.count('inDoubt', 'unknown')).toBe(1)
})

test('[I4] an append in doubt that is rejected later is unknown: the first statement may have stored it', async () => {
  const { document, append, faults, pass } = makeAppendBench()
  const board = await document('board')
  faults.failNext('lost')
  faults.failNext('rejected')
  const one = append(board, 0, 'mine')
  await pass(200)
  expect(one.result).toEqual(unknown)
})

/** A statement with these bytes anywhere in it is rejected. */
function rejecting(text: string) {
  return (store: DocumentStore): DocumentStore => ({
    ...store,
    append(batch, wait) {
      const all = batch.flatMap(({ chunks }) => chunks.map(({ data }) => Buffer.from(data)))
      if (!all.some((data) => data.toString() === text)) return store.append(batch, wait)
      return Promise.reject(new StoreError('rejected', 'poison'))
    },
  })
}
