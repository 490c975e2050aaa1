import { expect, test } from 'vitest'
import { makeBoard } from '../../src/pages/whiteboard/board.ts'
import type { Board } from '../../src/pages/whiteboard/board.ts'
import type { BoardRecord } from '../../src/pages/whiteboard/records.ts'
import { seededRandom } from '../support/random.ts'

const stroke = (id: string): BoardRecord => ({ t: 's', id, c: 0, w: 2, p: [0, 0] })
const erase = (id: string, ...ids: string[]): BoardRecord => ({ t: 'e', id, ids })
const clear = (id: string): BoardRecord => ({ t: 'c', id })
const undo = (id: string, of: string): BoardRecord => ({ t: 'u', id, of })
const redo = (id: string, of: string): BoardRecord => ({ t: 'r', id, of })
const shown = (board: Board) => board.visible().map(({ stroke: { id } }) => id)
const boardWith = (...records: BoardRecord[]) => {
  const board = makeBoard('me')
  for (const record of records) board.store(record)
  return board
}

test('strokes lie on one another in the order of the log, ours that wait on top', () => {
  const board = makeBoard('me')
  board.make(stroke('me.1'))
  board.store(stroke('you.1'))
  expect(shown(board)).toEqual(['you.1', 'me.1'])
  expect(board.visible().map(({ isStored }) => isStored)).toEqual([true, false])
  board.store(stroke('me.1'))
  board.store(stroke('you.2'))
  expect(shown(board)).toEqual(['you.1', 'me.1', 'you.2'])
})

test('a second copy of a record changes nothing', () => {
  const board = boardWith(stroke('a.1'), undo('a.2', 'a.1'), redo('a.3', 'a.1'))
  expect(board.store(undo('a.2', 'a.1'))).toBe(false)
  expect(shown(board)).toEqual(['a.1'])
})

test('an undone erase brings back what nobody else has erased', () => {
  const board = boardWith(stroke('a.1'), stroke('a.2'), erase('b.1', 'a.1', 'a.2'))
  expect(shown(board)).toEqual([])
  board.store(erase('c.1', 'a.2'))
  board.store(undo('b.2', 'b.1'))
  expect(shown(board)).toEqual(['a.1'])
})

test('clear takes what was drawn before it, not after; undone it brings all back', () => {
  const board = boardWith(stroke('a.1'), clear('b.1'), stroke('a.2'))
  expect(shown(board)).toEqual(['a.2'])
  board.store(undo('b.2', 'b.1'))
  expect(shown(board)).toEqual(['a.1', 'a.2'])
})

test('our clear that waits hides what others drew, and what we drew before it', () => {
  const board = boardWith(stroke('a.1'))
  board.make(stroke('me.1'))
  board.make(clear('me.2'))
  board.make(stroke('me.3'))
  board.store(stroke('a.2'))
  expect(shown(board)).toEqual(['me.3'])
})

test('undo takes back our last thing that shows, and redo brings it again', () => {
  const board = boardWith(stroke('me.1'), stroke('you.1'), stroke('me.2'), erase('you.2', 'me.2'))
  expect(board.undoTarget()).toBe('me.1')
  board.make(undo('me.3', 'me.1'))
  expect([shown(board), board.undoTarget(), board.redoTarget()]).toEqual([
    ['you.1'],
    undefined,
    'me.1',
  ])
  board.make(redo('me.4', 'me.1'))
  expect([shown(board), board.redoTarget()]).toEqual([['me.1', 'you.1'], undefined])
})

test('something new leaves nothing to redo', () => {
  const board = boardWith(stroke('me.1'))
  board.make(undo('me.2', 'me.1'))
  board.make(stroke('me.3'))
  expect(board.redoTarget()).toBeUndefined()
})

test('what will not be stored is taken back', () => {
  const board = boardWith(stroke('me.1'))
  const [drawn, undone] = [stroke('me.2'), undo('me.3', 'me.1')]
  board.make(drawn)
  board.make(undone)
  board.withdraw(drawn)
  board.withdraw(undone)
  expect(shown(board)).toEqual(['me.1'])
})

test('rebase: an erase keeps only what is still there, and goes when nothing is', () => {
  const board = boardWith(stroke('a.1'), stroke('a.2'))
  const own = erase('me.1', 'a.1', 'a.2')
  board.make(own)
  expect(board.rebase(own)).toEqual(own)
  board.store(erase('b.1', 'a.1'))
  expect(board.rebase(own)).toEqual(erase('me.1', 'a.2'))
  board.store(clear('b.2'))
  expect(board.rebase(own)).toBeUndefined()
})

test('rebase: an erase of our own stroke that waits too is kept', () => {
  const board = makeBoard('me')
  board.make(stroke('me.1'))
  const own = erase('me.2', 'me.1')
  board.make(own)
  board.store(stroke('a.1'))
  expect(board.rebase(own)).toEqual(own)
})

test('rebase: of two who clear at once only one does, so that one undo brings all back', () => {
  const board = boardWith(stroke('a.1'))
  const own = clear('me.1')
  board.make(own)
  board.store(clear('b.1'))
  expect(board.rebase(own)).toBeUndefined()
  expect(board.rebase(stroke('me.2'))).toEqual(stroke('me.2'))
})

test('reset forgets everything', () => {
  const board = boardWith(stroke('a.1'))
  board.reset()
  expect(shown(board)).toEqual([])
  expect(board.store(stroke('a.1'))).toBe(true)
})

test('boards of different people that have the same log show the same', () => {
  const random = seededRandom('boards')
  for (let round = 0; round < 200; round++) {
    const people = ['a', 'b', 'c']
    const boards = people.map((name) => makeBoard(name))
    const log: BoardRecord[] = []
    const waiting: BoardRecord[][] = people.map(() => [])
    for (let n = 0; n < 25; n++) {
      const i = random.between(0, 3)
      const [board, id] = [boards[i]!, `${people[i]!}.${n}`]
      const all = shown(board)
      const kinds = [
        () => stroke(id),
        () => (all.length > 0 ? erase(id, random.pick(all)) : stroke(id)),
        () => clear(id),
        () => {
          const of = board.undoTarget()
          return of === undefined ? stroke(id) : undo(id, of)
        },
      ]
      const record = random.pick(kinds)()
      board.make(record)
      waiting[i]!.push(record)
      // Some of what waits is stored now, and everybody gets it.
      const author = random.between(0, 3)
      const stored = waiting[author]!.splice(0, random.between(0, 2))
      log.push(...stored)
      for (const record of stored) for (const each of boards) each.store(record)
    }
    for (const rest of waiting) {
      log.push(...rest)
      for (const record of rest) for (const each of boards) each.store(record)
    }
    const late = boardWith(...log)
    for (const board of boards) expect(shown(board)).toEqual(shown(late))
  }
})
