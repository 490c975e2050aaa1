import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import type { Follower } from '../../../src/collab/follower.ts'
import type { Pages } from '../../../src/collab/pages.ts'
import type { Segment } from '../../../src/core/segments.ts'
import { RoomState } from '../../../src/surfaces/yjs/room-state.ts'
import { readUpdate } from '../../../src/surfaces/yjs/update/read-update.ts'
import { encodeRecords, RecordReader } from '../../../src/surfaces/yjs/update/records.ts'
import { RoomSummary } from '../../../src/surfaces/yjs/update/room-summary.ts'
import { makeWholes } from '../../../src/surfaces/yjs/wholes.ts'

const EPOCH = 7

/** A room whose log is these updates, and what they may be folded into. */
function makeWorld(updates: readonly Uint8Array[]) {
  const log = encodeRecords(updates)
  const world = {
    head: log.length,
    segments: [] as Segment[],
    quarantined: [] as number[],
    reads: 0,
    /** Called in the middle of each read. */
    onRead(): void {},
    bytes: Buffer.from(log),
  }
  const state = new RoomState({
    follower: {
      epoch: EPOCH,
      chunks: 0,
      get head() {
        return world.head
      },
    } as unknown as Follower,
    pages: {
      async read<T>(_epoch: number, from: number, to: number, take: (bytes: Uint8Array) => T) {
        world.reads++
        await Promise.resolve()
        world.onRead()
        return take(world.bytes.subarray(from, Math.min(to, from + 16)))
      },
      forget: () => undefined,
    } satisfies Pages,
    segments: () => Promise.resolve(world.segments),
    quarantine(_epoch, offset) {
      world.quarantined.push(offset)
      const size = Math.min(world.bytes.readUInt32BE(offset), world.bytes.length - offset - 4)
      world.bytes.writeUInt32BE(0x80000000 + size, offset)
      return Promise.resolve()
    },
    mendSegments: () => Promise.resolve(),
    wholes: makeWholes(),
    now: () => 0,
  })
  return { world, state }
}

function segment(from: number, to: number, updates: readonly Uint8Array[]): Segment {
  const summary = new RoomSummary()
  for (const update of updates) summary.take(readUpdate(update))
  return { from, to, content: from + 100, length: to - from, summary: summary.encode() }
}

function typed(): { doc: Y.Doc; updates: Uint8Array[] } {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update) => updates.push(update))
  for (let i = 0; i < 5; i++) doc.getText('t').insert(0, `${i} some words. `)
  doc.getText('t').delete(3, 9)
  return { doc, updates }
}

const sizeOf = (updates: readonly Uint8Array[]): number => encodeRecords(updates).length

test('[yjs 10.1] it knows what is in the log, however it is cut into pages', async () => {
  const { doc, updates } = typed()
  const { state } = makeWorld(updates)
  expect(Y.decodeStateVector(await state.stateVector())).toEqual(
    Y.decodeStateVector(Y.encodeStateVector(doc)),
  )
  for (const update of updates) expect(await state.contains(readUpdate(update))).toBe(true)
})

test('what it has read is of no use when it is told to forget in the middle of that', async () => {
  const { doc, updates } = typed()
  const { world, state } = makeWorld(updates)
  world.onRead = () => {
    if (world.reads === 3) state.forget()
  }
  expect(Y.decodeStateVector(await state.stateVector())).toEqual(
    Y.decodeStateVector(Y.encodeStateVector(doc)),
  )
  expect(world.quarantined).toEqual([])
})

test('[yjs 13.5] a record that runs over the end of the log is put aside, and the others are read', async () => {
  const { doc, updates } = typed()
  const { world, state } = makeWorld(updates)
  const at = sizeOf(updates.slice(0, -1))
  world.bytes.writeUInt32BE(5_000, at)
  expect(Y.decodeStateVector(await state.stateVector())).toEqual(
    Y.decodeStateVector(Y.encodeStateVector(doc)),
  )
  expect(world.quarantined).toEqual([at])
})

