import type { Delivery } from './appends.ts'
import type { ConnectionError } from './errors.ts'
import type { Events } from './events.ts'
import type { Keys } from './keys.ts'
import type { Key } from './keyTable.ts'
import type { AppendOutcome } from './pending.ts'

export type Status =
  | { readonly state: 'connecting' }
  | { readonly state: 'joined' }
  /** Tries again in `delayMs`, for the reason given. */
  | { readonly state: 'waiting'; readonly delayMs: number; readonly error: ConnectionError }
  | { readonly state: 'suspended' }
  /** For good; without an error because the caller asked for it. */
  | { readonly state: 'closed'; readonly error?: ConnectionError }

export interface ConnectionEvents {
  /** The next bytes of the document: every byte once, in order. */
  data: Delivery
  status: Status
  /** An append met a document that had grown; it is rebased and sent again. */
  conflict: { readonly expected: number; readonly actual: number }
  /** That many changes were rebased over (at most) `missed` bytes by others, after a conflict or an absence. */
  rebase: { readonly changes: number; readonly missed: number }
  /** The document was made again: forget what was delivered; `data` begins again at 0. */
  reset: { readonly error: ConnectionError }
  /** An empty value: a session key whose owner has left. */
  key: Key & { readonly own: boolean }
  broadcast: Uint8Array
}

export interface Counters {
  readonly joins: number
  readonly conflicts: number
  /** Changes that had to be rebased, each time counted. */
  readonly rebases: number
}

export interface Connection {
  readonly on: Events<ConnectionEvents>['on']
  readonly status: Status
  readonly counters: Counters
  /** Bytes delivered so far, own appends included once they are stored. */
  readonly length: number
  /** For `from` in a later run; 0 when the server does not tell. */
  readonly epoch: number
  /** Appends not stored yet. */
  readonly pending: number
  /** Bytes given to the socket and not sent yet: when it grows, share and broadcast less. */
  readonly buffered: number
  readonly keys: Keys
  /** Stores bytes at the document's end, once, however often it takes; waits while there is no connection. Never rejects. */
  append(bytes: Uint8Array): Promise<AppendOutcome>
  /** Sends to whoever is here now. @returns false when there is no connection: nothing is kept for later */
  broadcast(bytes: Uint8Array): boolean
  /** Resolves when joined. Rejects with the ConnectionError, or when the connection is closed. */
  joined(): Promise<void>
  /** Goes offline: appends wait. */
  suspend(): void
  resume(): void
  /** Ends it; appends that wait are settled as `closed`. */
  close(): void
}
