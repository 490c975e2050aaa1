import { expect, test } from 'vitest'
import { makeTurns } from '../../src/collab/turns.ts'

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

test('one has each turn of the event loop, in the order in which they came', async () => {
  const turns = makeTurns()
  const had: string[] = []
  const wait = async (name: string): Promise<void> => {
    await turns.next()
    had.push(name)
  }
  expect(turns.take()).toBe(true)
  expect(turns.take()).toBe(false)
  const all = Promise.all(['ann', 'bob', 'eve'].map(wait))
  expect(had).toEqual([])
  for (const so of [['ann'], ['ann', 'bob'], ['ann', 'bob', 'eve']]) {
    await nextTurn()
    expect(had).toEqual(so)
    expect(turns.take()).toBe(false)
  }
  await all
  await nextTurn()
  expect(turns.take()).toBe(true)
})
