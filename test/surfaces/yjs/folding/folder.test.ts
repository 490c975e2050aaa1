import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import * as Y from 'yjs'
import { PoolError } from '../../../../src/surfaces/yjs/folding/pool.ts'
import { encodeRecords } from '../../../../src/surfaces/yjs/update/records.ts'
import { withClient } from '../../../support/databases.ts'
import { seededRandom, type Random } from '../../../support/random.ts'
import { until } from '../../../support/wait.ts'
import { bytes, makeRoom, vectors } from '../update/support.ts'
import { contentOf, documentOf, makeTyping } from './support.ts'
import { due, makeInlinePool, makeTestFolder, makeWorld, type Room, type World } from './world.ts'

const { databaseUrl } = inject('services')
let world: World

beforeAll(async () => {
  world = await makeWorld(databaseUrl)
})
afterAll(() => world[Symbol.asyncDispose]())

async function rowsOf({ epoch }: Room): Promise<number> {
  return await withClient(world.url, async (client) => {
    const text = 'select count(*)::int as n from document_chunks where key = $1'
    return (await client.query<{ n: number }>(text, [epoch])).rows[0]!.n
  })
}

/** Appends some at a time, as they come in. */
async function appendAll(
  room: Room,
  updates: readonly Uint8Array[],
  random: Random,
): Promise<void> {
  for (let at = 0; at < updates.length;) {
    const next = at + random.between(1, 6)
    await world.appendUpdates(room, updates.slice(at, next))
    at = next
  }
}

async function expectWhole(room: Room, updates: readonly Uint8Array[], what = ''): Promise<void> {
  expect(contentOf(await world.docOf(room)), what).toEqual(contentOf(documentOf(updates)))
}

describe('[yjs 11.2] folding a room', () => {
  const random = seededRandom('folder')

  test('that is due; what it replaced is deleted later; offsets go on', async () => {
    const room = await world.open()
    const folder = makeTestFolder(world, { delayMs: 0 })
    const updates = makeTyping(random.fork())
    await appendAll(room, updates.slice(0, 150), random)
    const head = await world.length(room)
    folder.consider(room.epoch, { head, ...due, rows: 3 })
    await folder.idle()
    expect(folder.folds).toEqual([])
    folder.consider(room.epoch, { head, ...due })
    await folder.idle()
    expect(folder.folds).toHaveLength(1)
    expect(folder.folds[0]?.kind).toBe('major')
    expect((await world.segments.segments(room.epoch)).map(({ to }) => to)).toEqual([head])
    await appendAll(room, updates.slice(150), random)
    await until('the rows are gone', async () => (await rowsOf(room)) < updates.length / 3)
    await expectWhole(room, updates)
    expect(await world.length(room)).toBeGreaterThan(head)
    await folder.close()
  })

  test('again and again, by several nodes at once, while it is appended to and read', async () => {
    const nodes = [makeTestFolder(world), makeTestFolder(world), makeTestFolder(world)]
    for (let round = 0; round < 8; round++) {
      const room = await world.open()
      const { updates } = makeRoom(random.fork(), { steps: 150 })
      const gc = random.chance(0.5)
      nodes.push(makeTestFolder(world, { gc, majorBytes: random.pick([0, 2_000, 1e6]) }))
      for (let at = 0; at < updates.length; at += 5) {
        const head = await world.appendUpdates(room, updates.slice(at, at + 5))
        for (const node of nodes)
          if (random.chance(0.3)) node.consider(room.epoch, { head, ...due })
        if (random.chance(0.1)) await expectWhole(room, updates.slice(0, at + 5), `round ${round}`)
      }
      await Promise.all(nodes.map((node) => node.idle()))
      await expectWhole(room, updates, `round ${round}`)
      const found = await world.segments.segments(room.epoch)
      expect(found[0]?.from).toBe(0)
      for (const [i, { from }] of found.entries()) if (i > 0) expect(from).toBe(found[i - 1]?.to)
      expect(found.length).toBeLessThanOrEqual(12)
    }
    expect(nodes.flatMap(({ folds }) => folds).length).toBeGreaterThan(20)
    for (const node of nodes) await node.close()
  })

  test('a reader in the middle of it has everything', async () => {
    const room = await world.open()
    const updates = makeTyping(random.fork())
    await appendAll(room, updates, random)
    const before = await world.length(room)
    const folder = makeTestFolder(world)
    folder.consider(room.epoch, { head: before, ...due })
    await folder.idle()
    const [first] = await world.segments.segments(room.epoch)
    const head = await world.appendUpdates(room, [bytes(vectors.U1)])
    for (let fold = 0; fold < 3; fold++) {
      folder.consider(room.epoch, { head, ...due })
      await folder.idle()
    }
    // It had seen the first segment, and goes on from there.
    const old = await world.store.read(first!.content, 0, first!.length)
    expect(old).toHaveLength(first!.length)
    expect(await world.store.read(room.epoch, first!.to, head)).toHaveLength(head - first!.to)
    await folder.close()
  })

  test('keeps what was deleted, without gc', async () => {
    for (const gc of [true, false]) {
      const room = await world.open()
      const head = await world.appendUpdates(room, [bytes(vectors.M12), bytes(vectors.U3)])
      const folder = makeTestFolder(world, { gc })
      folder.consider(room.epoch, { head, ...due })
      await folder.idle()
      const text = Buffer.concat(await world.updatesOf(room)).toString('latin1')
      expect(text.includes('hello')).toBe(!gc)
      await folder.close()
    }
  })

  test('a room that is deleted meanwhile leaves nothing behind', async () => {
    const room = await world.open()
    const head = await world.appendUpdates(room, makeTyping(random.fork()))
    const pool = makeInlinePool()
    const folder = makeTestFolder(world, {
      pool: {
        ...pool,
        compact: async (task) => {
          await world.store.remove(room.id)
          return await pool.compact(task)
        },
      },
    })
    folder.consider(room.epoch, { head, ...due })
    await folder.idle()
    expect(folder.folds).toEqual([])
    const orphans = `select count(*)::int as n from documents d where starts_with(d.id, 'segments/')
      and not exists (select 1 from document_segments s where s.content = d.key)`
    await withClient(world.url, async (client) => {
      expect((await client.query(orphans)).rows).toEqual([{ n: 0 }])
    })
    await folder.close()
  })
})

