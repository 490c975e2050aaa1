import { beforeEach, expect, test } from 'vitest'
import { makeAppends } from '../../src/client/appends.ts'
import type { AppendsOptions, Delivery } from '../../src/client/appends.ts'
import { concat } from '../../src/client/bytes.ts'
import type { AppendOutcome } from '../../src/client/pending.ts'
import { decode, encode } from './support.ts'

let delivered: Delivery[]
let conflicts: { expected: number; actual: number }[]
const make = (options: Partial<AppendsOptions> = {}) =>
  makeAppends({
    offset: 0,
    maxBatchBytes: 1_000,
    rebase: undefined,
    deliver: (delivery) => delivered.push(delivery),
    conflict: (lengths) => conflicts.push(lengths),
    rebased: () => undefined,
    ...options,
  })
const text = () => decode(concat(delivered.map(({ bytes }) => bytes)))
const ownText = () => decode(concat(delivered.filter((d) => d.own).map(({ bytes }) => bytes)))
const sent = (next: { offset: number; bytes: Uint8Array } | undefined) =>
  next && `${decode(next.bytes)}@${next.offset}`

beforeEach(() => {
  delivered = []
  conflicts = []
})

test('[zwibbler 8] one append is outstanding; what waits meanwhile goes together in the next', async () => {
  const appends = make()
  const outcomes = [appends.add(encode('a')), appends.add(encode('b'))]
  expect(sent(appends.next())).toBe('ab@0')
  outcomes.push(appends.add(encode('c')))
  expect(appends.next()).toBeUndefined()
  expect(text()).toBe('')
  expect(appends.answer(1, 2)).toBe('ok')
  expect(text()).toBe('ab')
  expect(sent(appends.next())).toBe('c@2')
  appends.answer(1, 3)
  expect(await Promise.all(outcomes)).toEqual([
    { kind: 'stored', offset: 0, length: 1, rebases: 0 },
    { kind: 'stored', offset: 1, length: 2, rebases: 0 },
    { kind: 'stored', offset: 2, length: 3, rebases: 0 },
  ])
  expect(appends.pending).toBe(0)
})

test('[zwibbler 8] a refused append waits for the bytes up to the refused length, is rebased, and goes again', () => {
  const seen: string[] = []
  const appends = make({
    rebase: (change, missed) => {
      seen.push(`${decode(change)} missed ${decode(missed)}`)
      return encode(`${decode(change)}'`)
    },
  })
  void appends.add(encode('a'))
  appends.next()
  appends.answer(0, 4)
  expect(conflicts).toEqual([{ expected: 0, actual: 4 }])
  appends.receive(0, encode('XY'))
  expect(appends.next()).toBeUndefined()
  appends.receive(2, encode('Z!'))
  expect(sent(appends.next())).toBe("a'@4")
  expect(seen).toEqual(['a missed XYZ!'])
})

test('a change made after others is rebased only over what it has not known', () => {
  const seen: string[] = []
  const appends = make({
    rebase: (change, missed) => {
      seen.push(`${decode(change)}<${decode(missed)}`)
      return change
    },
  })
  void appends.add(encode('a'))
  appends.next()
  appends.receive(0, encode('X'))
  void appends.add(encode('b'))
  appends.answer(0, 1)
  appends.receive(1, encode('Y'))
  expect(sent(appends.next())).toBe('ab@2')
  expect(seen).toEqual(['a<XY', 'b<Y'])
})

test('a change that rebase withdraws is not sent, and one whose rebase throws says why', async () => {
  const appends = make({
    rebase: (change) => {
      if (decode(change) === 'bad') throw new Error('no')
      return decode(change) === 'gone' ? null : change
    },
  })
  const outcomes = ['gone', 'bad', 'good'].map((word) => appends.add(encode(word)))
  appends.receive(0, encode('X'))
  expect(sent(appends.next())).toBe('good@1')
  expect(await outcomes[0]).toEqual({ kind: 'withdrawn' })
  expect(await outcomes[1]).toEqual({ kind: 'withdrawn', cause: new Error('no') })
})

test('[zwibbler 16] an append in doubt whose bytes lie at its offset was stored, and is not sent again', async () => {
  const appends = make()
  const outcome = appends.add(encode('mine'))
  appends.next()
  appends.disconnected()
  appends.receive(0, encode('mineX'))
  expect(await outcome).toEqual({ kind: 'stored', offset: 0, length: 4, rebases: 0 })
  expect(appends.next()).toBeUndefined()
  expect([text(), ownText()]).toEqual(['mineX', 'mine'])
})

test('[zwibbler 16] an append in doubt at whose offset other bytes lie was not stored, and is sent again behind them', () => {
  const appends = make()
  void appends.add(encode('mine'))
  appends.next()
  appends.disconnected()
  appends.receive(0, encode('mi'))
  expect(text()).toBe('')
  appends.receive(2, encode('xed'))
  expect([text(), ownText()]).toEqual(['mixed', ''])
  expect(sent(appends.next())).toBe('mine@5')
})

