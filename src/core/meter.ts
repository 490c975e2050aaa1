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

/**
 * `gap`, `announced`, `join`: a frame, a frame without contents, or a read told of more. `conflict`: a refused append did.
 * Everything was compared with Postgres: now and then (`sweep`), after a connection to Redis was new (`reconnect`), a
 * probe was missed (`probe`), or another node said that it could not publish (`unpublished`).
 */
export type RepairCause =
  'gap' | 'announced' | 'conflict' | 'sweep' | 'reconnect' | 'probe' | 'unpublished' | 'join'

export type GaugeName =
  | 'connections'
  | 'connections_handshaking'
  | 'connections_limit'
  | 'sockets_buffered_bytes'
  | 'sockets_half_full'
  | 'sockets_full'
  | 'sessions'
  | 'sessions_paused'
  | 'sessions_behind_bytes'
  | 'sessions_behind_most_bytes'
  | 'documents_open'
  | 'followers'
  | 'cache_bytes'
  | 'append_queue'
  | 'append_queue_bytes'
  | 'redis_up'
  | 'redis_servers'
  | 'redis_probe_age_seconds'
  | 'redis_channels'
  | 'redis_publish_waiting_bytes'
  | 'postgres_waiting'
  | 'postgres_connections'
  | 'postgres_connections_in_use'
  | 'postgres_connections_limit'
  | 'lease_age_seconds'
  | 'lease_limit_seconds'
  | 'nodes_alive'
  | 'ready'
  | 'not_ready'
  | 'heap_used_ratio'
  | 'memory_limit_bytes'
  | 'drain_phase'
  | 'drain_connections_left'
  | 'drain_age_seconds'
  | 'drain_limit_seconds'
  | 'workers'
  | 'workers_late'
  | 'yjs_rooms'
  | 'yjs_tasks_waiting'
  | 'tls_certificate_expiry_timestamp_seconds'

export interface Meter {
  /** One append answered, and how long that took from its arrival. */
  append(surface: string, outcome: AppendOutcomeName, seconds: number): void
  /** One append statement: how many appends, how long, how it ended. */
  batch(appends: number, seconds: number, result: 'committed' | 'lost' | 'retry' | 'rejected'): void
  /** Appends that came back busy and go alone. */
  busy(): void
  /** One append in doubt, and what it turned out to be. */
  inDoubt(resolved: 'stored' | 'conflict' | 'unknown'): void
  /** A message came from a client. */
  received(surface: string, bytes: number): void
  /** One wish to join a document, and how long it took. */
  joined(
    surface: string,
    outcome: 'joined' | 'refused' | 'abandoned' | 'failed',
    seconds: number,
  ): void
  frameSent(kind: string, bytes: number): void
  frameReceived(kind: string, bytes: number): void
  /** What became of one append in a frame from another node; `unknown`: of a frame. */
  frameHeard(what: 'delivered' | 'seen' | 'held' | 'unknown'): void
  /** From an append's arrival at its node to this node, where it is given to the sessions in the same turn. */
  heard(seconds: number): void
  /** How long a statement waited for a connection. */
  poolWait(lane: string, seconds: number): void
  /** How long a connection was used for one statement or transaction. */
  poolUse(lane: string, seconds: number): void
  postgresError(lane: string, code: string): void
  /** The follower had missed bytes that are read from Postgres instead. */
  repaired(cause: RepairCause, bytes: number): void
  /** Bytes given to one session from the log rather than live. */
  caughtUp(cause: 'join' | 'behind', bytes: number): void
  page(source: 'cache' | 'shared' | 'store', bytes: number): void
  paused(): void
  delivered(surface: string, messages: number, bytes: number): void
  ephemeral(what: 'sent' | 'heard' | 'dropped'): void
  keySet(outcome: 'stored' | 'refused' | 'failed'): void
  sweep(documents: number, behind: number, seconds: number): void
  resubscribed(channels: number): void
  redisConnect(result: 'connected' | 'failed'): void
  publishLost(why: 'away' | 'full' | 'refused', messages: number): void
  lease(result: 'renewed' | 'removed' | 'failed'): void
  /** Another node was removed, because its lease had lapsed. */
  lapsedNode(): void
  connectionAccepted(surface: string): void
  /** A handshake was refused; the reason is a limit's name or one of a few words. */
  connectionRefused(surface: string, reason: string): void
  connectionClosed(surface: string, by: 'server' | 'client', code: number): void
  /** Connections were cut at the end of a drain. */
  drainCut(connections: number): void
  /** A limit was hit; the name is the setting's. */
  limit(name: string): void
  /** An error answered or a connection closed in the protocol's own terms. */
  protocolError(surface: string, code: string): void
  /** Authentication judged a client. */
  admission(
    surface: string,
    outcome: 'granted' | 'unauthenticated' | 'forbidden' | 'unavailable',
  ): void
  permissionChange(
    surface: string,
    change: 'revoked' | 'forbidden' | 'unavailable' | 'changed',
  ): void
  authQuestion(source: 'cache' | 'shared' | 'asked' | 'dropped'): void
  authRequest(to: 'hook' | 'jwks', result: 'answered' | 'failed', seconds: number): void
  /** One attempt to tell the application of a document. */
  callback(surface: string, outcome: 'told' | 'retried' | 'given_up', seconds: number): void
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
  /** A figure that is read when somebody asks: one number, or one for each value of its label. */
  gauge(name: GaugeName, read: () => number | Readonly<Record<string, number>>): void
}
