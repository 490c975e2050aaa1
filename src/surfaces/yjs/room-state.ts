/**
 * What a node knows of a room without its content: which ids there are and which are deleted. Enough to ask a client for
 * what it alone has, to see that an update brings nothing new, and to answer a client that lacks nothing. It is read from
 * the log when somebody asks, and kept while the room is open.
 */
import type { Follower } from '../../collab/follower.ts'
import type { Pages } from '../../collab/pages.ts'
import { type Folded, foldedInto, type Span } from '../../collab/session.ts'
import { StoreError } from '../../core/errors.ts'
import type { Epoch } from '../../core/ports.ts'
import type { Segment } from '../../core/segments.ts'
import type { Answer } from './teller.ts'
import type { StateVector } from './update/id-set.ts'
import { MalformedUpdate } from './update/malformed.ts'
import { readRecord, type UpdateMeta } from './update/read-update.ts'
import { RecordReader } from './update/records.ts'
import { RoomSummary } from './update/room-summary.ts'
import { encodeStateVector } from './update/state-vector.ts'
import { readWhole, type Whole, type Wholes } from './wholes.ts'

/** Replaced segments are kept for longer than this. */
const SEGMENTS_MS = 60_000
const MOST_TRIES = 5

export interface RoomStateOptions {
  readonly follower: Follower
  readonly pages: Pages
  /** In order; they tile the log from its beginning. @throws StoreError */
  readonly segments: (epoch: Epoch) => Promise<readonly Segment[]>
  /** The record that holds this byte of the log makes no sense. Resolves when readers pass over it. */
  readonly quarantine: (epoch: Epoch, offset: number, reason: string) => Promise<void>
  /** Puts aside what makes no sense in the segments. */
  readonly mendSegments: (epoch: Epoch) => Promise<void>
  readonly wholes: Wholes
  readonly now: () => number
}

/** Where a session begins to read, and what is said at the end. */
export interface Reply extends Answer {
  readonly span: Span
}

interface KnownSegment extends Segment {
  /** Where each client's structs in it end. */
  readonly ends: ReadonlyMap<number, number>
}

export class RoomState {
  readonly #options: RoomStateOptions
  #segments: readonly KnownSegment[] = []
  #segmentsAt = -Infinity
  #summary = new RoomSummary()
  #upTo = -1
  #records = new RecordReader()
  #reading: Promise<void> | undefined
  #mending: Promise<void> | undefined
  /** Of the log behind the segments, as far as it was read. */
  #tailRecords = 0
  #chunksThen = 0
  /** How often all of it was asked for. */
  #asked = 0
  #making: Promise<Whole | undefined> | undefined

  constructor(options: RoomStateOptions) {
    this.#options = options
  }

  /** Bytes of the log behind the segments and about how many records, and bytes of the segments. */
  get size(): { readonly tail: number; readonly records: number; readonly folded: number } {
    const { head, chunks } = this.#options.follower
    return {
      tail: head - this.#base,
      records: this.#tailRecords + chunks - this.#chunksThen,
      folded: this.#segments.reduce((sum, { length }) => sum + length, 0),
    }
  }

  /** Somebody has folded the log up to here. */
  refolded(): void {
    this.#segmentsAt = -Infinity
    this.#tailRecords = 0
    this.#chunksThen = this.#options.follower.chunks
    // Who comes next reads the new segments; until then the old ones are right as well.
    this.#options.wholes.drop(this)
  }

  /** An estimate of the memory it takes. */
  get byteSize(): number {
    return this.#summary.byteSize
  }

