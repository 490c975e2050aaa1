import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import type { Follower } from '../../../src/collab/follower.ts'
import type { Pages } from '../../../src/collab/pages.ts'
import type { Segment } from '../../../src/core/segments.ts'
import { RoomState } from '../../../src/surfaces/yjs/room-state.ts'
import { readUpdate } from '../../../src/surfaces/yjs/update/read-update.ts'
import { encodeRecords } from '../../../src/surfaces/yjs/update/records.ts'
import { RoomSummary } from '../../../src/surfaces/yjs/update/room-summary.ts'

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
