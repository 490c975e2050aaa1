/** What a room holds by now, read from the store: for who has it not open. */
import { StoreError } from '../../../core/errors.ts'
import type { DocumentStore, Epoch } from '../../../core/ports.ts'
import type { SegmentStore } from '../../../core/segments.ts'
import { MalformedUpdate } from '../update/malformed.ts'
import { readUpdate } from '../update/read-update.ts'
import { RecordReader } from '../update/records.ts'
import { RoomSummary } from '../update/room-summary.ts'

export interface Stored {
  readonly store: Pick<DocumentStore, 'read'>
  readonly segments: Pick<SegmentStore, 'segments'>
}

const STEP_BYTES = 512 * 1024
const MOST_TRIES = 5

/** @throws StoreError */
export async function readSummary(stored: Stored, epoch: Epoch): Promise<RoomSummary> {
  for (let tries = 1; ; tries++) {
    try {
      return await read(stored, epoch)
    } catch (error) {
      // Folded meanwhile: from the beginning.
      const isPassing = error instanceof StoreError && error.code === 'hole'
      if (!isPassing || tries === MOST_TRIES) throw error
    }
  }
}

async function read({ store, segments }: Stored, epoch: Epoch): Promise<RoomSummary> {
  const summary = new RoomSummary()
  const folded = await segments.segments(epoch)
  for (const segment of folded) {
    const { structs, deletes } = RoomSummary.decode(segment.summary)
    summary.structs.addAll(structs)
    summary.deletes.addAll(deletes)
  }
  const records = new RecordReader()
  for (let at = folded.at(-1)?.to ?? 0; ;) {
    const bytes = await store.read(epoch, at, at + STEP_BYTES)
    if (bytes.length === 0) return summary
    at += bytes.length
    for (const update of records.push(bytes)) take(summary, update)
  }
}

/** What nobody can read holds nothing; whoever opens the room puts it aside. */
function take(summary: RoomSummary, update: Uint8Array): void {
  try {
    summary.take(readUpdate(update))
  } catch (error) {
    if (!(error instanceof MalformedUpdate)) throw error
  }
}