describe('a node that ends in the middle', () => {
  const random = seededRandom('folder steps')

  /** Ends at its nth step: before it, or after it was done and before anybody heard. */
  function endingAt(step: number, moment: 'before' | 'after') {
    let steps = 0
    let isOver = false
    const wrap = <T extends object>(target: T): T =>
      new Proxy(target, {
        get(of, name) {
          const found: unknown = Reflect.get(of, name)
          if (typeof found !== 'function') return found
          return async (...args: unknown[]) => {
            // Nothing of a process goes on after its end.
            if (isOver) throw new Error('ended')
            const isNow = steps++ === step
            isOver = isNow
            if (isNow && moment === 'before') throw new Error('ended')
            const result: unknown = await Reflect.apply(found, of, args)
            if (isNow) throw new Error('ended')
            return result
          }
        },
      })
    return { wrap, isOver: () => isOver }
  }

  test('leaves a whole room, which another one folds when the claim has lapsed', async () => {
    let isOver = true
    for (let step = 0; isOver; step++) {
      for (const moment of ['before', 'after'] as const) {
        const what = `${moment} step ${step}`
        const room = await world.open()
        const updates = makeTyping(random.fork())
        await world.appendUpdates(room, updates.slice(0, 50))
        const first = makeTestFolder(world)
        first.consider(room.epoch, { head: await world.length(room), ...due })
        await first.idle()
        const poisoned = encodeRecords([bytes('ff'), ...updates.slice(50)])
        const head = await world.append(room, poisoned)

        const ending = endingAt(step, moment)
        const reading = ending.wrap({ read: world.read })
        const mortal = makeTestFolder(world, {
          segments: ending.wrap(world.segments),
          read: (...range) => reading.read(...range),
          pool: ending.wrap(makeInlinePool()),
          claimMs: 50,
        })
        mortal.consider(room.epoch, { head, ...due })
        await mortal.idle()
        isOver = ending.isOver()
        await expectWhole(room, updates, what)

        const heir = makeTestFolder(world)
        await until(`the heir folds, ${what}`, async () => {
          heir.consider(room.epoch, { head, ...due })
          await heir.idle()
          return (await world.segments.segments(room.epoch)).at(-1)?.to === head
        })
        await expectWhole(room, updates, `${what}, and the heir`)
        expect(heir.quarantined() + mortal.quarantined(), what).toBeLessThanOrEqual(1)
        for (const each of [first, mortal, heir]) await each.close()
      }
      expect(step).toBeLessThan(30)
    }
  })

  test('nobody folds what another one has folded, because of the rows that were there before', async () => {
    const room = await world.open()
    const updates = makeTyping(random.fork())
    const told: number[] = []
    const near = makeTestFolder(world, { onFolded: (_, upTo) => told.push(upTo) })
    const far = makeTestFolder(world)
    const lengths: number[] = []
    for (const folder of [near, far]) {
      const some = updates.slice(lengths.length * 90, lengths.length * 90 + 90)
      const head = await world.appendUpdates(room, some)
      lengths.push(head)
      for (let look = 0; look < 2; look++) {
        folder.consider(room.epoch, { head, ...due })
        await folder.idle()
      }
    }
    const head = await world.appendUpdates(room, updates.slice(180))
    near.consider(room.epoch, { head, ...due, rows: 510 })
    await near.idle()
    expect([near.folds.length, far.folds.length]).toEqual([1, 1])
    expect(told).toEqual(lengths)
    for (const folder of [near, far]) await folder.close()
  })

  test('nobody folds what another one has claimed', async () => {
    const room = await world.open()
    const head = await world.appendUpdates(room, makeTyping(random.fork()))
    await world.segments.claim(room.epoch, 'somebody else', 60_000)
    const folder = makeTestFolder(world)
    folder.consider(room.epoch, { head, ...due })
    await folder.idle()
    expect(folder.folds).toEqual([])
    await world.segments.release(room.epoch, 'somebody else')
    folder.consider(room.epoch, { head, ...due })
    await folder.idle()
    expect(folder.folds).toHaveLength(1)
    await folder.close()
  })
})

