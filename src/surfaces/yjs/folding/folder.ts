/**
 * Folding of rooms on one node. Rooms say how they are (`consider`); those that are due wait in a queue and are folded one
 * at a time: claim, read, compact in a worker thread, store, release. Whatever fails leaves the room as it was, and the
 * next `consider` tries again.
 */
import type { Log } from '../../../core/log.ts'
import type { Meter } from '../../../core/meter.ts'
import type { Epoch } from '../../../core/ports.ts'
import type { Segment, SegmentStore } from '../../../core/segments.ts'
import { RoomSummary } from '../update/room-summary.ts'
import { foldRoom } from './fold.ts'
import type { FoldRequest, Folded } from './fold.ts'
import { gather } from './gather.ts'
import type { Read } from './gather.ts'
import { isDue, plan } from './plan.ts'
import { PoolError } from './pool.ts'
import type { Pool } from './pool.ts'
import { startTrimming } from './trimming.ts'

/** A room as its node knows it. */
export interface RoomTail {
  /** A committed length of the log. */
  readonly head: number
  /** Appends behind the segments, as far as this node knows. */
  readonly rows: number
  /** Since the last append. */
  readonly ageMs: number
  /** Nobody on this node has the room open any more. */
  readonly isDeserted: boolean
}

export interface FolderOptions {
  readonly segments: SegmentStore
  /** Past any cache: each byte is read once. */
  readonly read: Read
  readonly pool: Pool
  readonly meter: Pick<Meter, 'folded' | 'quarantined'>
  readonly log: Log
  /** Nobody else's name. */
  readonly holder: string
  /** False keeps what was deleted. */
  readonly gc: boolean
  /** What was folded stays readable for so long. */
  readonly delayMs: number
  /** Rooms above are not put through a document: that takes about twelve times their bytes. */
  readonly majorBytes?: number
  /** Of an update in a segment. */
  readonly updateBytes?: number
  /** Between two folds of one room. */
  readonly restMs?: number
  /** After a failure, and while another node has the claim. */
  readonly retryMs?: number
  readonly claimMs?: number
  /** The tail of the room begins here now, by whomever it was folded; its rows count from here. */
  readonly onFolded?: (epoch: Epoch, upTo: number) => void
  /** Bytes of this log or content are others now: caches forget it. */
  readonly onQuarantined?: (epoch: Epoch) => void
}

export interface Folder {
  /** Cheap; after appends, after a silence, and when the last session of this node leaves. */
  consider(epoch: Epoch, tail: RoomTail): void
  /** Puts aside every record of the log that no Yjs reads. For whoever has just met one. @throws StoreError, PoolError */
  mend(epoch: Epoch, head: number): Promise<void>
  /** The same in what the log was folded into. */
  mendSegments(epoch: Epoch): Promise<void>
  /** Resolves when nothing waits and nothing runs. */
  idle(): Promise<void>
  /** Waits for the fold that runs; with the pool closed beside it, it is given up. */
  close(): Promise<void>
}

const MB = 1024 * 1024
const MOST_WAITING = 10_000
const MOST_KNOWN = 10_000

/** What is remembered of a room that was looked at. */
interface Known {
  readonly upTo: number
  readonly notBefore: number
  /** A document of it took too much. */
  readonly isTooMuch: boolean
}

