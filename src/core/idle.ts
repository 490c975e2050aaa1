/** Idle events: somebody is to be told that nobody has a document open any more. */

export interface IdleEvent {
  /** Stays the same however often the event is sent. */
  readonly id: string
  /** With the surface's prefix. */
  readonly documentId: string
  /** How often it was claimed, this time included. */
  readonly attempt: number
  /** Somebody has the document open after all. */
  readonly isOpen: boolean
}

/** Implemented by `postgres/idle-events.ts`. Every method throws `StoreError` when it cannot answer. */
export interface IdleEventStore {
  /** Takes due events that nobody else holds; each is ours for `claimMs`, then anybody's again. */
  claim(most: number, claimMs: number): Promise<readonly IdleEvent[]>
  /** The event is over. Leaves a newer one of the same document alone, as `retry` does. */
  finish(event: IdleEvent): Promise<void>
  /** Gives the event back, due again after `delayMs`. */
  retry(event: IdleEvent, delayMs: number): Promise<void>
}
