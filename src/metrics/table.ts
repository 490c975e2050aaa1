/**
 * Every metric of ours, in one table: name (all begin with `lengthwise_`), meaning, labels, buckets, and for gauges how the
 * threads of one process make one figure. `deploy/docs/metrics.md` says of each what it means and when it is bad.
 */
import type { GaugeName } from '../core/meter.ts'
import type { CounterDefinition, GaugeDefinition, HistogramDefinition } from './tally.ts'

/** Seconds, from an answer out of memory to an append's deadline. */
// prettier-ignore
const latency = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const surface = ['zwibbler', 'yjs']
// prettier-ignore
const outcome = ['stored', 'conflict', 'conflict_memory', 'checked', 'denied', 'missing', 'unavailable', 'unknown']
const result = ['committed', 'lost', 'retry', 'rejected']
const repair = [
  'gap',
  'announced',
  'conflict',
  'sweep',
  'reconnect',
  'probe',
  'unpublished',
  'join',
]
const source = ['cache', 'shared', 'store']
const fold = ['minor', 'major']
const kind = ['chunk', 'empty', 'keys', 'ephemeral', 'control']
const lane = ['appends', 'alone', 'reads', 'others']
// prettier-ignore
const limit = [
  'MAX_CONNECTIONS', 'MAX_HANDSHAKES', 'MAX_CONNECTIONS_PER_ADDRESS', 'MAX_HANDSHAKES_PER_ADDRESS', 'MAX_CONNECTIONS_PER_USER', 'HANDSHAKE_MS', 'MAX_MESSAGES', 'MAX_BYTES_PER_SECOND', 'MAX_MESSAGE_BYTES',
  'MAX_BODY_BYTES', 'BODY_MS', 'MAX_UNANSWERED', 'append_queue', 'MAX_APPEND', 'MAX_INITIAL', 'MAX_DOCUMENT', 'MAX_BROADCAST',
  'MAX_KEYS', 'MAX_KEY_BYTES', 'YJS_MAX_UPDATE', 'YJS_MAX_ROOM', 'YJS_MAX_CONNECTIONS_PER_ROOM', 'YJS_MAX_UPDATES',
  'YJS_MAX_AWARENESS_MESSAGES',
]
// prettier-ignore
const closeCode = ['1000', '1001', '1002', '1005', '1006', '1007', '1008', '1009', '1012', '1013', '4401', '4403', '4404', '4413', 'other']
// prettier-ignore
const refused = ['malformed', 'draining', 'origin', 'MAX_CONNECTIONS', 'MAX_HANDSHAKES', 'MAX_CONNECTIONS_PER_ADDRESS', 'MAX_HANDSHAKES_PER_ADDRESS', 'surface']
const joined = ['joined', 'refused', 'abandoned', 'failed']