describe('who has nothing is given, once somebody else was', () => {
  const NOTHING = new Map<number, number>()

  async function givenOf(state: RoomState, world: ReturnType<typeof makeWorld>['world']) {
    const { span, closing, has } = await state.replyTo(NOTHING)
    expect([closing, has, span.from]).toEqual([undefined, undefined, world.head])
    const doc = new Y.Doc()
    for (const { bytes, length } of span.sources ?? []) {
      expect(bytes?.length).toBe(length)
      for (const update of new RecordReader().push(bytes!)) Y.applyUpdate(doc, update)
    }
    return { text: doc.getText('t').toJSON(), sources: span.sources?.length }
  }

  test('all of the room as one update, which is kept until something is appended', async () => {
    const { doc, updates } = typed()
    const { world, state } = makeWorld(updates)
    world.head = sizeOf(updates.slice(0, -1))
    expect((await state.replyTo(NOTHING)).span.sources).toEqual([])
    const before = new Y.Doc()
    for (const update of updates.slice(0, -1)) Y.applyUpdate(before, update)
    expect(await givenOf(state, world)).toEqual({ text: before.getText('t').toJSON(), sources: 1 })
    const { reads } = world
    await givenOf(state, world)
    expect(world.reads).toBe(reads)
    world.head = world.bytes.length
    expect(await givenOf(state, world)).toEqual({ text: doc.getText('t').toJSON(), sources: 1 })
  })

  test('what it was folded into, once it was folded', async () => {
    const { doc, updates } = typed()
    const { world, state } = makeWorld(updates)
    await state.replyTo(NOTHING)
    await givenOf(state, world)
    const collected = encodeRecords([Y.encodeStateAsUpdate(doc)])
    world.segments = [{ ...segment(0, world.head, updates), length: collected.length }]
    world.bytes = Buffer.from(collected)
    state.refolded()
    const { span } = await state.replyTo(NOTHING)
    const [update] = new RecordReader().push(span.sources![0]!.bytes!)
    expect(Buffer.from(update!).equals(collected.subarray(4))).toBe(true)
  })

  test('the log as it is, when that is large or does not make sense', async () => {
    const { updates } = typed()
    const large = new Y.Doc()
    large.getText('t').insert(0, 'x'.repeat(300_000))
    for (const log of [[Y.encodeStateAsUpdate(large)], updates]) {
      const { world, state } = makeWorld(log)
      await state.replyTo(NOTHING)
      if (log === updates) world.bytes.fill(0xff, 4)
      expect((await state.replyTo(NOTHING)).span).toEqual({ sources: [], from: 0, to: world.head })
    }
  })

  test('nothing that was put aside while it was read', async () => {
    const { updates } = typed()
    const { world, state } = makeWorld(updates)
    await state.replyTo(NOTHING)
    world.onRead = () => {
      state.forget()
      world.onRead = () => undefined
    }
    expect((await state.replyTo(NOTHING)).span.sources).toEqual([])
    expect((await state.replyTo(NOTHING)).span.sources).toHaveLength(1)
  })
})

test('of many rooms those stay that were asked for last', () => {
  const wholes = makeWholes(100)
  const rooms = Array.from({ length: 4 }, () => ({}))
  const keep = (room: object) => wholes.keep(room, { upTo: 1, record: new Uint8Array(30) })
  for (const room of rooms.slice(0, 3)) keep(room)
  wholes.get(rooms[0]!)
  keep(rooms[3]!)
  keep(rooms[3]!)
  expect(rooms.map((room) => wholes.get(room) !== undefined)).toEqual([true, false, true, true])
  wholes.drop(rooms[0]!)
  keep(rooms[1]!)
  expect(rooms.map((room) => wholes.get(room) !== undefined)).toEqual([false, true, true, true])
})

describe('[yjs 5.2] a client is given', () => {
  test('only the segments that it lacks something of, and all deletions', async () => {
    const { doc, updates } = typed()
    const { world, state } = makeWorld(updates)
    const at = sizeOf(updates.slice(0, 2))
    const end = sizeOf(updates.slice(0, 4))
    world.segments = [segment(0, at, updates.slice(0, 2)), segment(at, end, updates.slice(2, 4))]
    const known = new Y.Doc()
    for (const update of updates.slice(0, 2)) Y.applyUpdate(known, update)
    const reply = await state.replyTo(
      new Map([[doc.clientID, Y.getState(known.store, doc.clientID)]]),
    )
    expect(reply.span).toEqual({
      sources: [{ epoch: at + 100, length: end - at }],
      from: end,
      to: world.head,
    })
    expect(reply.closing?.length).toBeGreaterThan(2)
  })

  test('every segment, when there are deletions in one that this node has not heard of', async () => {
    const { doc, updates } = typed()
    const { world, state } = makeWorld(updates)
    world.head = sizeOf(updates.slice(0, -1))
    await state.stateVector()
    // Another node has folded all; that something was appended before is still on its way.
    const end = sizeOf(updates)
    world.segments = [segment(0, 30, updates.slice(0, 2)), segment(30, end, updates.slice(2))]
    state.refolded()
    const almost = new Map([[doc.clientID, Y.getState(doc.store, doc.clientID) - 1]])
    expect((await state.replyTo(almost)).span.sources).toHaveLength(2)
  })
})
