import { describe, expect, test } from 'vitest'
import { makeCopy, makeRecord, readSettings } from './support.ts'

const SIZE = 40

/** What one author appends, one record after the other; the last one is its farewell. */
function writing(count: number, author = 0, from = 0): { offset: number; data: Uint8Array }[] {
  return Array.from({ length: count }, (_, i) => {
    const offset = from + i * SIZE
    const isFarewell = i === count - 1
    return { offset, data: makeRecord({ author, number: i + 1, offset, size: SIZE, isFarewell }) }
  })
}

function accountOf(messages: readonly { offset: number; data: Uint8Array }[], from = 0) {
  const copy = makeCopy(from)
  for (const { offset, data } of messages) copy.receive(offset, data)
  const { faults, ledger, length } = copy
  return { ...faults, missing: copy.missing(), isOver: ledger.isOver(1), length }
}

const [one, two, three, four] = writing(4) as [Message, Message, Message, Message]
type Message = ReturnType<typeof writing>[number]
const fine = { repeated: 0, reordered: 0, altered: 0, missing: 0, isOver: true, length: 4 * SIZE }

describe("a reader's account of what came", () => {
  test('has nothing to say when all came once and in order', () => {
    expect(accountOf([one, two, three, four])).toEqual(fine)
  })

  test('begins where the document was before anybody wrote', () => {
    expect(accountOf(writing(4, 0, 1_000), 1_000)).toEqual({ ...fine, length: 1_000 + 4 * SIZE })
  })

  test('tells a change that never came', () => {
    expect(accountOf([one, three, four])).toEqual({ ...fine, missing: 1 })
  })

  test('tells a change that came twice', () => {
    expect(accountOf([one, two, two, three, four])).toEqual({ ...fine, repeated: 1 })
  })

  test('tells a change that came after its successor', () => {
    expect(accountOf([one, three, two, four])).toEqual({ ...fine, reordered: 1 })
  })

  test('tells bytes that nobody wrote, which is a change that did not come, too', () => {
    const data = three.data.slice()
    data[SIZE - 1]! ^= 1
    expect(accountOf([one, two, { ...three, data }, four])).toEqual({
      ...fine,
      altered: 1,
      missing: 1,
    })
  })

  test('tells a change that is not where its author put it', () => {
    const moved = [one, { ...three, offset: two.offset }]
    expect(accountOf(moved)).toMatchObject({ altered: 1, isOver: false })
  })

  test('tells a change that the document has twice, at two places', () => {
    const data = makeRecord({ author: 0, number: 1, offset: SIZE, size: SIZE })
    expect(accountOf([one, { offset: SIZE, data }])).toMatchObject({ repeated: 1 })
  })

  test('tells an acknowledged change that the document lost without leaving a hole', () => {
    const data = makeRecord({ author: 0, number: 3, offset: SIZE, size: SIZE, isFarewell: true })
    expect(accountOf([one, { offset: SIZE, data }])).toMatchObject({ missing: 1 })
  })

  test('is the same when messages are cut anywhere and joined', () => {
    const whole = Buffer.concat([one, two, three, four].map(({ data }) => data))
    const cuts = [0, 1, SIZE + 7, 3 * SIZE - 1, whole.length]
    const parts = cuts.slice(1).map((end, i) => ({
      offset: cuts[i]!,
      data: whole.subarray(cuts[i], end),
    }))
    expect(accountOf(parts)).toEqual(fine)
  })
})

describe('settings', () => {
  test('are read with their units, and what is not given has a default', () => {
    const read = readSettings('zwibbler', { DURATION: '2m', RAMP: '500ms', URL: 'ws://a, ws://b' })
    expect(read).toMatchObject({ duration: 120_000, ramp: 500, patience: 30_000, students: 50 })
    expect(read.urls).toEqual(['ws://a', 'ws://b'])
  })

  test('that make no sense are named', () => {
    expect(() => readSettings('storm', { JITTER: 'soon' })).toThrow(/^JITTER /)
    expect(() => readSettings('yjs', { EDITORS: '-1' })).toThrow(/^EDITORS /)
  })
})
