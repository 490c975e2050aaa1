/** Rooms in Postgres, and what a reader of one gets. */
import * as Y from 'yjs'
import type { DocumentStore, Epoch } from '../../../../src/core/ports.ts'
import type { SegmentStore, VersionStore } from '../../../../src/core/segments.ts'
import { makeDocumentStore } from '../../../../src/postgres/documents.ts'
import { migrate } from '../../../../src/postgres/migrate.ts'
import { makePools } from '../../../../src/postgres/pool.ts'
import { makeSegmentStore } from '../../../../src/postgres/segments.ts'
import { makeVersionStore } from '../../../../src/postgres/versions.ts'
import {
  makeFolder,
  type Folder,
  type FolderOptions,
} from '../../../../src/surfaces/yjs/folding/folder.ts'
import { gatherRoom, type Read } from '../../../../src/surfaces/yjs/folding/gather.ts'
import { readLog } from '../../../../src/surfaces/yjs/folding/log.ts'
import type { Pool } from '../../../../src/surfaces/yjs/folding/pool.ts'
import { tasks } from '../../../../src/surfaces/yjs/folding/tasks.ts'
import { encodeRecords } from '../../../../src/surfaces/yjs/update/records.ts'
import { readUpdate } from '../../../../src/surfaces/yjs/update/read-update.ts'
import { silent } from '../../../embedded/support.ts'
import { makeDatabase } from '../../../support/databases.ts'

export interface Room {
  readonly id: string
  readonly epoch: Epoch
}

export interface World extends AsyncDisposable {
  readonly url: string
  readonly store: DocumentStore
  readonly read: Read
  readonly segments: SegmentStore
  readonly versions: VersionStore
  open(): Promise<Room>
  /** One append. @returns the length after it */
  append(room: Room, bytes: Uint8Array): Promise<number>
  appendUpdates(room: Room, updates: readonly Uint8Array[]): Promise<number>
  length(room: Room): Promise<number>
  /** Everything that is stored of it, as a reader finds it. */
  updatesOf(room: Room): Promise<Uint8Array[]>
  docOf(room: Room): Promise<Y.Doc>
}

export async function makeWorld(databaseUrl: string): Promise<World> {
  const database = await makeDatabase(databaseUrl)
  await migrate(database.url, { log: silent })
  const pools = makePools({
    url: database.url,
    statementMs: 5_000,
    sizes: { appends: 2, alone: 2, reads: 3, others: 5 },
    onServerChange: () => undefined,
    onError: () => undefined,
  })
  const store = makeDocumentStore(pools)
  const segments = makeSegmentStore(pools)
  const read: Read = (epoch, from, to) => store.read(epoch, from, to)
  let names = 0

  async function length({ epoch }: Room): Promise<number> {
    return (await store.states([epoch])).get(epoch)?.length ?? 0
  }

  async function append({ epoch }: Room, data: Uint8Array): Promise<number> {
    const chunks = [{ id: Math.floor(Math.random() * 2 ** 48), data }]
    const [outcome] = await store.append([{ epoch, expected: -1, chunks }], true)
    if (outcome?.kind !== 'stored') throw new Error(outcome?.kind)
    return outcome.length
  }

  async function updatesOf(room: Room): Promise<Uint8Array[]> {
    const found = await segments.segments(room.epoch)
    const parts = await gatherRoom(read, room.epoch, found, await length(room))
    const records = parts.flatMap((part) => readLog(part).records)
    return records.map(({ update }) => update).filter(isReadable)
  }

  return {
    url: database.url,
    store,
    read,
    segments,
    versions: makeVersionStore(pools),
    async open() {
      const id = `yjs/room ${++names}`
      const opened = await store.open({ id, creation: 'must', initial: Buffer.of(), creationId: 1 })
      if (opened.kind !== 'opened') throw new Error(opened.kind)
      return { id, epoch: opened.epoch }
    },
    append,
    appendUpdates: (room, updates) => append(room, encodeRecords(updates)),
    length,
    updatesOf,
    async docOf(room) {
      const doc = new Y.Doc()
      for (const update of await updatesOf(room)) Y.applyUpdate(doc, update)
      return doc
    },
    async [Symbol.asyncDispose]() {
      await pools.close()
      await database[Symbol.asyncDispose]()
    },
  }
}

function isReadable(update: Uint8Array): boolean {
  try {
    return readUpdate(update).size > 0
  } catch {
    return false
  }
}

/** In this thread, a turn later. */
export function makeInlinePool(): Pool {
  const later = <In, Out>(work: (input: In) => Out) => {
    return async (input: In): Promise<Out> => {
      await new Promise((resolve) => setImmediate(resolve))
      return work(input)
    }
  }
  return {
    compact: later(tasks.compact),
    restore: later(tasks.restore),
    exportJson: later(tasks.exportJson),
    mergeLog: later(tasks.mergeLog),
    merge: later(tasks.merge),
    check: later(({ update }) => ({ meta: readUpdate(update), pieces: [update] })),
    waiting: 0,
    close: () => Promise.resolve(),
  }
}

export interface TestFolder extends Folder {
  readonly folds: { kind: string; bytesIn: number; bytesOut: number }[]
  readonly quarantined: () => number
}

/** It never rests, so that a test need not wait. */
export function makeTestFolder(world: World, more: Partial<FolderOptions> = {}): TestFolder {
  const folds: TestFolder['folds'] = []
  let quarantined = 0
  const folder = makeFolder({
    segments: world.segments,
    read: world.read,
    pool: makeInlinePool(),
    meter: {
      folded: (kind, _seconds, bytesIn, bytesOut) => folds.push({ kind, bytesIn, bytesOut }),
      quarantined: () => quarantined++,
    },
    log: silent,
    holder: `folder ${Math.random()}`,
    ...{ gc: true, delayMs: 600_000, restMs: 0, retryMs: 0, ...more },
  })
  return { ...folder, folds, quarantined: () => quarantined }
}

/** So much that any room is due. */
export const due = { rows: 500, ageMs: 0, isDeserted: false }
