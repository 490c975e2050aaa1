import { expect, test } from 'vitest'
import { StoreError } from '../../../src/core/errors.ts'
import { ANYWHERE, type DocumentAppends } from '../../../src/core/ports.ts'
import { within } from '../../support/wait.ts'
import {
  appendTo,
  chunk,
  makeDocument,
  pattern,
  ROW_BYTES,
  stateOf,
  textOf,
  unlessBusy,
} from './bench.ts'
import type { UseBench } from './bench.ts'

export function appendSuite(use: UseBench): void {
  test('[I3] an append commits at exactly the length, and is refused with the actual one otherwise', async () => {
    const { near, far } = use()
    const epoch = await makeDocument(near, 'hello')
    expect(await appendTo(near, epoch, 4, 'low')).toEqual({ kind: 'conflict', length: 5 })
    expect(await appendTo(near, epoch, 6, 'high')).toEqual({ kind: 'conflict', length: 5 })
    expect(await appendTo(near, epoch, 0, 'zero')).toEqual({ kind: 'conflict', length: 5 })
    expect(await appendTo(near, epoch, 2 ** 52, 'far')).toEqual({ kind: 'conflict', length: 5 })
    expect(await stateOf(far, epoch)).toMatchObject({ length: 5 })
    expect(await appendTo(near, epoch, 5, ' world')).toEqual({ kind: 'stored', length: 11 })
    expect(await appendTo(far, epoch, 5, ' other')).toEqual({ kind: 'conflict', length: 11 })
    expect(await textOf(far, epoch)).toBe('hello world')
  })

  test('an append that may go anywhere goes to the end, whatever is there, also beside rivals', async () => {
    const { near, far } = use()
    const epoch = await makeDocument(near, '>')
    expect(await appendTo(near, epoch, ANYWHERE, 'a', 'b')).toEqual({ kind: 'stored', length: 3 })
    expect(await appendTo(far, epoch, 3, 'c')).toEqual({ kind: 'stored', length: 4 })
    const many = Array.from({ length: 40 }, async (_, i) => {
      const store = i % 2 ? near : far
      const text = `<${i}${'x'.repeat(i % 3)}>`
      const [outcome] = await store.append(
        [{ epoch, expected: ANYWHERE, chunks: [chunk(text)] }],
        true,
      )
      return { text, outcome: outcome! }
    })
    const placed = await Promise.all(many)
    const whole = await textOf(far, epoch)
    for (const { text, outcome } of placed) {
      if (outcome.kind !== 'stored') throw new Error(outcome.kind)
      expect(whole.slice(outcome.length - text.length, outcome.length)).toBe(text)
    }
    expect(whole).toHaveLength(4 + placed.reduce((sum, { text }) => sum + text.length, 0))
    const missing = { epoch: epoch + 1_000_000, expected: ANYWHERE, chunks: [chunk('x')] }
    expect(await near.append([missing], true)).toEqual([{ kind: 'missing' }])
  })

  test('an empty append checks the length and changes nothing', async () => {
    const { near, far } = use()
    for (const initial of ['', 'abc']) {
      const epoch = await makeDocument(near, initial)
      const { length } = initial
      expect(await appendTo(near, epoch, length, '')).toEqual({ kind: 'stored', length })
      expect(await appendTo(near, epoch, length, '', '')).toEqual({ kind: 'stored', length })
      expect(await appendTo(near, epoch, length + 1, '')).toEqual({ kind: 'conflict', length })
      expect(await far.appendIdAt(epoch, length)).toBeUndefined()
      expect(await textOf(far, epoch)).toBe(initial)
    }
  })

  test('empty appends among others keep their place', async () => {
    const { near } = use()
    const epoch = await makeDocument(near)
    const outcome = await appendTo(near, epoch, 0, '', 'ab', '', 'cd', '')
    expect(outcome).toEqual({ kind: 'stored', length: 4 })
    expect(await textOf(near, epoch)).toBe('abcd')
  })

  test('several appends to one document commit together, each with its own id', async () => {
    const { near, far } = use()
    const epoch = await makeDocument(near, '>')
    const chunks = ['one', 'three', 'five'].map((text) => chunk(text))
    expect(await appendTo(near, epoch, 1, ...chunks)).toEqual({ kind: 'stored', length: 13 })
    const ids = [1, 4, 9].map((offset) => far.appendIdAt(epoch, offset))
    expect(await Promise.all(ids)).toEqual(chunks.map(({ id }) => id))
    const none = [2, 3, 5, 8, 12, 13, 100].map((offset) => far.appendIdAt(epoch, offset))
    expect(new Set(await Promise.all(none))).toEqual(new Set([undefined]))
    expect(await textOf(far, epoch)).toBe('>onethreefive')
  })

  test('of several appends to one document none commits when the first one conflicts', async () => {
    const { near } = use()
    const epoch = await makeDocument(near, 'abc')
    expect(await appendTo(near, epoch, 2, 'x', 'y')).toEqual({ kind: 'conflict', length: 3 })
    expect(await textOf(near, epoch)).toBe('abc')
  })

  test('append ids may be any whole number below 2^53', async () => {
    const { near } = use()
    const epoch = await makeDocument(near)
    const ids = [0, 1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER]
    await appendTo(near, epoch, 0, ...ids.map((id) => chunk('x', id)))
    const stored = await Promise.all(ids.map((_, offset) => near.appendIdAt(epoch, offset)))
    expect(stored).toEqual(ids)
  })

  test('two appends may share an id: it only recognises', async () => {
    const { near } = use()
    const epoch = await makeDocument(near)
    await appendTo(near, epoch, 0, chunk('a', 7), chunk('b', 7))
    expect(await textOf(near, epoch)).toBe('ab')
  })

  test('[I10] in one batch each document has its own outcome, in the order of the batch', async () => {
    const { near, far, lock } = use()
    const epochs: number[] = []
    for (let i = 0; i < 40; i += 1) epochs.push(await makeDocument(near, 'abc'))
    const [right, low, high, gone, busy] = [0, 1, 2, 3, 4] as const
    const unlock: (() => Promise<void>)[] = []
    for (const [i, epoch] of epochs.entries()) if (i % 5 === busy) unlock.push(await lock(epoch))
    const batch = epochs.map((epoch, i): DocumentAppends => {
      const expected = { [right]: 3, [low]: 2, [high]: 9, [gone]: 3, [busy]: 3 }[i % 5]!
      return {
        epoch: i % 5 === gone ? 2 ** 40 + i : epoch,
        expected,
        chunks: [chunk(`d${i}`), chunk('!')],
      }
    })
    // Neither ascending nor descending: the outcomes must not depend on an order of the epochs.
    const shuffled = batch.map((_, i) => batch[(i * 7) % batch.length]!)
    const outcomes = await near.append(shuffled, false)
    for (const release of unlock) await release()

    const expected = batch.map((_, j) => {
      const i = (j * 7) % batch.length
      if (i % 5 === right) return { kind: 'stored', length: 4 + `d${i}`.length }
      if (i % 5 === gone) return { kind: 'missing' }
      return i % 5 === busy ? { kind: 'busy' } : { kind: 'conflict', length: 3 }
    })
    expect(outcomes).toEqual(expected)
    const texts = await Promise.all(epochs.map((epoch) => textOf(far, epoch)))
    expect(texts).toEqual(epochs.map((_, i) => (i % 5 === right ? `abcd${i}!` : 'abc')))
  })

  test('an empty batch has no outcomes', async () => {
    expect(await use().near.append([], false)).toEqual([])
  })

  test('appends around the size of a row are stored whole', async () => {
    const { near, far } = use()
    const epoch = await makeDocument(near)
    const sizes = [ROW_BYTES - 1, ROW_BYTES, ROW_BYTES + 1, 2 * ROW_BYTES, 3 * ROW_BYTES + 17, 1]
    let length = 0
    const all: Buffer[] = []
    for (const size of sizes) {
      const part = chunk(pattern(size, length))
      const before = length
      length += size
      expect(await appendTo(near, epoch, before, part)).toEqual({ kind: 'stored', length })
      expect(await far.appendIdAt(epoch, before)).toBe(part.id)
      all.push(part.data as Buffer)
    }
    const stored = await far.read(epoch, 0, length)
    expect(Buffer.compare(stored, Buffer.concat(all))).toBe(0)
  })

  test('large and small appends of several documents share a batch', async () => {
    const { near, far } = use()
    const epochs = [await makeDocument(near), await makeDocument(near), await makeDocument(near)]
    const data = [pattern(700_000, 1), pattern(3, 2), pattern(ROW_BYTES, 3)]
    const batch = epochs.map((epoch, i) => ({
      epoch,
      expected: 0,
      chunks: [chunk(data[i]!), chunk(''), chunk(data[(i + 1) % 3]!)],
    }))
    await near.append(batch, false)
    for (const [i, epoch] of epochs.entries()) {
      const expected = Buffer.concat([data[i]!, data[(i + 1) % 3]!])
      const stored = await far.read(epoch, 0, expected.length)
      expect(Buffer.compare(stored, expected)).toBe(0)
    }
  })

  test('an append of 16 MiB is stored', async () => {
    const { near, far } = use()
    const epoch = await makeDocument(near, 'x')
    const data = pattern(16 * 1024 * 1024)
    const length = data.length + 1
    expect(await appendTo(near, epoch, 1, chunk(data))).toEqual({ kind: 'stored', length })
    const end = await far.read(epoch, length - 1_000, length)
    expect(Buffer.compare(end, data.subarray(-1_000))).toBe(0)
  })

  test('any bytes are stored as they are, also out of a larger buffer', async () => {
    const { near, far } = use()
    const epoch = await makeDocument(near)
    const every = Uint8Array.from({ length: 256 }, (_, i) => i)
    const within = new Uint8Array(1_000).fill(9)
    within.set(every, 500)
    await appendTo(near, epoch, 0, chunk(within.subarray(500, 756)), chunk(Buffer.from(every)))
    const stored = await far.read(epoch, 0, 512)
    expect(Buffer.compare(stored, Buffer.concat([every, every]))).toBe(0)
  })

  test('[I10] a held row delays only itself, and who waits for it gets it', async () => {
    const { near, lock } = use()
    const [held, free] = [await makeDocument(near), await makeDocument(near)]
    const unlock = await lock(held)
    const one = (epoch: number) => ({ epoch, expected: 0, chunks: [chunk('x')] })
    const outcomes = await within(
      2_000,
      'it does not wait',
      near.append([one(held), one(free)], false),
    )
    expect(outcomes).toEqual([{ kind: 'busy' }, { kind: 'stored', length: 1 }])
    let isDone = false
    const waiting = near.append([one(held)], true).finally(() => (isDone = true))
    expect(await appendTo(near, free, 1, 'y')).toEqual({ kind: 'stored', length: 2 })
    expect(isDone).toBe(false)
    await unlock()
    expect(await waiting).toEqual([{ kind: 'stored', length: 1 }])
  })

  test('[I10] who waits for a held row in vain is told to retry, and nothing is stored', async () => {
    const { near, lock } = use()
    const held = await makeDocument(near)
    const unlock = await lock(held)
    const refused = near.append([{ epoch: held, expected: 0, chunks: [chunk('x')] }], true)
    await expect(within(4_000, 'it gives up', refused)).rejects.toSatisfy(
      (error) => error instanceof StoreError && error.code === 'retry',
    )
    await unlock()
    expect(await stateOf(near, held)).toMatchObject({ length: 0 })
    expect(await unlessBusy(() => appendTo(near, held, 0, 'x'))).toMatchObject({ kind: 'stored' })
  })

  test('states tell of the documents that exist, up to 1,000 at once', async () => {
    const { near, far } = use()
    const epochs: number[] = []
    for (let i = 0; i < 30; i += 1) epochs.push(await makeDocument(near, 'x'.repeat(i)))
    const unknown = Array.from({ length: 970 }, (_, i) => 2 ** 45 + i)
    const states = await far.states([...unknown, ...epochs])
    expect([...states.keys()].sort((a, b) => a - b)).toEqual(epochs)
    epochs.forEach((epoch, i) => {
      expect(states.get(epoch)).toEqual({ length: i, keysVersion: 0 })
    })
    expect((await far.states([])).size).toBe(0)
  })
}
