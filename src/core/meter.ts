/** What the application counts, as plain calls, so that it knows no metrics library. `metrics.ts` implements it. */

export type AppendOutcomeName =
  | 'stored'
  | 'conflict' // told by Postgres
  | 'conflict_memory' // refused without a statement
  | 'checked' // empty and refused: it only asked for the length
  | 'denied' // no write permission
  | 'missing'
  | 'unavailable' // certainly not stored
  | 'unknown' // closed without an answer

export type RepairCause = 'gap' | 'announced' | 'conflict' | 'sweep' | 'reconnect' | 'join'

export interface Meter {
  /** One append answered, and how long that took from its arrival. */
  append(surface: string, outcome: AppendOutcomeName, seconds: number): void
  /** One append statement: how many appends, how long, how it ended. */
  batch(appends: number, seconds: number, result: 'committed' | 'lost' | 'retry' | 'rejected'): void
  /** Appends that came back busy and go alone. */
  busy(): void
  /** One append in doubt, and what it turned out to be. */
  inDoubt(resolved: 'stored' | 'conflict' | 'unknown'): void
  frameSent(kind: string, bytes: number): void
  frameHeard(what: 'delivered' | 'seen' | 'held' | 'unknown'): void
  /** From an append's arrival at its node to this node, where it is given to the sessions in the same turn. */
  heard(seconds: number): void
  /** How long a statement waited for a connection. */
  poolWait(lane: string, seconds: number): void
  /** The follower had missed bytes that are read from Postgres instead. */
  repaired(cause: RepairCause, bytes: number): void
  /** Bytes given to one session from the log rather than live. */
  caughtUp(cause: 'join' | 'behind', bytes: number): void
  page(source: 'cache' | 'shared' | 'store', bytes: number): void
  paused(): void
  delivered(messages: number, bytes: number): void
  ephemeral(what: 'sent' | 'heard' | 'dropped'): void
  keySet(outcome: 'stored' | 'refused' | 'failed'): void
  sweep(documents: number, behind: number, seconds: number): void
  resubscribed(channels: number): void
  /** A limit was hit; the name is the setting's. */
  limit(name: string): void
  /** An error answered or a connection closed in the protocol's own terms. */
  protocolError(surface: string, code: string): void
  /** A room was folded: what was read, and what stands for it now. */
  folded(kind: 'minor' | 'major', seconds: number, bytesIn: number, bytesOut: number): void
  /** A record that cannot be read was put aside. */
  quarantined(): void
  /** An awareness message was given to one connection. */
  awarenessTold(): void
  /** An update that holds nothing new was dropped. */
  redundantUpdate(): void
  /** A large update was looked at in a thread of its own. */
  checkedApart(): void
  /** A figure that is read when somebody asks. `help` is one sentence. */
  gauge(name: string, help: string, read: () => number): void
}
