/**
 * Every metric of ours: name (all begin with `lengthwise_`), meaning, labels, buckets. Gauges are named where they are
 * read (`Meter.gauge`). Labels with an empty list take values that are not known beforehand.
 */
import { AggregatorRegistry, Registry } from 'prom-client'
import type { Meter } from './core/meter.ts'
import { makeMeter } from './metrics/meter.ts'
import { collectNode, tellVersion, watchEventLoop } from './metrics/process.ts'
import { makeCounter, makeHistogram, PREFIX, register } from './metrics/tally.ts'
import type {
  Counter,
  CounterDefinition,
  Histogram,
  HistogramDefinition,
  Metric,
} from './metrics/tally.ts'

/** Seconds, from an answer out of memory to an append's deadline. */
// prettier-ignore
const latency = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
// prettier-ignore
const outcome = ['stored', 'conflict', 'conflict_memory', 'checked', 'denied', 'missing', 'unavailable', 'unknown']
const result = ['committed', 'lost', 'retry', 'rejected']
const repair = ['gap', 'announced', 'conflict', 'sweep', 'reconnect', 'join']
const source = ['cache', 'shared', 'store']
const fold = ['minor', 'major']

// One line each: it reads as the table that it is.
// prettier-ignore
export const counters = {
  appends_total: { help: 'Appends answered; conflict_memory are those refused without a statement, checked are empty ones refused, which only asked for the length.', labels: { surface: [], outcome } },
  append_statements_total: { help: 'Append statements, by how they ended.', labels: { result } },
  appends_busy_total: { help: 'Appends whose row somebody held, sent again alone.', labels: {} },
  appends_in_doubt_total: { help: 'Appends whose commit was cut off, by what had become of them.', labels: { resolved: ['stored', 'conflict', 'unknown'] } },
  frames_sent_total: { help: 'Frames published for other nodes.', labels: { kind: [] } },
  frames_sent_bytes_total: { help: 'Bytes of those frames.', labels: { kind: [] } },
  frames_heard_total: { help: 'Frames heard from other nodes: delivered, seen before, held because of a gap, not understood.', labels: { what: ['delivered', 'seen', 'held', 'unknown'] } },
  resubscriptions_total: { help: 'Times that the subscriptions to Redis had to be made again.', labels: {} },
  resubscribed_channels_total: { help: 'Channels subscribed to again.', labels: {} },
  repairs_total: { help: 'Times that a follower had missed bytes and read them from Postgres.', labels: { cause: repair } },
  repaired_bytes_total: { help: 'Bytes that followers had missed.', labels: { cause: repair } },
  sweeps_total: { help: 'Sweep queries.', labels: {} },
  swept_documents_total: { help: 'Documents that sweeps looked at.', labels: {} },
  swept_behind_total: { help: 'Documents that sweeps found behind.', labels: {} },
  catch_ups_total: { help: 'Sessions given bytes from the log rather than live.', labels: { cause: ['join', 'behind'] } },
  catch_up_bytes_total: { help: 'Bytes given to those sessions.', labels: { cause: ['join', 'behind'] } },
  pages_total: { help: 'Pages of documents wanted: found in the cache, in a read under way, read from Postgres.', labels: { source } },
  page_bytes_total: { help: 'Bytes of those pages.', labels: { source } },
  delivered_messages_total: { help: 'Messages given to sessions.', labels: {} },
  delivered_bytes_total: { help: 'Bytes given to sessions.', labels: {} },
  sessions_paused_total: { help: 'Times that a session was paused because its reader is slow.', labels: {} },
  ephemeral_messages_total: { help: 'Ephemeral messages.', labels: { what: ['sent', 'heard', 'dropped'] } },
  key_sets_total: { help: 'Attempts to set a key.', labels: { outcome: ['stored', 'refused', 'failed'] } },
  limits_hit_total: { help: 'Times that a limit was hit, by its setting.', labels: { limit: [] } },
  protocol_errors_total: { help: "Errors told to clients in their protocol's own terms.", labels: { surface: [], code: [] } },
  folds_total: { help: 'Folds of rooms: minor ones join updates, major ones go through a document.', labels: { kind: fold } },
  fold_bytes_total: { help: 'Bytes that folds read and wrote.', labels: { what: ['read', 'written'] } },
  quarantined_records_total: { help: 'Records that could not be read and were put into yjs_quarantine.', labels: {} },
  awareness_messages_total: { help: 'Awareness messages of Yjs rooms given to connections.', labels: {} },
  redundant_updates_total: { help: 'Yjs updates dropped because they held nothing new, as of clients that reconnect.', labels: {} },
  updates_checked_apart_total: { help: 'Large Yjs updates that were looked at in a thread of their own.', labels: {} },
} as const satisfies Record<string, CounterDefinition>

