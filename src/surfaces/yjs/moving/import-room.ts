/**
 * Taking one room over. What the cluster has already is not written again, so a run may be interrupted and repeated, and
 * a room in which people work on either side becomes what both have made of it: updates commute.
 */
import { randomInt } from 'node:crypto'
import { ANYWHERE } from '../../../core/ports.ts'
import type { DocumentStore, Epoch } from '../../../core/ports.ts'
import { PREFIX } from '../room-name.ts'
import { cutUpdate, PIECE_BYTES } from '../update/cut-update.ts'
import { MalformedUpdate } from '../update/malformed.ts'
import { readUpdate } from '../update/read-update.ts'
import { encodeRecords } from '../update/records.ts'
import { RoomSummary } from '../update/room-summary.ts'
import { readSummary } from './stored-summary.ts'
import type { Stored } from './stored-summary.ts'

const APPEND_BYTES = 1024 * 1024

export interface Target extends Stored {
  readonly store: Pick<DocumentStore, 'open' | 'append' | 'read'>
}

export interface ImportedRoom {
  /** `empty`: there was nothing in it. `unchanged`: the cluster had all of it. */
  readonly kind: 'new' | 'added to' | 'unchanged' | 'empty'
  readonly bytes: number
  /** Updates that no Yjs reads, counted from 1, and why. They are left out. */
  readonly bad: readonly { readonly update: number; readonly reason: string }[]
}

export interface RoomImport {
  /** One update after the other. @throws StoreError */
  add(update: Uint8Array): Promise<void>
  /** Writes the rest and checks that all of it is there. @throws StoreError; Error when something is missing */
  finish(): Promise<ImportedRoom>
}

export function importRoom(target: Target, room: string): RoomImport {
  const { store } = target
  const wanted = new RoomSummary()
  const bad: { update: number; reason: string }[] = []
  let count = 0
  let bytes = 0
  let waiting: Uint8Array[] = []
  let waitingBytes = 0
  let opened: { epoch: Epoch; isNew: boolean; known: RoomSummary } | undefined

  async function open() {
    const request = { id: PREFIX + room, creation: 'may', initial: new Uint8Array() } as const
    const found = await store.open({ ...request, creationId: randomInt(2 ** 47) })
    if (found.kind !== 'opened') throw new Error(`room ${room} cannot be opened`)
    const { epoch, created } = found
    const known = created ? new RoomSummary() : await readSummary(target, epoch)
    return { epoch, isNew: created, known }
  }

  async function write(epoch: Epoch): Promise<void> {
    if (waiting.length === 0) return
    const data = encodeRecords(waiting)
    const chunks = [{ id: randomInt(2 ** 47), data }]
    const [outcome] = await store.append([{ epoch, expected: ANYWHERE, chunks }], true)
    if (outcome?.kind !== 'stored') throw new Error(`room ${room} was deleted meanwhile`)
    bytes += data.length
    waiting = []
    waitingBytes = 0
  }

  function read(update: Uint8Array) {
    try {
      return readUpdate(update)
    } catch (error) {
      if (!(error instanceof MalformedUpdate)) throw error
      bad.push({ update: count, reason: error.message })
      return undefined
    }
  }

  return {
    async add(update) {
      count += 1
      const meta = read(update)
      if (meta === undefined || meta.isEmpty) return
      wanted.take(meta)
      const { epoch, known } = (opened ??= await open())
      if (known.contains(meta)) return
      known.take(meta)
      for (const piece of cutUpdate(update.subarray(0, meta.size), PIECE_BYTES)) {
        waiting.push(piece)
        waitingBytes += piece.length
        if (waitingBytes >= APPEND_BYTES) await write(epoch)
      }
    },
    async finish() {
      if (opened === undefined) return { kind: 'empty', bytes, bad }
      const { epoch, isNew } = opened
      await write(epoch)
      const { structs, deletes } = await readSummary(target, epoch)
      if (!structs.covers(wanted.structs) || !deletes.covers(wanted.deletes))
        throw new Error(`room ${room} is not complete in the cluster after it was written`)
      return { kind: isNew ? 'new' : bytes > 0 ? 'added to' : 'unchanged', bytes, bad }
    },
  }
}
