import { expect, test } from 'vitest'
import { StoreError } from '../../../src/core/errors.ts'
import { seededRandom } from '../../support/random.ts'
import { appendTo, chunk, makeDocument, pattern, ROW_BYTES } from './bench.ts'
import type { UseBench } from './bench.ts'

const isHole = (error: unknown): boolean => error instanceof StoreError && error.code === 'hole'

export function readSuite(use: UseBench): void {
  test('any range of bytes is read, however it lies to the rows', async () => {
    const { near, far } = use()
    const random = seededRandom('ranges of a log')
    const epoch = await makeDocument(near)
    const sizes = [1, 10, 2 * ROW_BYTES + 5, 3, 1_000, ROW_BYTES, 7, 100, 1]
    const all = sizes.map((size, i) => pattern(size, i * 31))
    await appendTo(near, epoch, 0, ...all.map((data) => chunk(data)))
    const log = Buffer.concat(all)
    const edges = sizes.flatMap((_, i) => {
      const at = sizes.slice(0, i).reduce((sum, size) => sum + size, 0)
      return [at - 1, at, at + 1].filter((edge) => edge >= 0)
    })
    const places = [...edges, ROW_BYTES, log.length - 1, log.length]
    for (let n = 0; n < 200; n += 1) {
      const [a, b] = [0, 0].map(() =>
        random.chance(0.6) ? random.pick(places) : random.between(0, log.length + 1),
      )
      const [from, to] = [Math.min(a!, b!), Math.max(a!, b!)]
      const read = await far.read(epoch, from, to)
      const isSame = Buffer.compare(read, log.subarray(from, to)) === 0
      expect(isSame, `bytes ${from} to ${to}`).toBe(true)
    }
  })

  test('a range that goes beyond the end is shorter', async () => {
    const { near } = use()
    const epoch = await makeDocument(near, 'hello')
    const text = async (from: number, to: number) =>
      Buffer.from(await near.read(epoch, from, to)).toString()
    expect(await text(0, 100)).toBe('hello')
    expect(await text(2, 2 ** 31 - 1)).toBe('llo')
    expect(await text(5, 10)).toBe('')
    expect(await text(500, 600)).toBe('')
    expect(await text(3, 3)).toBe('')
  })

  test('an empty document has no bytes', async () => {
    const { near } = use()
    const epoch = await makeDocument(near)
    expect(await near.read(epoch, 0, 100)).toHaveLength(0)
  })

  test('a row that is missing is a hole, never the end of the log', async () => {
    const { near, loseRow } = use()
    const parts = ['0123456789', 'abcdefghij', 'ABCDEFGHIJ']
    for (const lost of [0, 1, 2]) {
      const epoch = await makeDocument(near)
      await appendTo(near, epoch, 0, ...parts)
      await loseRow(epoch, lost * 10)
      for (const [from, to] of [
        [0, 30],
        [lost * 10, lost * 10 + 10],
        [lost * 10 + 3, lost * 10 + 7],
        [lost * 10 + 3, 30],
      ] as const) {
        const what = `bytes ${from} to ${to} without row ${lost}`
        await expect(near.read(epoch, from, to), what).rejects.toSatisfy(isHole)
      }
      const whole = lost === 0 ? [10, 20] : [0, 10]
      const read = await near.read(epoch, whole[0]!, whole[1]!)
      expect(Buffer.from(read).toString()).toBe(parts[lost === 0 ? 1 : 0])
    }
  })

  test('a missing row of a large append is a hole, too', async () => {
    const { near, loseRow } = use()
    const epoch = await makeDocument(near)
    await appendTo(near, epoch, 0, chunk(pattern(3 * ROW_BYTES)))
    await loseRow(epoch, ROW_BYTES)
    await expect(near.read(epoch, ROW_BYTES - 5, ROW_BYTES + 5)).rejects.toSatisfy(isHole)
    await expect(near.read(epoch, 0, 3 * ROW_BYTES)).rejects.toSatisfy(isHole)
  })

  test('what is read belongs to the reader', async () => {
    const { near } = use()
    const epoch = await makeDocument(near, 'hello')
    const first = await near.read(epoch, 0, 5)
    first.fill(0)
    expect(Buffer.from(await near.read(epoch, 0, 5)).toString()).toBe('hello')
  })
}
