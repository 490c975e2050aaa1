/**
 * What the application asks of the outside world. Adapters (`postgres/`, `redis/`, `local/`, `socket/`) implement these
 * ports, translate, and decide nothing. Offsets, lengths and sizes are bytes; times are milliseconds unless they say else.
 */

/** Which incarnation of a document id: the row's surrogate key, from a sequence that is never reset. */
export type Epoch = number

/** A random number below 2^53 made for each append, by which its author's node recognises the stored chunk. */
export type AppendId = number

/** One append of a batch: non-empty unless it only checks the length. */
export interface Chunk {
  readonly id: AppendId
  readonly data: Uint8Array
}

/** Instead of an expected length: append wherever the document ends just then. For what commutes. */
export const ANYWHERE = -1

/** Consecutive appends to one document, the first one at `expected`, or `ANYWHERE`. All of them commit, or none. */
export interface DocumentAppends {
  readonly epoch: Epoch
  readonly expected: number
  readonly chunks: readonly Chunk[]
}

export type DocumentOutcome =
  | { readonly kind: 'stored'; readonly length: number } // after it
  | { readonly kind: 'conflict'; readonly length: number } // the actual length
  | { readonly kind: 'busy' } // somebody holds the row: send it alone
  | { readonly kind: 'missing' } // no such document in this epoch

/** How an init wants its document: `may` creates it when missing, `must` refuses when it is there. */
export type Creation = 'never' | 'may' | 'must'

export interface OpenRequest {
  readonly id: string
  readonly creation: Creation
  readonly initial: Uint8Array
  /** Recognises this very creation when it is sent again after a lost connection. */
  readonly creationId: AppendId
}

export type OpenResult =
  | {
      readonly kind: 'opened'
      readonly epoch: Epoch
      readonly length: number
      readonly created: boolean
    }
  | { readonly kind: 'missing' }
  | { readonly kind: 'exists' }

export interface DocumentState {
  readonly length: number
  readonly keysVersion: number
}

/** `session` keys end with the session that set them last; `document` keys live with the document. */
export type KeyLifetime = 'session' | 'document'

/** A session, cluster-wide: the node's incarnation and a number that this node never gives twice. */
export interface SessionRef {
  readonly node: string
  readonly session: number
}

export interface Key {
  readonly lifetime: KeyLifetime
  /** Any bytes, as a latin1 string: one character a byte. */
  readonly name: string
  /** 0 … 2^32 − 1, chosen by clients. */
  readonly version: number
  readonly value: Uint8Array
}

/** Stored only if the key's version is `oldVersion`, or the key is missing and `oldVersion` is 0. */
export interface KeySet extends Key {
  readonly oldVersion: number
  readonly owner: SessionRef
}

/** A key as a change tells of it: `removed` ones carry the version after their last and no value. */
export interface KeyChange extends Key {
  readonly removed: boolean
}

export interface KeysSnapshot {
  readonly version: number
  readonly keys: readonly Key[]
}

/** What one statement did to a document's keys: `keys_version` went from `from` to `to`. */
export interface KeysChanged {
  readonly from: number
  readonly to: number
  readonly changes: readonly KeyChange[]
}

/**
 * The log and the keys. Every method throws `StoreError` (errors.ts) when it cannot answer.
 * Twins: `postgres/documents.ts`, `local/store.ts` (tests); `test/contract/store.ts` is the suite both must pass.
 */
export interface DocumentStore {
  /** Opens, or creates together with its initial bytes, in one transaction. */
  open(request: OpenRequest): Promise<OpenResult>
  /**
   * Commits each document's appends if its length is `expected`. Outcomes in the order of the batch.
   * @param wait false: rows that somebody holds come back as `busy`; true: waits for them (bounded by the lock timeout)
   */
  append(batch: readonly DocumentAppends[], wait: boolean): Promise<readonly DocumentOutcome[]>
  /** The append id of the chunk that begins at `offset`, or undefined where none begins. */
  appendIdAt(epoch: Epoch, offset: number): Promise<AppendId | undefined>
  /** The bytes `[from, to)`, shorter only at the end of the log. @throws StoreError `hole` where a row is missing. */
  read(epoch: Epoch, from: number, to: number): Promise<Uint8Array>
  /** Committed state of each document that exists in this epoch; others are absent. Up to 1,000 at once. */
  states(epochs: readonly Epoch[]): Promise<ReadonlyMap<Epoch, DocumentState>>
  keys(epoch: Epoch): Promise<KeysSnapshot>
  /** Compare-and-set in order, atomically; `results[i]` says whether set i was stored. Undefined: no such document. */
  setKeys(
    epoch: Epoch,
    sets: readonly KeySet[],
  ): Promise<(KeysChanged & { readonly results: readonly boolean[] }) | undefined>
  /** Removes the session keys that this session set last. */
  dropKeys(epoch: Epoch, owner: SessionRef): Promise<KeysChanged | undefined>
  /** Looks a document up without opening it; counts as an access. */
  find(id: string): Promise<{ readonly epoch: Epoch; readonly length: number } | undefined>
  /** Deletes a document, whoever has it open. @returns its epoch, or undefined when there was none */
  remove(id: string): Promise<Epoch | undefined>
}

