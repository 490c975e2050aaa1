/** Reading what a fold needs into memory that can be given away. */
import { StoreError } from '../../../core/errors.ts'
import type { Epoch } from '../../../core/ports.ts'
import type { Segment } from '../../../core/segments.ts'

/** As `DocumentStore.read`: shorter only at the end of the log. */
export type Read = (epoch: Epoch, from: number, to: number) => Promise<Uint8Array>

/** Small enough that turning one answer of Postgres into bytes holds nobody up. */
const STEP_BYTES = 256 * 1024

/** @throws StoreError `hole` when not all of it is there: folded or deleted meanwhile */
export async function gather(
  read: Read,
  epoch: Epoch,
  from: number,
  to: number,
): Promise<Uint8Array> {
  const all = new Uint8Array(to - from)
  for (let at = from; at < to;) {
    const bytes = await read(epoch, at, Math.min(to, at + STEP_BYTES))
    if (bytes.length === 0) throw new StoreError('hole', `epoch ${epoch} ends at ${at}, not ${to}`)
    all.set(bytes, at - from)
    at += bytes.length
  }
  return all
}

/** The contents of the segments, each by itself. */
export async function gatherSegments(
  read: Read,
  segments: readonly Segment[],
): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = []
  for (const { content, length } of segments) parts.push(await gather(read, content, 0, length))
  return parts
}

/** Everything up to `head`, as whole records in parts. */
export async function gatherRoom(
  read: Read,
  epoch: Epoch,
  segments: readonly Segment[],
  head: number,
): Promise<Uint8Array[]> {
  const parts = await gatherSegments(read, segments)
  parts.push(await gather(read, epoch, segments.at(-1)?.to ?? 0, head))
  return parts
}
