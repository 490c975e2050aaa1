import { expect, test } from 'vitest'
import { makePages, PAGE_BYTES } from '../../src/collab/pages.ts'
import { StoreError } from '../../src/core/errors.ts'
import { seededRandom } from '../support/random.ts'
import { makeTally } from './support/meter.ts'

/** A log of which `length` bytes are committed, and every read of it. */
function makeLog(length: number, budget = 16 * PAGE_BYTES) {
  const log = Buffer.alloc(8 * PAGE_BYTES)
  for (let at = 0; at < log.length; at += 4) log.writeUInt32BE(at, at)
  const reads: string[] = []
  /** What was read into. */
  const rooms = new Set<ArrayBufferLike>()
  const state = { length, failing: undefined as Error | undefined }
  const waiting: (() => void)[] = []
  let isHeld = false
  const tally = makeTally()
  const pages = makePages(
    {
      async read(epoch, from, to, into) {
        reads.push(`${epoch}:${from}-${to}`)
        // What it answers is what was committed when it was asked.
        const seen = Buffer.from(log.subarray(from, Math.min(to, state.length)))
        if (isHeld) await new Promise<void>((resolve) => waiting.push(resolve))
        if (state.failing) throw state.failing
        const bytes = into(seen.length)
        rooms.add(bytes.buffer)
        bytes.set(seen)
        return bytes
      },
    },
    budget,
    tally.meter,
  )
  return {
    log,
    reads,
    rooms,
    state,
    pages: {
      ...pages,
      read: (epoch: number, from: number, to: number) =>
        pages.read(epoch, from, to, (lent) => Uint8Array.from(lent)),
    },
    tally,
    hold: () => (isHeld = true),
    release: () => {
      isHeld = false
      waiting.splice(0).forEach((go) => go())
    },
  }
}

test('bytes are read in aligned pages, whatever part of them is wanted', async () => {
  const { pages, reads, log } = makeLog(3 * PAGE_BYTES)
  const from = PAGE_BYTES + 1_000
  expect(Buffer.from(await pages.read(1, from, from + 10))).toEqual(log.subarray(from, from + 10))
  expect(reads).toEqual([`1:${PAGE_BYTES}-${2 * PAGE_BYTES}`])
  expect(await pages.read(1, PAGE_BYTES, 3 * PAGE_BYTES)).toHaveLength(PAGE_BYTES)
  expect(reads, 'the second time from memory').toHaveLength(1)
})

test('[I6] however many want a page, it is read once', async () => {
  const { pages, reads, hold, release, tally } = makeLog(PAGE_BYTES)
  hold()
  const all = Array.from({ length: 100 }, (_, i) => pages.read(1, i, PAGE_BYTES))
  release()
  expect((await Promise.all(all)).map(({ length }) => PAGE_BYTES - length)).toEqual(
    Array.from({ length: 100 }, (_, i) => i),
  )
  expect(reads).toHaveLength(1)
  expect(tally.count('page', 'shared')).toBe(99)
})

test('of a page that was the last one only what is new is read', async () => {
  const { pages, reads, state, log } = makeLog(100)
  await pages.read(1, 0, 100)
  state.length = 250
  expect(Buffer.from(await pages.read(1, 100, 250))).toEqual(log.subarray(100, 250))
  expect(reads).toEqual([`1:0-${PAGE_BYTES}`, `1:100-${PAGE_BYTES}`])
  expect(Buffer.from(await pages.read(1, 50, 200))).toEqual(log.subarray(50, 200))
  expect(reads).toHaveLength(2)
})

test('[I1] a shared read that began before the bytes were committed is followed by another', async () => {
  const { pages, state, hold, release, log } = makeLog(100)
  hold()
  const early = pages.read(1, 0, 100)
  state.length = 200
  const late = pages.read(1, 100, 200)
  release()
  expect(await early).toHaveLength(100)
  expect(Buffer.from(await late)).toEqual(log.subarray(100, 200))
})

test('[I1] nothing where the log should have something is a hole, never the end', async () => {
  const { pages } = makeLog(100)
  await expect(pages.read(1, 100, 200)).rejects.toMatchObject({ code: 'hole' })
})

test('a failure reaches everybody who waits for that read, and nobody later', async () => {
  const { pages, state, hold, release } = makeLog(100)
  hold()
  state.failing = new StoreError('away', 'gone')
  const both = [pages.read(1, 0, 10), pages.read(1, 50, 60)]
  release()
  for (const each of both) await expect(each).rejects.toMatchObject({ code: 'away' })
  state.failing = undefined
  expect(await pages.read(1, 0, 10)).toHaveLength(10)
})

test('[I6] pages in memory stay within the budget; those used least recently go first', async () => {
  const { pages, reads } = makeLog(8 * PAGE_BYTES, 3 * PAGE_BYTES)
  const read = (page: number): Promise<Uint8Array> =>
    pages.read(1, page * PAGE_BYTES, 8 * PAGE_BYTES)
  for (const page of [0, 1, 2, 0, 3]) await read(page)
  expect(reads).toHaveLength(4)
  await read(0)
  await read(2)
  expect(reads, 'still there').toHaveLength(4)
  await read(1)
  expect(reads, 'gone').toHaveLength(5)
})