// prettier-ignore
export const histograms = {
  append_duration_seconds: { help: "From an append's arrival to its answer.", labels: { surface: [], outcome }, buckets: latency },
  append_statement_duration_seconds: { help: 'One append statement, its commit included.', labels: { result }, buckets: latency },
  append_statement_appends: { help: 'Appends that shared one statement.', labels: {}, buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256] },
  append_to_other_node_seconds: { help: "From an append's arrival at its node to the sessions of this one; as far as the nodes' clocks agree.", labels: {}, buckets: latency },
  postgres_wait_seconds: { help: 'How long statements waited for a connection.', labels: { lane: ['appends', 'alone', 'reads', 'others'] }, buckets: latency },
  sweep_duration_seconds: { help: 'One sweep query.', labels: {}, buckets: latency },
  fold_duration_seconds: { help: 'One fold, from reading to storing.', labels: { kind: fold }, buckets: [...latency, 30, 60] },
  event_loop_delay_seconds: { help: 'How late the event loop runs a timer.', labels: {}, buckets: latency },
} as const satisfies Record<string, HistogramDefinition>

export type CounterName = keyof typeof counters
export type HistogramName = keyof typeof histograms
export type Counters = Readonly<Record<CounterName, Counter>>
export type Histograms = Readonly<Record<HistogramName, Histogram>>

/** The figures of one thread as plain data, which a worker can send to the main thread. */
export type Figures = object[]

export interface Metrics {
  readonly meter: Meter
  readonly registry: Registry
  read(): Promise<Figures>
  /** Ends what runs on a timer. */
  close(): void
}

export interface MetricsOptions {
  /** A worker leaves out what the main thread tells of the whole process. */
  readonly thread?: 'main' | 'worker'
  /** For `lengthwise_build_info`, told by the main thread. */
  readonly version?: string
}

export function makeMetrics({ thread = 'main', version }: MetricsOptions = {}): Metrics {
  const registry = new Registry()
  const tallies = {
    counters: eachOf(counters, (name, definition) => makeCounter(PREFIX + name, definition)),
    histograms: eachOf(histograms, (name, definition) => makeHistogram(PREFIX + name, definition)),
  }
  for (const metric of Object.values<Metric>(tallies.counters)) register(registry, metric)
  for (const metric of Object.values<Metric>(tallies.histograms)) register(registry, metric)
  collectNode(registry, thread)
  if (thread === 'main' && version !== undefined) tellVersion(registry, PREFIX, version)
  const stopWatching = watchEventLoop(tallies.histograms.event_loop_delay_seconds)
  return {
    meter: makeMeter(tallies.counters, tallies.histograms, registry),
    registry,
    read: () => registry.getMetricsAsJSON(),
    close: stopWatching,
  }
}

function eachOf<Name extends string, From, To>(
  table: Readonly<Record<Name, From>>,
  make: (name: Name, definition: From) => To,
): Record<Name, To> {
  const names = Object.keys(table) as Name[]
  return Object.fromEntries(names.map((name) => [name, make(name, table[name])])) as Record<
    Name,
    To
  >
}

/** One page for Prometheus out of all threads' figures: counters and buckets are summed. */
export async function mergeFigures(figures: readonly Figures[]): Promise<string> {
  return await AggregatorRegistry.aggregate([...figures]).metrics()
}

export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE
