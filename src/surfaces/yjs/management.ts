/** What operators do with rooms: keep versions of them, go back to one, delete. Nobody has to have the room open. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { AppendResult } from '../../collab/append-queue.ts'
import type { Documents } from '../../collab/documents.ts'
import type { Follower } from '../../collab/follower.ts'
import type { Hub } from '../../collab/hub.ts'
import { StoreError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import type { DocumentStore, Epoch } from '../../core/ports.ts'
import type { SegmentStore, Version } from '../../core/segments.ts'
import { PoolError } from './folding/pool.ts'
import type { Versions } from './folding/versions.ts'
import { encodeRecords } from './update/records.ts'

/** Plain data: it may come from another thread, as the outcome goes to it. */
export type RoomWish =
  | { readonly kind: 'versions' | 'delete' }
  | { readonly kind: 'save'; readonly name: string }
  | { readonly kind: 'version' | 'read' | 'restore' | 'remove'; readonly version: number }

export type VersionInfo = Omit<Version, 'content'>

export type RoomOutcome =
  | { readonly kind: 'versions'; readonly versions: readonly VersionInfo[] }
  | { readonly kind: 'version' | 'saved'; readonly version: VersionInfo }
  | { readonly kind: 'update'; readonly update: Uint8Array }
  /** How many updates it took. */
  | { readonly kind: 'restored'; readonly updates: number }
  | { readonly kind: 'done' | 'no room' | 'no version' }
  /** Somebody else is at it. */
  | { readonly kind: 'busy' }
  /** Postgres or the worker threads cannot do it now. */
  | { readonly kind: 'unavailable' }

export type Manage = (id: string, wish: RoomWish) => Promise<RoomOutcome>

export interface ManagementOptions {
  readonly store: Pick<DocumentStore, 'find' | 'remove'>
  readonly hub: Pick<Hub, 'follow' | 'release'>
  readonly documents: Pick<Documents, 'add' | 'deleted'>
  readonly segments: Pick<SegmentStore, 'claim' | 'release'>
  readonly versions: Versions
  /** Puts aside what cannot be read. */
  readonly mend: (epoch: Epoch, head: number) => Promise<void>
  readonly log: Log
  /** Nobody else's name. */
  readonly holder: string
  /** How long somebody who restores waits for others that do, or fold the room. */
  readonly patienceMs?: number
}

interface Found {
  readonly epoch: Epoch
  readonly length: number
}

const APPEND_BYTES = 256 * 1024
const CLAIM_MS = 300_000
const LOOK_MS = 200

export function makeManagement(options: ManagementOptions): Manage {
  const { store, hub, documents, segments, versions, patienceMs = 10_000 } = options
  let restores = 0

  async function save(found: Found, name: string): Promise<RoomOutcome> {
    const { epoch, length } = found
    const attempt = () => versions.save(epoch, name, length)
    const version = await attempt().catch(async (error: unknown) => {
      if (isPassing(error)) throw error
      await options.mend(epoch, length)
      return attempt()
    })
    return version ? { kind: 'saved', version: infoOf(version) } : { kind: 'no room' }
  }

  /** Two at a time would each bring back what was deleted, and it would be there twice. */
  async function restore(id: string, { epoch }: Found, version: number): Promise<RoomOutcome> {
    const holder = `${options.holder}/restore${++restores}`
    if (!(await claim(epoch, holder))) return { kind: 'busy' }
    try {
      const now = await store.find(id)
      if (now?.epoch !== epoch) return { kind: 'no room' }
      const updates = await versions.restore(epoch, version, now.length)
      return updates ? await append(id, epoch, updates) : { kind: 'no version' }
    } finally {
      await segments.release(epoch, holder).catch(() => undefined) // it lapses
    }
  }

  async function claim(epoch: Epoch, holder: string): Promise<boolean> {
    const deadline = performance.now() + patienceMs
    while (!(await segments.claim(epoch, holder, CLAIM_MS))) {
      if (performance.now() >= deadline) return false
      await sleep(LOOK_MS)
    }
    return true
  }

  /** Several appends: whoever is told of one is told of it in one message. */
  async function append(
    id: string,
    epoch: Epoch,
    updates: readonly Uint8Array[],
  ): Promise<RoomOutcome> {
    const follower = await hub.follow(id, epoch)
    if (!follower) return { kind: 'no room' }
    try {
      for (const some of inPortions(updates)) {
        const { kind } = await add(follower, encodeRecords(some))
        if (kind === 'missing') return { kind: 'no room' }
        if (kind !== 'stored') return { kind: 'unavailable' }
      }
      return { kind: 'restored', updates: updates.length }
    } finally {
      hub.release(follower)
    }
  }

  function add(follower: Follower, records: Uint8Array): Promise<AppendResult> {
    return new Promise((settle) => {
      if (!documents.add(follower, records, settle)) settle({ kind: 'unavailable' })
    })
  }

  async function remove(id: string): Promise<RoomOutcome> {
    const epoch = await store.remove(id)
    if (epoch === undefined) return { kind: 'no room' }
    documents.deleted(epoch)
    return { kind: 'done' }
  }

  async function fulfil(id: string, found: Found, wish: RoomWish): Promise<RoomOutcome> {
    const { epoch } = found
    switch (wish.kind) {
      case 'versions':
        return { kind: 'versions', versions: (await versions.list(epoch)).map(infoOf) }
      case 'save':
        return save(found, wish.name)
      case 'version': {
        const version = (await versions.list(epoch)).find((each) => each.id === wish.version)
        return version ? { kind: 'version', version: infoOf(version) } : { kind: 'no version' }
      }
      case 'read': {
        const update = await versions.read(epoch, wish.version)
        return update ? { kind: 'update', update } : { kind: 'no version' }
      }
      case 'restore':
        return restore(id, found, wish.version)
      case 'remove':
        return { kind: (await versions.remove(epoch, wish.version)) ? 'done' : 'no version' }
      case 'delete':
        return remove(id)
    }
  }

  return async (id, wish) => {
    try {
      const found = await store.find(id)
      return found ? await fulfil(id, found, wish) : { kind: 'no room' }
    } catch (error) {
      if (!isPassing(error)) throw error
      options.log.warn(
        { err: error, document: id, wish: wish.kind },
        'a room cannot be managed now',
      )
      return { kind: 'unavailable' }
    }
  }
}

const infoOf = ({ id, name, createdAt, offset, length }: Version): VersionInfo => ({
  ...{ id, name, createdAt, offset, length },
})

const isPassing = (error: unknown): boolean =>
  error instanceof StoreError || error instanceof PoolError

function* inPortions(updates: readonly Uint8Array[]): Generator<Uint8Array[]> {
  let some: Uint8Array[] = []
  let bytes = 0
  for (const update of updates) {
    if (some.length > 0 && bytes + update.length > APPEND_BYTES) {
      yield some
      some = []
      bytes = 0
    }
    some.push(update)
    bytes += update.length
  }
  if (some.length > 0) yield some
}