/** Fan-out between nodes: at most once, unordered, may double. Twins: `redis/bus.ts`, `local/bus.ts`. */
export interface Bus {
  /**
   * Hears every message published on the channel from the moment the promise resolves, as far as the bus is up.
   * Never rejects and never waits long: without Redis it resolves at once, and `onGap` follows when it is back.
   */
  subscribe(channel: string, hear: (message: Uint8Array) => void): Promise<void>
  unsubscribe(channel: string, hear: (message: Uint8Array) => void): void
  /** Sends and forgets. Publishers hear their own messages. */
  publish(channel: string, message: Uint8Array): void
  readonly status: BusStatus
  /** Messages may have been lost up to now: verify every follower. Called after each resubscription. */
  onGap(listener: (cause: GapCause) => void): void
  onStatus(listener: (status: BusStatus) => void): void
  close(): Promise<void>
}

/** Why something may have been missed: a connection is new, a probe did not come, another node could not publish. */
export type GapCause = 'reconnect' | 'probe' | 'unpublished'

/**
 * `up`: probes are heard. `deaf`: publishes are taken but nothing is heard (at most 15 s, then `down`).
 * `down`: Redis-less mode; the sweep is the only road. `solo`: there is no Redis and no other node to hear.
 */
export type BusStatus = 'up' | 'deaf' | 'down' | 'solo'

/** Leases and who has what open. Implemented by `postgres/presence.ts`. */
export interface PresenceStore {
  /** Registers this incarnation, or renews its lease. @returns false when the lease had lapsed and the row is gone */
  register(node: string, leaseMs: number): Promise<void>
  renew(node: string, leaseMs: number): Promise<boolean>
  /** Nodes whose lease is live; the ids of those of one process are its name, a dot, and more. */
  live(): Promise<readonly string[]>
  /** Says that this node has the documents open. @returns those it now has; `busy` ones are to be asked for again */
  enter(
    node: string,
    epochs: readonly Epoch[],
  ): Promise<{ entered: ReadonlySet<Epoch>; busy: ReadonlySet<Epoch> }>
  /** Says that it no longer has; schedules the idle event of documents that nobody has open any more. */
  leave(node: string, epochs: readonly Epoch[]): Promise<void>
  count(node: string, sessions: ReadonlyMap<Epoch, number>): Promise<void>
  /** Marks open documents as accessed, at most every `everyMs`. */
  touch(epochs: readonly Epoch[], everyMs: number): Promise<void>
  /** Removes at most one lapsed node with everything it left; exactly one caller in the cluster wins each. */
  reap(): Promise<
    { readonly node: string; readonly keys: ReadonlyMap<Epoch, KeysChanged> } | undefined
  >
  unregister(node: string): Promise<void>
  /** Sessions of a document by node, live leases only. */
  sessions(epoch: Epoch): Promise<readonly { readonly node: string; readonly sessions: number }[]>
  /** Deletes documents with this id prefix not accessed for so long that nobody has open. @returns how many */
  purge(prefix: string, expiryMs: number, most: number): Promise<number>
  /** Deletes one portion of the chunks of deleted documents. @returns false when nothing is left */
  bury(rows: number): Promise<boolean>
}

/** One socket as the sessions see it. */
export interface Outlet {
  /** Queues one message. Never drops: whoever sends watches `isFull`. */
  send(message: Uint8Array): void
  /** True while more than a small buffer waits; `onDrain` (given when the outlet was made) follows. */
  isFull(): boolean
  /** Sends what happens inside as one write. */
  cork(write: () => void): void
  /** Sends what is queued, then closes with a close code. */
  end(code: number, reason: string): void
}

/** Milliseconds that never go back. */
export interface Clock {
  now(): number
}