// One line each: it reads as the table that it is.
// prettier-ignore
export const counters = {
  appends_total: { help: 'Appends answered; conflict_memory are those refused without a statement, checked are empty ones refused, which only asked for the length.', labels: { surface, outcome } },
  append_statements_total: { help: 'Append statements, by how they ended.', labels: { result } },
  appends_busy_total: { help: 'Appends whose row somebody held, sent again alone.', labels: {} },
  appends_in_doubt_total: { help: 'Appends whose commit was cut off, by what had become of them.', labels: { resolved: ['stored', 'conflict', 'unknown'] } },
  received_messages_total: { help: 'Messages that clients sent.', labels: { surface } },
  received_bytes_total: { help: 'Bytes of those messages.', labels: { surface } },
  delivered_messages_total: { help: 'Appends of others given to sessions live.', labels: { surface } },
  delivered_bytes_total: { help: 'Bytes of those appends.', labels: { surface } },
  catch_ups_total: { help: 'Pieces of the log given to sessions that were not live: they joined, or were behind because they read slowly or something was missed.', labels: { cause: ['join', 'behind'] } },
  catch_up_bytes_total: { help: 'Bytes of those pieces.', labels: { cause: ['join', 'behind'] } },
  sessions_paused_total: { help: 'Times that a session was paused because its reader is slow.', labels: {} },
  frames_sent_total: { help: 'Frames published for other nodes.', labels: { kind } },
  frames_sent_bytes_total: { help: 'Bytes of those frames.', labels: { kind } },
  frames_received_total: { help: 'Frames that came from other nodes.', labels: { kind } },
  frames_received_bytes_total: { help: 'Bytes of those frames.', labels: { kind } },
  frames_heard_total: { help: 'Appends in frames from other nodes: delivered, dropped as seen before, held because of a gap; unknown are frames not understood.', labels: { what: ['delivered', 'seen', 'held', 'unknown'] } },
  repairs_total: { help: 'Times that a follower had missed bytes and read them from Postgres.', labels: { cause: repair } },
  repaired_bytes_total: { help: 'Bytes that followers had missed.', labels: { cause: repair } },
  sweeps_total: { help: 'Sweep queries.', labels: {} },
  swept_documents_total: { help: 'Documents that sweeps looked at.', labels: {} },
  swept_behind_total: { help: 'Documents that sweeps found behind.', labels: {} },
  pages_total: { help: 'Pages of documents wanted: found in the cache, in a read under way, read from Postgres.', labels: { source } },
  page_bytes_total: { help: 'Bytes of pages read from Postgres.', labels: { source } },
  ephemeral_messages_total: { help: 'Ephemeral messages.', labels: { what: ['sent', 'heard', 'dropped'] } },
  key_sets_total: { help: 'Attempts to set a key.', labels: { outcome: ['stored', 'refused', 'failed'] } },
  connections_accepted_total: { help: 'WebSockets opened.', labels: { surface } },
  connections_refused_total: { help: 'WebSocket handshakes refused; surface: by its authentication, which admissions tell more of.', labels: { surface, reason: refused } },
  connections_closed_total: { help: 'WebSockets closed, by whom and with which close code.', labels: { surface, by: ['server', 'client'], code: closeCode } },
  drain_cut_connections_total: { help: 'WebSockets that were cut because the drain time was over.', labels: {} },
  limits_hit_total: { help: 'Times that a limit was hit, by its setting.', labels: { limit } },
  protocol_errors_total: { help: "Errors told to clients in their protocol's own terms.", labels: { surface: [], code: [] } },
  admissions_total: { help: 'Clients judged by authentication.', labels: { surface, outcome: ['granted', 'unauthenticated', 'forbidden', 'unavailable'] } },
  permission_changes_total: { help: 'Changes of permissions told to open connections.', labels: { surface, change: ['revoked', 'forbidden', 'unavailable', 'changed'] } },
  auth_questions_total: { help: 'Questions for AUTH_HOOK_URL: answered out of the cache, shared with one under way, asked, or dropped because too many wait.', labels: { source: ['cache', 'shared', 'asked', 'dropped'] } },
  callbacks_total: { help: 'Attempts to tell the application of documents: told, to be tried again, given up.', labels: { surface, outcome: ['told', 'retried', 'given_up'] } },
  resubscriptions_total: { help: 'Times that the subscriptions to Redis had to be made again.', labels: {} },
  resubscribed_channels_total: { help: 'Channels subscribed to again.', labels: {} },
  redis_connects_total: { help: 'Connections to Redis made, and attempts that failed.', labels: { result: ['connected', 'failed'] } },
  redis_publish_lost_total: { help: 'Messages not published because Redis was away, too slow to take them (full) or refused them.', labels: { why: ['away', 'full', 'refused'] } },
  postgres_errors_total: { help: 'Statements that failed: no connection (away), connection lost, to be tried again (retry), rejected.', labels: { lane, code: ['away', 'lost', 'retry', 'rejected'] } },
  lease_renewals_total: { help: "Renewals of this node's lease; removed: other nodes had taken it for dead.", labels: { result: ['renewed', 'removed', 'failed'] } },
  lapsed_nodes_removed_total: { help: 'Nodes whose lease had lapsed, removed by this one.', labels: {} },
  folds_total: { help: 'Folds of rooms: minor ones join updates, major ones go through a document.', labels: { kind: fold } },
  fold_bytes_total: { help: 'Bytes that folds read and wrote.', labels: { what: ['read', 'written'] } },
  quarantined_records_total: { help: 'Records that could not be read and were put into yjs_quarantine.', labels: {} },
  awareness_messages_total: { help: 'Awareness messages of Yjs rooms given to connections.', labels: {} },
  redundant_updates_total: { help: 'Yjs updates dropped because they held nothing new, as of clients that reconnect.', labels: {} },
  updates_checked_apart_total: { help: 'Large Yjs updates that were looked at in a thread of their own.', labels: {} },
} as const satisfies Record<string, CounterDefinition>

// prettier-ignore
export const histograms = {
  append_duration_seconds: { help: "From an append's arrival to its answer.", labels: { surface, outcome }, buckets: latency },
  append_statement_duration_seconds: { help: 'One append statement, its commit included.', labels: { result }, buckets: latency },
  append_statement_appends: { help: 'Appends that shared one statement.', labels: {}, buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256] },
  append_to_other_node_seconds: { help: "From an append's arrival at its node to the sessions of this one; as far as the nodes' clocks agree.", labels: {}, buckets: latency },
  join_duration_seconds: { help: 'From the wish to join a document to its session.', labels: { surface, outcome: joined }, buckets: latency },
  postgres_wait_seconds: { help: 'How long statements waited for a connection.', labels: { lane }, buckets: latency },
  postgres_use_seconds: { help: 'How long a connection was used for one statement or transaction.', labels: { lane }, buckets: latency },
  sweep_duration_seconds: { help: 'One sweep query.', labels: {}, buckets: latency },
  fold_duration_seconds: { help: 'One fold, from reading to storing.', labels: { kind: fold }, buckets: [...latency, 30, 60] },
  callback_duration_seconds: { help: 'One attempt to tell the application, making the body included.', labels: { surface }, buckets: [...latency, 30, 60] },
  auth_request_duration_seconds: { help: 'One request to AUTH_HOOK_URL or AUTH_JWKS_URL.', labels: { to: ['hook', 'jwks'], result: ['answered', 'failed'] }, buckets: latency },
  event_loop_delay_seconds: { help: 'How late the event loop runs a timer.', labels: {}, buckets: latency },
} as const satisfies Record<string, HistogramDefinition>

