import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { StoreError } from '../../../../src/core/errors.ts'
import type { Segment } from '../../../../src/core/segments.ts'
import { makeLocalStore } from '../../../../src/local/store.ts'
import { importRoom } from '../../../../src/surfaces/yjs/moving/import-room.ts'
import type { Target } from '../../../../src/surfaces/yjs/moving/import-room.ts'
import { readUpdate } from '../../../../src/surfaces/yjs/update/read-update.ts'
import { encodeRecords, RecordReader } from '../../../../src/surfaces/yjs/update/records.ts'
import { RoomSummary } from '../../../../src/surfaces/yjs/update/room-summary.ts'

function makeTarget(segments: readonly Segment[] = []) {
  const store = makeLocalStore()
  const appended: Uint8Array[] = []
  const target = {
    store: {
      ...store,
      append: async (...args: Parameters<typeof store.append>) => {
        appended.push(...args[0].flatMap(({ chunks }) => chunks.map(({ data }) => data)))
        return await store.append(...args)
      },
    },
    segments: { segments: () => Promise.resolve(segments) },
  } satisfies Target
  return { store, target, appended }
}

function updates(steps = 20): Uint8Array[] {
  const doc = new Y.Doc()
  const made: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => made.push(update))
  for (let step = 0; step < steps; step++) {
    doc.getText('t').insert(0, `${step} `)
    if (step % 5 === 4) doc.getText('t').delete(2, 3)
  }
  return made
}

async function take(target: Target, some: readonly Uint8Array[]) {
  const into = importRoom(target, 'room')
  for (const update of some) await into.add(update)
  return await into.finish()
}

const recordsOf = (log: Uint8Array) =>
  [...new RecordReader().push(log)].map((update) => Uint8Array.from(update))

test('[yjs 9] a room is written as it is, then is unchanged, and only what is new is added', async () => {
  const { target, appended } = makeTarget()
  const all = updates()
  const kindOf = async (some: Uint8Array[]) => (await take(target, some)).kind
  expect(await kindOf([Uint8Array.of(0, 0)])).toBe('empty')
  expect(await kindOf(all.slice(0, 10))).toBe('new')
  expect(await kindOf(all.slice(0, 10))).toBe('unchanged')
  expect(await kindOf(all)).toBe('added to')
  expect(await kindOf([Y.mergeUpdates(all)])).toBe('unchanged')
  expect(appended.flatMap(recordsOf)).toEqual(all.map((update) => Uint8Array.from(update)))
})

test('[yjs 9] a large room is written in portions, of pieces that a client can take', async () => {
  const { target, appended } = makeTarget()
  const doc = new Y.Doc()
  doc.getText('t').insert(0, 'x'.repeat(5_000_000))
  const { bytes } = await take(target, [Y.encodeStateAsUpdate(doc)])
  expect(bytes).toBeGreaterThan(5_000_000)
  expect(appended.length).toBeGreaterThan(2)
  for (const data of appended) expect(data.length).toBeLessThan(2 ** 21)
  const records = appended.flatMap(recordsOf)
  for (const record of records) expect(record.length).toBeLessThan(2 ** 20)
  const copy = new Y.Doc()
  for (const record of records) Y.applyUpdate(copy, record)
  expect(copy.getText('t').length).toBe(5_000_000)
})

test('[yjs 9] what was not stored, although the database said so, is noticed', async () => {
  const { target } = makeTarget()
  const forgetful: Target = {
    ...target,
    store: { ...target.store, append: () => Promise.resolve([{ kind: 'stored', length: 1 }]) },
  }
  await expect(take(forgetful, updates())).rejects.toThrow('not complete in the cluster')
})

test('[yjs 9] what is folded counts, and a fold while it is read does not disturb', async () => {
  const all = updates()
  const summary = new RoomSummary()
  for (const update of all) summary.take(readUpdate(update))
  const segments: Segment[] = []
  const { target, store } = makeTarget(segments)
  const log = encodeRecords(all)
  const opened = await store.open({
    ...{ id: 'yjs/room', creation: 'may', initial: log, creationId: 1 },
  })
  if (opened.kind !== 'opened') throw new Error('not opened')
  let reads = 0
  const folding: Target = {
    ...target,
    store: {
      ...target.store,
      read: async (...args) => {
        if (++reads > 1) return await store.read(...args)
        store.loseRow(opened.epoch, 0)
        const span = { from: 0, to: log.length, content: 99, length: 1 }
        segments.push({ ...span, summary: summary.encode() })
        throw new StoreError('hole', 'folded')
      },
    },
  }
  expect(await take(folding, all)).toMatchObject({ kind: 'unchanged', bytes: 0 })
})
