import { expect, test } from 'vitest'
import { makeCoalescer } from '../../src/core/coalesce.ts'

/** A query that ends when it is told to. */
function makeQuery(): {
  readMany: (keys: readonly string[]) => Promise<ReadonlyMap<string, string>>
  asked: (readonly string[])[]
  answer(found: Record<string, string>): void
  fail(error: Error): void
} {
  const asked: (readonly string[])[] = []
  const open: { resolve: (found: Map<string, string>) => void; reject: (error: Error) => void }[] =
    []
  return {
    asked,
    readMany: (keys) => {
      asked.push(keys)
      return new Promise((resolve, reject) => open.push({ resolve, reject }))
    },
    answer: (found) => open.shift()?.resolve(new Map(Object.entries(found))),
    fail: (error) => open.shift()?.reject(error),
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('look-ups made in one go share one query, and equal keys one answer', async () => {
  const query = makeQuery()
  const find = makeCoalescer(query.readMany)
  const answers = Promise.all([find('a'), find('b'), find('a'), find('none')])
  await turn()
  expect(query.asked).toEqual([['a', 'b', 'none']])
  query.answer({ a: '1', b: '2' })
  expect(await answers).toEqual(['1', '2', '1', undefined])
})

test('a look-up never shares a query that has already started, so its answer is not older than its question', async () => {
  const query = makeQuery()
  const find = makeCoalescer(query.readMany)
  const early = find('a')
  await turn()
  const late = find('a')
  await turn()
  expect(query.asked, 'one query at a time').toHaveLength(1)
  query.answer({ a: 'old' })
  expect(await early).toBe('old')
  await turn()
  expect(query.asked).toHaveLength(2)
  query.answer({ a: 'new' })
  expect(await late).toBe('new')
})

test('a query asks for no more keys than it may, and the rest follow', async () => {
  const query = makeQuery()
  const find = makeCoalescer(query.readMany, 2)
  const answers = Promise.all(['a', 'b', 'c'].map(find))
  await turn()
  query.answer({ a: '1', b: '2' })
  await turn()
  expect(query.asked).toEqual([['a', 'b'], ['c']])
  query.answer({ c: '3' })
  expect(await answers).toEqual(['1', '2', '3'])
})

test('a query that fails fails its own look-ups only', async () => {
  const query = makeQuery()
  const find = makeCoalescer(query.readMany)
  const failing = expect(find('a')).rejects.toThrow('away')
  await turn()
  const next = find('b')
  query.fail(new Error('away'))
  await failing
  await turn()
  query.answer({ b: '2' })
  expect(await next).toBe('2')
  const again = find('a')
  await turn()
  query.answer({ a: '1' })
  expect(await again).toBe('1')
})