/** What a process is, its threads taken together: amounts add up, but it is as late as its latest, and up when all are. */
// prettier-ignore
export const gauges = {
  connections: { help: 'Open WebSockets.', label: { surface }, together: 'sum' },
  connections_handshaking: { help: 'Those of them that have not joined yet.', together: 'sum' },
  connections_limit: { help: 'How many WebSockets this node lets in (MAX_CONNECTIONS).', together: 'sum' },
  sockets_buffered_bytes: { help: 'Bytes that wait in the buffers of WebSockets.', together: 'sum' },
  sockets_half_full: { help: 'WebSockets whose buffer is over half of what makes it full.', together: 'sum' },
  sockets_full: { help: 'WebSockets whose buffer is full.', together: 'sum' },
  sessions: { help: 'Sessions on this node.', label: { surface }, together: 'sum' },
  sessions_paused: { help: 'Sessions whose reader is too slow just now.', label: { surface }, together: 'sum' },
  sessions_behind_bytes: { help: 'Committed bytes that sessions have not been given yet.', together: 'sum' },
  sessions_behind_most_bytes: { help: 'The same of the session that is furthest behind.', together: 'max' },
  documents_open: { help: 'Documents with sessions on this node.', label: { surface }, together: 'sum' },
  followers: { help: 'Documents followed on this node; those that somebody is just joining included.', together: 'sum' },
  cache_bytes: { help: 'Bytes of log pages kept in memory.', together: 'sum' },
  append_queue: { help: 'Appends that wait for a statement or its answer.', together: 'sum' },
  append_queue_bytes: { help: 'Bytes of those appends.', together: 'sum' },
  redis_up: { help: 'Whether this node hears Redis: 1, or 0 in Redis-less mode and while deaf.', together: 'min' },
  redis_servers: { help: 'Redis servers that this node is connected to, by whether it hears them.', label: { status: ['up', 'deaf', 'down'] }, together: 'sum' },
  redis_probe_age_seconds: { help: 'How long ago a probe was heard last.', together: 'max' },
  redis_channels: { help: 'Channels that this node hears.', together: 'sum' },
  redis_publish_waiting_bytes: { help: 'Bytes published that Redis has not answered yet.', together: 'sum' },
  postgres_waiting: { help: 'Statements that wait for a connection.', label: { lane }, together: 'sum' },
  postgres_connections: { help: 'Connections to Postgres.', label: { lane }, together: 'sum' },
  postgres_connections_in_use: { help: 'Those of them that are in use.', label: { lane }, together: 'sum' },
  postgres_connections_limit: { help: 'How many connections there may be.', label: { lane }, together: 'sum' },
  lease_age_seconds: { help: "How long ago this node's lease was renewed last.", together: 'max' },
  lease_limit_seconds: { help: 'How old it may be: then other nodes take this one for dead (LEASE_MS).', together: 'max' },
  nodes_alive: { help: 'Nodes with a lease, as this one saw it last; each worker is one.', together: 'max' },
  ready: { help: 'Whether this node is ready, as /readyz says.', together: 'min' },
  not_ready: { help: 'Whether this keeps the node from being ready.', label: { reason: ['starting', 'schema_old', 'draining', 'postgres_away', 'redis_deaf', 'overloaded', 'worker_stuck'] }, together: 'max' },
  heap_used_ratio: { help: 'How much of its heap limit the fullest thread uses, from 0 to 1.', together: 'max' },
  memory_limit_bytes: { help: "Memory that the process may have: its container's limit, else all that the machine has.", together: 'max' },
  drain_phase: { help: 'Which phase the node is in: 1 for that one.', label: { phase: ['serving', 'noticing', 'closing', 'finishing'] }, together: 'max' },
  drain_connections_left: { help: 'WebSockets still to be closed while draining; 0 otherwise.', together: 'sum' },
  drain_age_seconds: { help: 'How long ago the node began to leave; 0 while it does not.', together: 'max' },
  drain_limit_seconds: { help: 'How long leaving takes at most: DRAIN_NOTICE_MS, DRAIN_MS and 15 s.', together: 'max' },
  workers: { help: 'Threads that serve sockets.', together: 'sum' },
  workers_late: { help: 'Threads that did not answer in time; their figures here are the last ones they gave.', together: 'sum' },
  yjs_rooms: { help: 'Yjs rooms open on this node.', together: 'sum' },
  yjs_tasks_waiting: { help: 'Folds, large updates and the like that wait for a thread.', together: 'sum' },
  tls_certificate_expiry_timestamp_seconds: { help: 'When the certificate that new connections see expires, in seconds since 1970.', together: 'min' },
} as const satisfies Record<GaugeName, GaugeDefinition>