export function makeFolder(options: FolderOptions): Folder {
  const { segments, read, pool, meter, log, holder } = options
  const { majorBytes = 64 * MB, updateBytes = 256 * 1024 } = options
  const { restMs = 2_000, retryMs = 30_000, claimMs = 60_000 } = options
  const known = new Map<Epoch, Known>()
  const waiting = new Map<Epoch, RoomTail>()
  let running: Promise<void> | undefined
  let isClosed = false
  const trimming = startTrimming({ segments, log, delayMs: options.delayMs })

  function remember(epoch: Epoch, what: Partial<Known> & { readonly restMs: number }): void {
    const { upTo = 0, isTooMuch = false } = { ...known.get(epoch), ...what }
    known.delete(epoch)
    known.set(epoch, { upTo, isTooMuch, notBefore: performance.now() + what.restMs })
    for (const oldest of known.keys()) {
      if (known.size <= MOST_KNOWN) break
      known.delete(oldest)
    }
  }

  function isWorthALook(epoch: Epoch, tail: RoomTail): boolean {
    const { upTo = 0, notBefore = 0 } = known.get(epoch) ?? {}
    const bytes = tail.head - upTo
    return bytes > 0 && isDue({ ...tail, bytes }) && performance.now() >= notBefore
  }

  async function putAside(epoch: Epoch, offset: number, reason: string): Promise<void> {
    if (!(await segments.quarantine(epoch, offset, reason))) return
    meter.quarantined()
    log.warn({ epoch, offset, reason }, 'a record that cannot be read was put into yjs_quarantine')
    options.onQuarantined?.(epoch)
  }

  async function work(): Promise<void> {
    for (const [epoch, tail] of waiting) {
      if (isClosed) break
      waiting.delete(epoch)
      try {
        await look(epoch, tail)
      } catch (error) {
        remember(epoch, { restMs: retryMs })
        if (!closing(error)) log.warn({ err: error, epoch }, 'folding a room failed')
      }
    }
    running = undefined
  }

  function closing(error: unknown): boolean {
    return isClosed || (error instanceof PoolError && error.code === 'closed')
  }

  async function look(epoch: Epoch, tail: RoomTail): Promise<void> {
    const found = await segments.segments(epoch)
    const upTo = found.at(-1)?.to ?? 0
    const bytes = tail.head - upTo
    const seen = known.get(epoch)
    const lengths = found.map(({ length }) => length)
    // Another node may have folded most of what the rows were counted in.
    const rows = tail.rows * Math.min(1, bytes / (tail.head - (seen?.upTo ?? 0)))
    const most = seen?.isTooMuch === true ? 0 : majorBytes
    const decided = plan(lengths, { ...tail, bytes, rows }, most)
    if (decided.kind === 'nothing' || bytes <= 0) {
      remember(epoch, { upTo, restMs })
      if (seen !== undefined && upTo > seen.upTo) options.onFolded?.(epoch, upTo)
      return
    }
    if (!(await segments.claim(epoch, holder, claimMs))) {
      remember(epoch, { upTo, restMs: retryMs })
      return
    }
    const renewal = setInterval(() => {
      segments.claim(epoch, holder, claimMs).catch(() => undefined) // it only saves work
    }, claimMs / 3)
    try {
      await fold({ epoch, segments: found, head: tail.head, plan: decided })
    } finally {
      clearInterval(renewal)
      await segments.release(epoch, holder).catch(() => undefined) // it lapses
    }
  }

  async function fold(request: FoldRequest): Promise<void> {
    const { epoch } = request
    const began = performance.now()
    const parts = { segments, read, pool, gc: options.gc, updateBytes, putAside }
    let folded: Folded
    try {
      folded = await foldRoom(parts, request)
    } catch (error) {
      const isTooMuch = request.plan.kind === 'major' && isFailed(error)
      if (isTooMuch) remember(epoch, { isTooMuch, restMs: retryMs })
      throw error
    }
    const { kind, reason, isStored, upTo, bytesIn, bytesOut } = folded
    if (!isStored) {
      remember(epoch, { restMs })
      return
    }
    meter.folded(kind, (performance.now() - began) / 1000, bytesIn, bytesOut)
    if (reason !== undefined)
      log.warn({ epoch, reason }, 'a room was folded without gaining anything from it')
    remember(epoch, { upTo, isTooMuch: reason !== undefined, restMs })
    options.onFolded?.(epoch, upTo)
  }

  /** @returns the summary of what is sound; undefined when the node is stopping */
  async function mend(epoch: Epoch, from: number, to: number): Promise<Uint8Array | undefined> {
    while (!isClosed) {
      const parts = [await gather(read, epoch, from, to)]
      const task = { kind: 'minor', parts, gc: false, most: updateBytes, isCut: false } as const
      const compacted = await pool.compact(task)
      const bad = compacted.kind === 'broken' ? [compacted.at] : compacted.bad
      for (const { at, reason } of bad) await putAside(epoch, from + at, reason)
      if (compacted.kind !== 'broken') return compacted.summary
    }
    return undefined
  }

  async function mendSegment({ content, length, summary }: Segment): Promise<void> {
    const sound = await mend(content, 0, length)
    // Who still has what was put aside is asked for it: the room must not claim to have it.
    if (sound && !covers(sound, summary)) await segments.summarize(content, sound)
    // Another node may have put something aside, of which this one's cache knows nothing.
    options.onQuarantined?.(content)
  }

  return {
    consider(epoch, tail) {
      if (isClosed || !isWorthALook(epoch, tail)) return
      if (waiting.size >= MOST_WAITING && !waiting.has(epoch)) return
      waiting.set(epoch, tail)
      running ??= work()
    },
    async mend(epoch, head) {
      await mend(epoch, (await segments.segments(epoch)).at(-1)?.to ?? 0, head)
    },
    async mendSegments(epoch) {
      for (const segment of await segments.segments(epoch)) await mendSegment(segment)
    },
    async idle() {
      await running
    },
    async close() {
      isClosed = true
      await trimming.stop()
      await running
    },
  }
}

function covers(encoded: Uint8Array, other: Uint8Array): boolean {
  const [{ structs, deletes }, less] = [RoomSummary.decode(encoded), RoomSummary.decode(other)]
  return structs.covers(less.structs) && deletes.covers(less.deletes)
}

function isFailed(error: unknown): boolean {
  return error instanceof PoolError && error.code === 'failed'
}
