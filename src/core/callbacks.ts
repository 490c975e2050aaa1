/** Rooms whose contents somebody is to be told of: each change is noted, and one node tells of all of them together. */
import type { Epoch } from './ports.ts'

export interface Change {
  readonly epoch: Epoch
  /** Milliseconds since it was made. */
  readonly ageMs: number
}

/** When a room is due: `quietMs` after its last change, and `mostMs` after the first one that is not told. */
export interface Waits {
  readonly quietMs: number
  readonly mostMs: number
}

export interface Callback {
  readonly epoch: Epoch
  /** With the surface's prefix. */
  readonly documentId: string
  /** Of the log: what is told is at least as new. */
  readonly length: number
  /** How often it was claimed since something was told, this time included. */
  readonly attempt: number
}

/** Implemented by `postgres/callbacks.ts`. Every method throws `StoreError` when it cannot answer. */
export interface CallbackStore {
  /** Rooms that have not grown since they were noted, by whomever, are left as they are. */
  note(changes: readonly Change[], waits: Waits): Promise<void>
  /** Takes rooms that are due and that nobody else holds; each is ours for `claimMs`, then anybody's again. */
  claim(most: number, claimMs: number): Promise<readonly Callback[]>
  /** What has changed behind `length` is due as if it were the first change. */
  told(callback: Callback, waits: Waits): Promise<void>
  /** Gives it back, due again after `delayMs`. */
  retry(callback: Callback, delayMs: number): Promise<void>
  /** Until the next change. */
  giveUp(callback: Callback): Promise<void>
}
