/**
 * Small rooms as one record each: all of a room up to a length of its log. Most who join have nothing yet, and are given
 * the same. For the whole node, within one budget; the room that was asked for longest ago is dropped first.
 */
import type { Pages } from '../../collab/pages.ts'
import type { Source } from '../../collab/session.ts'
import type { Epoch } from '../../core/ports.ts'
import { mergeRecords } from './update/merge.ts'
import { encodeRecords, RecordReader } from './update/records.ts'

/** Of what one is made of. */
const MOST_BYTES = 256 * 1024
const BUDGET = 2 * 1024 * 1024

export interface Whole {
  /** A length of the log. */
  readonly upTo: number
  /** As in a log (`update/records.ts`). */
  readonly record: Uint8Array
}

export interface Wholes {
  get(room: object): Whole | undefined
  keep(room: object, whole: Whole): void
  drop(room: object): void
}

export function makeWholes(budget = BUDGET): Wholes {
  /** Least recently used first. */
  const wholes = new Map<object, Whole>()
  let bytes = 0

  function drop(room: object): void {
    bytes -= wholes.get(room)?.record.length ?? 0
    wholes.delete(room)
  }

  return {
    get(room) {
      const whole = wholes.get(room)
      if (whole) {
        wholes.delete(room)
        wholes.set(room, whole)
      }
      return whole
    },
    keep(room, whole) {
      drop(room)
      wholes.set(room, whole)
      bytes += whole.record.length
      for (const oldest of wholes.keys()) {
        if (bytes <= budget) break
        drop(oldest)
      }
    },
    drop,
  }
}

/**
 * @param before what there was already, as a record
 * @param log the part of it that comes last; nothing below `base` is read
 * @returns the record; undefined when that would be too large. @throws StoreError, MalformedUpdate
 */
export async function readWhole(
  pages: Pages,
  before: Uint8Array | undefined,
  sources: readonly Source[],
  log: { readonly epoch: Epoch; readonly base: number; readonly from: number; readonly to: number },
): Promise<Uint8Array | undefined> {
  const known = (before?.length ?? 0) + log.to - log.from
  if (sources.reduce((sum, { length }) => sum + length, known) > MOST_BYTES) return undefined
  const parts = before ? [before] : []
  const read = async (epoch: Epoch, from: number, to: number, base: number): Promise<void> => {
    for (let at = from; at < to; at += parts.at(-1)!.length)
      parts.push(await pages.read(epoch, at, to, (bytes) => Buffer.from(bytes), base))
  }
  for (const { epoch, length } of sources) await read(epoch, 0, length, 0)
  await read(log.epoch, log.from, log.to, log.base)
  const updates = [...new RecordReader().push(Buffer.concat(parts))]
  return encodeRecords([mergeRecords(updates)])
}
