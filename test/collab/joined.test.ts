import { expect, test } from 'vitest'
import { type Entry, Memo } from '../../src/collab/answers.ts'
import { joined } from '../../src/collab/joined.ts'

function entry(offset: number, text: string | number, by?: object): Entry {
  const bytes = typeof text === 'string' ? Buffer.from(text) : undefined
  const size = typeof text === 'string' ? text.length : text
  return { id: 1, by, offset, size, bytes, memo: new Memo() }
}

const story = (entries: readonly Entry[]): string[] =>
  entries.map(
    ({ offset, size, bytes }) =>
      `${offset}+${size} ${bytes ? Buffer.from(bytes).toString() : '(log)'}`,
  )

test('entries that follow each other become one', () => {
  expect(story(joined([entry(5, 'one'), entry(8, 'two'), entry(11, 'three')], 100))).toEqual([
    '5+11 onetwothree',
  ])
})

test('a gap, bytes that are in the log only, and an own append stay apart', () => {
  const by = {}
  const entries = [entry(0, 'a'), entry(1, 7), entry(8, 'b'), entry(20, 'c'), entry(21, 'd', by)]
  expect(story(joined(entries, 100))).toEqual(['0+1 a', '1+7 (log)', '8+1 b', '20+1 c', '21+1 d'])
})

test('no entry grows above the limit, but one that is above it by itself stays whole', () => {
  const entries = [entry(0, 'aaa'), entry(3, 'bbb'), entry(6, 'ccccccccc'), entry(15, 'd')]
  expect(story(joined(entries, 6))).toEqual(['0+6 aaabbb', '6+9 ccccccccc', '15+1 d'])
})

test('what surfaces made of the parts is not taken for the whole', () => {
  const first = entry(0, 'a')
  first.memo.set('yjs', Uint8Array.of(1))
  const [both] = joined([first, entry(1, 'b')], 100)
  expect(both!.memo.get('yjs')).toBeUndefined()
})
