/** One fold of one room, from reading to storing. It may end anywhere: until the last step nothing has changed. */
import type { Epoch } from '../../../core/ports.ts'
import type { Segment, SegmentStore } from '../../../core/segments.ts'
import type { BadRecord, Compacted } from './compact.ts'
import { gather, gatherSegments } from './gather.ts'
import type { Read } from './gather.ts'
import type { Plan } from './plan.ts'
import type { Pool } from './pool.ts'

export interface FoldParts {
  readonly segments: Pick<SegmentStore, 'replace'>
  readonly read: Read
  readonly pool: Pick<Pool, 'compact'>
  readonly gc: boolean
  /** Bytes of an update in the result. */
  readonly updateBytes: number
  /** Makes the record at this offset of a log or of a content filler. */
  readonly putAside: (epoch: Epoch, offset: number, reason: string) => Promise<void>
}

export interface FoldRequest {
  readonly epoch: Epoch
  /** All of the room, as they are now. */
  readonly segments: readonly Segment[]
  /** A committed length of the log. */
  readonly head: number
  readonly plan: Exclude<Plan, { kind: 'nothing' }>
}

export interface Folded {
  readonly kind: 'minor' | 'major'
  /** Why it is not the major one that was planned. */
  readonly reason?: string
  /** False: somebody else was faster, or the room is gone. */
  readonly isStored: boolean
  readonly upTo: number
  readonly bytesIn: number
  readonly bytesOut: number
}

/** More of a log is folded in several goes. */
const MOST_LOG_BYTES = 32 * 1024 * 1024
/** Of records that break the log behind them. */
const MOST_BREAKS = 100
const STORED_BYTES = 1024 * 1024

export async function foldRoom(parts: FoldParts, request: FoldRequest): Promise<Folded> {
  const { epoch, segments, head, plan } = request
  const base = segments.at(-1)?.to ?? 0
  const folded = segments.slice(plan.kind === 'major' ? 0 : plan.first)
  const to = plan.kind === 'major' ? head : Math.min(head, base + MOST_LOG_BYTES)
  const sources = [
    ...folded.map(({ content }) => ({ epoch: content, from: 0 })),
    { epoch, from: base },
  ]
  const bytesIn = folded.reduce((sum, { length }) => sum + length, to - base)
  const putAside = async ({ part, at, reason }: BadRecord): Promise<void> => {
    const source = sources[part]!
    await parts.putAside(source.epoch, source.from + at, reason)
  }
  const compacted = await whileBroken(putAside, async () => {
    const bytes = await gatherSegments(parts.read, folded)
    bytes.push(await gather(parts.read, epoch, base, to))
    const task = { kind: plan.kind, parts: bytes, gc: parts.gc, most: parts.updateBytes }
    return await parts.pool.compact({ ...task, isCut: to < head })
  })
  // Before the log is folded: afterwards nobody would find them.
  for (const bad of compacted.bad) await putAside(bad)
  const upTo = to - compacted.left
  const isStored = await parts.segments.replace(epoch, {
    from: folded[0]?.from ?? base,
    to: upTo,
    replaces: folded.map(({ content }) => content),
    pieces: cut(compacted.bytes),
    length: compacted.bytes.length,
    summary: compacted.summary,
  })
  const { kind, reason } = compacted
  return {
    ...{ kind, isStored, upTo, bytesIn, bytesOut: compacted.bytes.length },
    ...(reason !== undefined && { reason }),
  }
}

/** Records that hide what follows them are put aside, one after the other. */
async function whileBroken(
  putAside: (bad: BadRecord) => Promise<void>,
  attempt: () => Promise<Compacted>,
): Promise<Exclude<Compacted, { kind: 'broken' }>> {
  for (let breaks = 0; ; breaks++) {
    const compacted = await attempt()
    if (compacted.kind !== 'broken') return compacted
    if (breaks === MOST_BREAKS) throw new Error(`a log with ${breaks} broken records`)
    await putAside(compacted.at)
  }
}

/** A piece at a time is copied, so that the event loop gets its turns. */
async function* cut(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += STORED_BYTES) {
    yield bytes.subarray(at, at + STORED_BYTES)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