test('an append in doubt is sent again as it was, so that of the two only one is stored', async () => {
  const appends = make()
  const outcome = appends.add(encode('mine'))
  appends.next()
  appends.disconnected()
  void appends.add(encode('later'))
  appends.receive(0, encode(''))
  expect(sent(appends.next())).toBe('mine@0')
  // The lost one commits now, so this one is refused; then the bytes come.
  appends.answer(0, 4)
  expect(appends.next()).toBeUndefined()
  appends.receive(0, encode('mine'))
  expect((await outcome).kind).toBe('stored')
  expect(sent(appends.next())).toBe('later@4')
  expect(conflicts).toEqual([])
})

test('an append in doubt is not taken for stored when the document is too short for it', () => {
  const appends = make()
  void appends.add(encode('mine'))
  appends.next()
  appends.disconnected()
  appends.receive(0, encode('mi'))
  expect(sent(appends.next())).toBe('mine@0')
  appends.answer(0, 2)
  expect([text(), ownText()]).toEqual(['mi', ''])
  expect(sent(appends.next())).toBe('mine@2')
})

test('the answer to an append whose bytes came first is not taken for the answer to the next one', () => {
  const appends = make()
  void appends.add(encode('mine'))
  appends.next()
  appends.disconnected()
  appends.next()
  appends.receive(0, encode('mine'))
  void appends.add(encode('next'))
  expect(appends.next()).toBeUndefined()
  expect(appends.answer(0, 6)).toBe('ok')
  expect(appends.next()).toBeUndefined()
  appends.receive(4, encode('XY'))
  expect(sent(appends.next())).toBe('next@6')
  expect(ownText()).toBe('mine')
})

test('equal bytes that were there before the append could not have been its own', () => {
  const appends = make()
  void appends.add(encode('same'))
  appends.next()
  appends.receive(0, encode('same'))
  appends.disconnected()
  appends.receive(4, encode(''))
  expect(sent(appends.next())).toBe('same@4')
})

test('held bytes are asked for again after another disconnect', () => {
  const appends = make()
  void appends.add(encode('mine'))
  appends.next()
  appends.disconnected()
  appends.receive(0, encode('mi'))
  expect([appends.position, appends.received]).toEqual([0, 2])
  appends.disconnected()
  expect([appends.position, appends.received]).toEqual([0, 0])
  appends.receive(0, encode('mine'))
  expect([text(), ownText()]).toEqual(['mine', 'mine'])
})

test('[I1] what is here already is skipped, a gap breaks the connection', () => {
  const appends = make()
  appends.receive(0, encode('abc'))
  expect(appends.receive(1, encode('bcd'))).toBe('ok')
  expect(appends.receive(0, encode('a'))).toBe('ok')
  expect(text()).toBe('abcd')
  expect(appends.receive(5, encode('f'))).toBe('broken')
})

test('answers that cannot be break the connection, and leave the append in doubt', () => {
  const appends = make()
  expect(appends.answer(1, 1)).toBe('broken')
  void appends.add(encode('a'))
  appends.next()
  expect(appends.answer(1, 7)).toBe('broken')
  appends.disconnected()
  expect(appends.isInDoubt).toBe(true)
  appends.next()
  expect(appends.answer(0, 0)).toBe('broken')
})

test('[zwibbler 4.6] result 2 settles the append as denied and the next one is tried', async () => {
  const appends = make({ maxBatchBytes: 1 })
  const outcomes = [appends.add(encode('a')), appends.add(encode('b'))]
  appends.next()
  appends.answer(2, 0)
  expect(await outcomes[0]).toEqual({ kind: 'denied' })
  expect(sent(appends.next())).toBe('b@0')
})

test('giving up tells which appends are in doubt', async () => {
  const appends = make({ maxBatchBytes: 1 })
  const outcomes = [appends.add(encode('a')), appends.add(encode('b'))]
  appends.next()
  appends.disconnected()
  appends.giveUp((inDoubt) => ({ kind: 'closed', inDoubt }))
  const expected: AppendOutcome[] = [
    { kind: 'closed', inDoubt: true },
    { kind: 'closed', inDoubt: false },
  ]
  expect(await Promise.all(outcomes)).toEqual(expected)
})

test('bytes that came while nothing waited are not shown to later changes', () => {
  const lengths: number[] = []
  const appends = make({
    rebase: (change, missed) => {
      lengths.push(missed.length)
      return change
    },
  })
  let at = 0
  const foreign = (length: number) => {
    appends.receive(at, new Uint8Array(length))
    at += length
  }
  foreign(100)
  for (let round = 0; round < 3; round++) {
    void appends.add(encode('a'))
    appends.next()
    foreign(10)
    appends.answer(0, at)
    appends.next()
    at += 1
    appends.answer(1, at)
    foreign(50)
  }
  expect(lengths).toEqual([10, 10, 10])
})
