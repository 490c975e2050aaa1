/** Named versions of rooms: kept whole, so that folding with gc takes nothing from them. */
import type { Epoch } from '../../../core/ports.ts'
import type { SegmentStore, Version, VersionStore } from '../../../core/segments.ts'
import { gather, gatherRoom } from './gather.ts'
import type { Read } from './gather.ts'
import type { Pool } from './pool.ts'
import type { SharedObjects } from './export.ts'

export interface VersionsOptions {
  readonly versions: VersionStore
  readonly segments: Pick<SegmentStore, 'segments'>
  readonly read: Read
  readonly pool: Pool
  /** False: a version keeps what had been deleted by then. */
  readonly gc: boolean
  /** Of an update; larger ones are cut where possible. */
  readonly updateBytes?: number
}

/** `head` is a committed length of the room's log. Everything throws `StoreError` and `PoolError`. */
export interface Versions {
  list(epoch: Epoch): Promise<readonly Version[]>
  /** @returns undefined when the room is gone */
  save(epoch: Epoch, name: string, head: number): Promise<Version | undefined>
  /** The version as one Yjs update. @returns undefined when there is none */
  read(epoch: Epoch, id: number): Promise<Uint8Array | undefined>
  remove(epoch: Epoch, id: number): Promise<boolean>
  /**
   * @returns the updates that take the room as of `head` back to the version, to be appended like a client's; undefined
   * when there is no such version
   */
  restore(epoch: Epoch, id: number, head: number): Promise<readonly Uint8Array[] | undefined>
  /** The room as JSON text: `{ name: { type, content } }`. */
  exportJson(epoch: Epoch, objects: SharedObjects, head: number): Promise<string>
}

export function makeVersions(options: VersionsOptions): Versions {
  const { versions, segments, read, pool, gc, updateBytes = 256 * 1024 } = options

  async function room(epoch: Epoch, head: number): Promise<Uint8Array[]> {
    const found = await segments.segments(epoch)
    return await gatherRoom(read, epoch, found, Math.max(head, found.at(-1)?.to ?? 0))
  }

  return {
    list: (epoch) => versions.list(epoch),
    async save(epoch, name, head) {
      const parts = await room(epoch, head)
      const task = { kind: 'major', parts, gc, most: updateBytes, isCut: false } as const
      const state = await pool.compact(task)
      if (state.kind === 'broken') throw new Error(state.at.reason)
      const { bytes } = state
      const version = { name, offset: head, pieces: [bytes], length: bytes.length }
      return await versions.save(epoch, version)
    },
    async read(epoch, id) {
      const version = await versions.find(epoch, id)
      if (!version) return undefined
      return await pool.mergeLog([await gather(read, version.content, 0, version.length)])
    },
    remove: (epoch, id) => versions.remove(epoch, id),
    async restore(epoch, id, head) {
      const version = await versions.find(epoch, id)
      if (!version) return undefined
      const bytes = await gather(read, version.content, 0, version.length)
      return await pool.restore({
        version: [bytes],
        current: await room(epoch, head),
        most: updateBytes,
      })
    },
    exportJson: async (epoch, objects, head) =>
      await pool.exportJson({ parts: await room(epoch, head), objects }),
  }
}
