/**
 * Folding: the older part of a log in fewer bytes. A log's segments tile [0, S) without a gap, and the log goes on from S;
 * whoever wants everything reads the segments in their order, then the log. Offsets of the log never move.
 */
import type { Epoch } from './ports.ts'

export interface Segment {
  /** What it stands for: the log's bytes `[from, to)`. */
  readonly from: number
  readonly to: number
  /** The document whose log holds its bytes: read it like any other. Never opened, appended to or expired by itself. */
  readonly content: Epoch
  /** Of the content. */
  readonly length: number
  readonly summary: Uint8Array
}

/** Bytes in pieces of any size, in order. */
export type Pieces = Iterable<Uint8Array> | AsyncIterable<Uint8Array>

export interface Fold {
  readonly from: number
  readonly to: number
  /** The contents of the segments within `[from, to)` as they were read. */
  readonly replaces: readonly Epoch[]
  readonly pieces: Pieces
  /** Of all pieces together. */
  readonly length: number
  readonly summary: Uint8Array
}

/** Implemented by `postgres/segments.ts`. Every method throws `StoreError` when it cannot answer. */
export interface SegmentStore {
  /** Those that nothing has replaced, in order. None: nothing is folded, or there is no such document. */
  segments(epoch: Epoch): Promise<readonly Segment[]>
  /**
   * Puts one segment in the place of those within `[from, to)` and of the log up to `to`, in one transaction. What it
   * replaces stays readable until it is trimmed.
   * @returns false when the segments are not those that were read, or the document is gone; nothing is stored then
   */
  replace(epoch: Epoch, fold: Fold): Promise<boolean>
  /**
   * Deletes one portion of what nobody can be reading any more: rows of logs behind segments made `delayMs` ago, and
   * segments replaced `delayMs` ago.
   * @returns false when nothing is left
   */
  trim(delayMs: number, rows: number): Promise<boolean>
  /**
   * Keeps others from the same work on a document, for `leaseMs` by Postgres's clock; again by the same holder prolongs
   * it. Nothing but work done twice depends on it.
   */
  claim(epoch: Epoch, holder: string, leaseMs: number): Promise<boolean>
  release(epoch: Epoch, holder: string): Promise<void>
  /**
   * Copies the record at this offset away and makes it filler, so that readers skip it. A record that runs over the end
   * of its append is cut there, as filler.
   * @returns whether this call did it: false when it is filler already, or gone
   */
  quarantine(epoch: Epoch, offset: number, reason: string): Promise<boolean>
  /** What a segment holds is less than it was: records of this content were put aside. */
  summarize(content: Epoch, summary: Uint8Array): Promise<void>
}

export interface Version {
  readonly id: number
  readonly name: string
  readonly createdAt: Date
  /** How long the log was that it is the state of. */
  readonly offset: number
  /** As with segments. */
  readonly content: Epoch
  readonly length: number
}

export interface NewVersion {
  readonly name: string
  readonly offset: number
  readonly pieces: Pieces
  readonly length: number
}

/** Named states of documents. They go with their document. Implemented by `postgres/versions.ts`. */
export interface VersionStore {
  /** @returns undefined when there is no such document */
  save(epoch: Epoch, version: NewVersion): Promise<Version | undefined>
  /** Newest first. */
  list(epoch: Epoch): Promise<readonly Version[]>
  find(epoch: Epoch, id: number): Promise<Version | undefined>
  /** @returns whether there was one */
  remove(epoch: Epoch, id: number): Promise<boolean>
}