test('[I6] the memory of pages that went is used again', async () => {
  const { pages, rooms, reads, log } = makeLog(8 * PAGE_BYTES, 2 * PAGE_BYTES)
  for (let round = 0; round < 20; round += 1) {
    const from = (round % 8) * PAGE_BYTES
    const bytes = await pages.read(1, from, from + PAGE_BYTES)
    expect(Buffer.compare(bytes, log.subarray(from, from + PAGE_BYTES))).toBe(0)
  }
  expect(reads).toHaveLength(20)
  expect(rooms.size, 'two that are kept, and the one being filled').toBe(3)
})

test('[I1] many reads at once from a cache that is far too small give their own bytes', async () => {
  const { pages, log } = makeLog(8 * PAGE_BYTES, PAGE_BYTES)
  const all = Array.from({ length: 64 }, async (_, i) => {
    const from = (i % 8) * PAGE_BYTES + i
    const bytes = await pages.read(1, from, from + 1_000)
    return Buffer.compare(bytes, log.subarray(from, from + 1_000))
  })
  expect(await Promise.all(all)).toEqual(all.map(() => 0))
})

test('a page larger than the whole budget is given all the same', async () => {
  const { pages } = makeLog(PAGE_BYTES, 1_000)
  expect(await pages.read(1, 0, PAGE_BYTES)).toHaveLength(PAGE_BYTES)
})

test('epochs have pages of their own, and a forgotten one is read anew', async () => {
  const { pages, reads } = makeLog(100)
  await pages.read(1, 0, 10)
  await pages.read(11, 0, 10)
  expect(reads).toHaveLength(2)
  pages.forget(1)
  await pages.read(11, 0, 10)
  expect(reads).toHaveLength(2)
  await pages.read(1, 0, 10)
  expect(reads).toHaveLength(3)
})

test('what was being read when its epoch was forgotten is read anew', async () => {
  const { pages, reads, hold, release, log } = makeLog(100)
  hold()
  const first = pages.read(1, 0, 100)
  pages.forget(1)
  log.fill(7)
  release()
  expect(Buffer.compare(await first, log.subarray(0, 100))).toBe(0)
  await pages.read(1, 0, 100)
  expect(reads).toHaveLength(2)
})

test('[I1] any reads of a growing log give its bytes', async () => {
  const random = seededRandom('pages')
  const { pages, state, log } = makeLog(1, 2 * PAGE_BYTES)
  for (let round = 0; round < 300; round += 1) {
    state.length = Math.min(log.length, state.length + random.between(0, 20_000))
    const from = random.between(0, state.length)
    const to = random.between(from + 1, state.length + 1)
    const bytes = await pages.read(1, from, to)
    expect(bytes.length).toBeGreaterThan(0)
    expect(Buffer.compare(bytes, log.subarray(from, from + bytes.length))).toBe(0)
    expect(from + bytes.length).toBeLessThanOrEqual(to)
  }
})

test('[I1] also many at once, of pages that grow and fall out of the cache while they are read', async () => {
  const random = seededRandom('pages that grow')
  const logs = Array.from({ length: 5 }, (_, epoch) => Buffer.alloc(60_000, `${epoch} `))
  let length = 1
  const pages = makePages(
    {
      async read(epoch, from, to, into) {
        const seen = logs[epoch]!.subarray(from, Math.min(to, length))
        const bytes = into(seen.length)
        bytes.set(seen)
        for (let turns = random.between(0, 4); turns > 0; turns--) await new Promise(setImmediate)
        return bytes
      },
    },
    60_000,
    makeTally().meter,
  )
  for (let round = 0; round < 200; round++) {
    length = Math.min(60_000, length + random.between(0, 1_000))
    const reads = Array.from({ length: 12 }, async () => {
      const [epoch, from] = [random.between(0, 5), random.between(0, length)]
      await pages.read(epoch, from, length, (bytes) => {
        const isSame = bytes.length > 0 && logs[epoch]!.indexOf(bytes, from) === from
        expect(isSame, `round ${round}`).toBe(true)
      })
    })
    await Promise.all(reads)
  }
})

test('[I1] a page whose beginning got other contents while its end was read is read anew', async () => {
  const sizes = new Map([
    [1, 30_000],
    [2, 30_000],
    [3, 30_000],
  ])
  let held: Promise<void> | undefined
  const pages = makePages(
    {
      async read(epoch, from, _to, into) {
        const size = sizes.get(epoch)! - from
        const wait = held
        held = undefined
        await wait
        return into(size).fill(epoch)
      },
    },
    40_000,
    makeTally().meter,
  )
  const contents = (epoch: number, from: number) =>
    pages.read(epoch, from, Infinity, (bytes) => [...new Set(bytes)])
  await contents(1, 0)
  sizes.set(1, 31_000)
  let letGo = () => {}
  held = new Promise((resolve) => (letGo = resolve))
  const growing = contents(1, 30_500)
  // Its memory becomes the second page of these.
  for (const epoch of [2, 3]) await contents(epoch, 0)
  letGo()
  expect(await growing).toEqual([1])
  expect(await contents(1, 0)).toEqual([1])
})