  get #base(): number {
    return this.#segments.at(-1)?.to ?? 0
  }

  /** Of all that is committed by now. @throws StoreError */
  async stateVector(): Promise<Uint8Array> {
    return encodeStateVector((await this.#current()).stateVector())
  }

  /** Whether an update would add nothing. @throws StoreError */
  async contains(meta: UpdateMeta): Promise<boolean> {
    return (await this.#current()).contains(meta)
  }

  /** How a client that has this is given the rest. @throws StoreError */
  async replyTo(has: StateVector): Promise<Reply> {
    const summary = await this.#current()
    const to = this.#upTo
    if (summary.coveredBy(has)) {
      return { has: undefined, closing: summary.deleteSetUpdate(), span: { from: to, to } }
    }
    const whole = has.size === 0 ? await this.#wholeTo(to) : undefined
    if (whole) {
      const { upTo, record: bytes } = whole
      const source = { epoch: this.#options.follower.epoch, length: bytes.length, bytes }
      return {
        has: undefined,
        closing: undefined,
        span: { sources: [source], from: upTo, to: upTo },
      }
    }
    await this.#refreshSegments()
    // Folded further than this node has heard: what is deleted there is known from the segments alone.
    const isAhead = this.#base > to
    const needed = this.#segments.filter((segment) => isAhead || lacks(has, segment.ends))
    const { sources } = foldedInto(needed)
    const isWhole = needed.length === this.#segments.length
    return {
      has: has.size > 0 ? has : undefined,
      closing: isWhole ? undefined : summary.deleteSetUpdate(),
      span: { sources, from: this.#base, to: Math.max(to, this.#base) },
    }
  }

  /** All up to here as one record, once somebody has asked for all before. @returns undefined: it is read as it is */
  async #wholeTo(to: number): Promise<Whole | undefined> {
    if (this.#asked++ === 0) return undefined
    const known = this.#options.wholes.get(this)
    if (known && known.upTo >= to) return known
    this.#making ??= this.#makeWhole(known, to)
      // What cannot be read, or not be joined, is noticed by who reads it piece by piece.
      .catch(() => undefined)
      .finally(() => (this.#making = undefined))
    const made = await this.#making
    return made && made.upTo >= to ? made : undefined
  }

  async #makeWhole(known: Whole | undefined, to: number): Promise<Whole | undefined> {
    const { wholes, follower, pages } = this.#options
    const summary = this.#summary
    await this.#refreshSegments()
    const base = this.#base
    // What lies below the segments' end may have been removed since.
    const before = known && known.upTo >= base ? known : undefined
    const { sources } = foldedInto(before ? [] : this.#segments)
    const log = { epoch: follower.epoch, base, from: before?.upTo ?? base, to }
    if (log.from > to) return undefined
    const record = await readWhole(pages, before?.record, sources, log)
    // Something was put aside meanwhile.
    if (!record || summary !== this.#summary) return undefined
    const whole = { upTo: to, record }
    wholes.keep(this, whole)
    return whole
  }

  /** Of a session that found its place in the log gone. @throws StoreError */
  async folded(): Promise<Folded> {
    this.#segmentsAt = -Infinity
    await this.#refreshSegments()
    return foldedInto(this.#segments)
  }

  /** A client met something that makes no sense, in the log or in a segment: it is found and put aside. */
  broken(): void {
    this.forget()
    this.#mending ??= this.#options
      .mendSegments(this.#options.follower.epoch)
      .catch(() => undefined) // whoever meets it again tries again
      .finally(() => {
        this.#mending = undefined
        this.forget()
      })
  }

  /** The room is not open here any more. */
  close(): void {
    for (const { content } of this.#segments) this.#options.pages.forget(content)
    this.forget()
  }

  /** Forgets all: it is read again when somebody asks. */
  forget(): void {
    this.#options.wholes.drop(this)
    this.#upTo = -1
    this.#segmentsAt = -Infinity
    this.#summary = new RoomSummary()
  }

  async #current(): Promise<RoomSummary> {
    // Who comes back is asked for what is put aside now.
    await this.#mending
    const target = this.#options.follower.head
    for (let tries = 0; this.#upTo < target; tries++) {
      try {
        this.#reading ??= this.#read().finally(() => (this.#reading = undefined))
        await this.#reading
      } catch (error) {
        // Folded meanwhile, or put aside: from the beginning.
        const isPassing = error instanceof StoreError && error.code === 'hole'
        if (!isPassing || tries === MOST_TRIES) throw error
        this.forget()
      }
    }
    return this.#summary
  }

  async #read(): Promise<void> {
    const { follower, pages } = this.#options
    if (this.#upTo < 0) await this.#begin()
    const summary = this.#summary
    const take = (bytes: Uint8Array) => {
      if (summary !== this.#summary) throw new StoreError('hole', 'what was read is forgotten')
      this.#take(bytes)
    }
    while (this.#upTo < follower.head) {
      try {
        await pages.read(follower.epoch, this.#upTo, follower.head, take, this.#base)
      } catch (error) {
        if (!(error instanceof MalformedUpdate)) throw error
        await this.#putAside(this.#records.at, error)
      }
    }
    // Appends are whole records: no length that was committed is in the middle of one.
    if (!this.#records.isWhole)
      await this.#putAside(
        this.#records.next,
        new MalformedUpdate('a record that runs over the end of the log'),
      )
  }

  async #begin(): Promise<void> {
    await this.#refreshSegments()
    this.#records.reset(this.#base)
    const summary = new RoomSummary()
    for (const segment of this.#segments) {
      const { structs, deletes } = RoomSummary.decode(segment.summary)
      summary.structs.addAll(structs)
      summary.deletes.addAll(deletes)
    }
    this.#summary = summary
    this.#upTo = this.#base
    this.#tailRecords = 0
  }

  async #refreshSegments(): Promise<void> {
    const { segments, follower, now } = this.#options
    if (now() - this.#segmentsAt < SEGMENTS_MS) return
    const known = new Map(this.#segments.map((segment) => [segment.content, segment]))
    this.#segments = (await segments(follower.epoch)).map((segment) => {
      const before = known.get(segment.content)
      // It changes when something is put aside.
      if (before && Buffer.compare(before.summary, segment.summary) === 0) return before
      return { ...segment, ends: RoomSummary.decode(segment.summary).structs.ends() }
    })
    this.#segmentsAt = now()
  }

  #take(bytes: Uint8Array): void {
    for (const update of this.#records.push(bytes)) {
      this.#summary.take(readRecord(update))
      this.#tailRecords++
    }
    this.#upTo += bytes.length
    this.#chunksThen = this.#options.follower.chunks
  }

  async #putAside(offset: number, error: MalformedUpdate): Promise<never> {
    const { follower, pages, quarantine } = this.#options
    await quarantine(follower.epoch, offset, error.message)
    pages.forget(follower.epoch)
    throw new StoreError('hole', 'a record was put aside', { cause: error })
  }
}

function lacks(has: StateVector, ends: ReadonlyMap<number, number>): boolean {
  for (const [client, end] of ends) if ((has.get(client) ?? 0) < end) return true
  return ends.size === 0
}
