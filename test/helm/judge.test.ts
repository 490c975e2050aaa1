/** The load that tries the chart on a cluster has to notice what it is there to notice. */
import { expect, test } from 'vitest'

type Verdict = Readonly<Record<'lost' | 'doubled' | 'different', number>>
const load = async (file: string): Promise<unknown> =>
  await import(new URL(`../../helm/try/load/${file}`, import.meta.url).href)

const drawings = (await load('drawings.mjs')) as {
  judgeDrawing(
    contents: string,
    clients: readonly { acknowledged: readonly string[]; text(): string }[],
  ): Verdict
}
const rooms = (await load('rooms.mjs')) as {
  judgeRoom(
    entries: readonly string[],
    clients: readonly { written: readonly string[]; entries(): readonly string[] }[],
  ): Verdict
}

test.each([
  ['nothing', 'a:0\nb:0\n', 'a:0\nb:0\n', { lost: 0, doubled: 0, different: 0 }],
  ['a lost append', 'a:0\n', 'a:0\n', { lost: 1, doubled: 0, different: 0 }],
  ['a doubled append', 'a:0\nb:0\nb:0\n', 'a:0\nb:0\nb:0\n', { lost: 0, doubled: 1, different: 0 }],
  ['an append one client lacks', 'a:0\nb:0\n', 'a:0\n', { lost: 0, doubled: 0, different: 1 }],
])('of a document it notices %s', (_, contents, seen, verdict) => {
  const client = { acknowledged: ['a:0\n', 'b:0\n'], text: () => seen }
  expect(drawings.judgeDrawing(contents, [client])).toEqual(verdict)
})

test.each([
  ['nothing', ['a:0', 'b:0'], ['a:0', 'b:0'], { lost: 0, doubled: 0, different: 0 }],
  ['a lost entry', ['a:0'], ['a:0'], { lost: 1, doubled: 0, different: 0 }],
  [
    'a doubled entry',
    ['a:0', 'b:0', 'b:0'],
    ['a:0', 'b:0', 'b:0'],
    { lost: 0, doubled: 1, different: 0 },
  ],
  [
    'another order at one client',
    ['a:0', 'b:0'],
    ['b:0', 'a:0'],
    { lost: 0, doubled: 0, different: 1 },
  ],
])('of a room it notices %s', (_, entries, seen, verdict) => {
  const client = { written: ['a:0', 'b:0'], entries: () => seen }
  expect(rooms.judgeRoom(entries, [client])).toEqual(verdict)
})