describe('[yjs 11.2] poison', () => {
  const random = seededRandom('folder poison')

  test('is put aside and counted; its room and its neighbours in the append go on', async () => {
    const room = await world.open()
    const other = await world.open()
    const updates = makeTyping(random.fork())
    await world.appendUpdates(room, [
      ...updates.slice(0, 20),
      bytes('0102ff'),
      ...updates.slice(20, 40),
    ])
    await world.append(room, Buffer.from('7fffffff0102', 'hex'))
    const head = await world.appendUpdates(room, updates.slice(40))
    await world.appendUpdates(other, updates)
    const told: number[] = []
    const folder = makeTestFolder(world, { onQuarantined: (epoch) => told.push(epoch) })
    folder.consider(room.epoch, { head, ...due })
    folder.consider(other.epoch, { head: await world.length(other), ...due })
    await folder.idle()
    expect(folder.folds).toHaveLength(2)
    expect(folder.quarantined()).toBe(2)
    expect(told).toEqual([room.epoch, room.epoch])
    await expectWhole(room, updates)
    await expectWhole(other, updates)
    await withClient(world.url, async (client) => {
      const text = `select encode(data, 'hex') as data from yjs_quarantine where key = $1 order by "offset"`
      const { rows } = await client.query(text, [room.epoch])
      expect(rows).toEqual([{ data: '000000030102ff' }, { data: '7fffffff0102' }])
    })
    await folder.close()
  })

  test('behind what is folded already is found where it is', async () => {
    const room = await world.open()
    const updates = makeTyping(random.fork())
    const folder = makeTestFolder(world)
    const middle = await world.appendUpdates(room, updates.slice(0, 100))
    folder.consider(room.epoch, { head: middle, ...due })
    await folder.idle()
    const head = await world.appendUpdates(room, [bytes('ff'), ...updates.slice(100)])
    folder.consider(room.epoch, { head, ...due })
    await folder.idle()
    expect(folder.quarantined()).toBe(1)
    await withClient(world.url, async (client) => {
      const text = `select "offset"::int, encode(data, 'hex') as data from yjs_quarantine where key = $1`
      const { rows } = await client.query(text, [room.epoch])
      expect(rows).toEqual([{ offset: middle, data: '00000001ff' }])
    })
    await expectWhole(room, updates)
    await folder.close()
  })

  test('is mended for a reader that has met it, before anything is folded', async () => {
    const room = await world.open()
    const updates = makeTyping(random.fork())
    await world.append(room, Buffer.from('7fffffff0102', 'hex'))
    const head = await world.appendUpdates(room, [bytes('ff'), ...updates])
    const folder = makeTestFolder(world)
    await folder.mend(room.epoch, head)
    expect(folder.quarantined()).toBe(2)
    await expectWhole(room, updates)
    await folder.mend(room.epoch, head)
    expect(folder.quarantined()).toBe(2)
    await folder.close()
  })
})

test('a room that is too much for a document is folded as bytes from then on', async () => {
  const room = await world.open()
  const updates = makeTyping(seededRandom('too much'))
  const head = await world.appendUpdates(room, updates)
  const pool = makeInlinePool()
  const asked: string[] = []
  const folder = makeTestFolder(world, {
    pool: {
      ...pool,
      compact: (task) => {
        asked.push(task.kind)
        if (task.kind === 'minor') return pool.compact(task)
        return Promise.reject(new PoolError('failed', 'out of memory'))
      },
    },
  })
  folder.consider(room.epoch, { head, ...due })
  await folder.idle()
  folder.consider(room.epoch, { head, ...due })
  await folder.idle()
  expect(asked).toEqual(['major', 'minor'])
  expect((await world.segments.segments(room.epoch)).at(-1)?.to).toBe(head)
  await expectWhole(room, updates)
  await folder.close()
})

test('a log that is longer than one fold takes is folded in several, between records', async () => {
  const room = await world.open()
  const updates: Uint8Array[] = []
  const doc = new Y.Doc()
  doc.on('update', (update: Uint8Array) => updates.push(update))
  for (let at = 0; at < 40; at++) doc.getArray('a').push([new Uint8Array(1_000_000).fill(at)])
  for (const update of updates) await world.appendUpdates(room, [update])
  const head = await world.length(room)
  const folder = makeTestFolder(world, { majorBytes: 1 })
  for (let fold = 0; fold < 2; fold++) {
    folder.consider(room.epoch, { head, ...due })
    await folder.idle()
  }
  const ends = (await world.segments.segments(room.epoch)).map(({ to }) => to)
  expect(ends).toHaveLength(2)
  expect(folder.quarantined()).toBe(0)
  expect(ends[1]).toBe(head)
  const state = Y.encodeStateVector(await world.docOf(room))
  expect(state).toEqual(Y.encodeStateVector(doc))
  await folder.close()
})
