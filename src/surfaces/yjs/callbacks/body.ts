/** What is told of a room: `{"room": name, "data": {name: {"type", "content"}}}` (spec 9). */
import type { Callback } from '../../../core/callbacks.ts'
import { StoreError } from '../../../core/errors.ts'
import type { SegmentStore } from '../../../core/segments.ts'
import type { SharedObjects } from '../folding/export.ts'
import { gatherRoom } from '../folding/gather.ts'
import type { Read } from '../folding/gather.ts'
import type { Pool } from '../folding/pool.ts'
import { PREFIX } from '../room-name.ts'

export interface BodyParts {
  readonly segments: Pick<SegmentStore, 'segments'>
  /** Past any cache: each byte is read once. */
  readonly read: Read
  readonly pool: Pick<Pool, 'exportJson'>
  readonly objects: SharedObjects
  /** A document takes about twelve times the bytes of its room. */
  readonly mostBytes: number
}

export class RoomTooLarge extends Error {
  override readonly name = 'RoomTooLarge'
}

const MOST_TRIES = 5

/** @throws StoreError, PoolError, RoomTooLarge */
export async function bodyOf(parts: BodyParts, callback: Callback): Promise<string> {
  const room = JSON.stringify(callback.documentId.slice(PREFIX.length))
  return `{"room":${room},"data":${await dataOf(parts, callback)}}`
}

async function dataOf(parts: BodyParts, callback: Callback): Promise<string> {
  const { objects, pool } = parts
  if (Object.keys(objects).length === 0) return '{}'
  for (let tries = 1; ; tries++) {
    try {
      return await pool.exportJson({ parts: await contents(parts, callback), objects })
    } catch (error) {
      // Folded meanwhile: from the beginning.
      const isPassing = error instanceof StoreError && error.code === 'hole'
      if (!isPassing || tries === MOST_TRIES) throw error
    }
  }
}

async function contents(parts: BodyParts, { epoch, length }: Callback): Promise<Uint8Array[]> {
  const segments = await parts.segments.segments(epoch)
  const base = segments.at(-1)?.to ?? 0
  const head = Math.max(base, length)
  const bytes = segments.reduce((sum, segment) => sum + segment.length, head - base)
  if (bytes > parts.mostBytes) throw new RoomTooLarge(`a room of ${bytes} bytes`)
  return await gatherRoom(parts.read, epoch, segments, head)
}
