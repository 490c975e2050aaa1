/** The application's calls (`core/meter.ts`) as counts. */
import { Gauge } from 'prom-client'
import type { Aggregator, Registry } from 'prom-client'
import type { Meter } from '../core/meter.ts'
import type { Counters, Histograms } from '../metrics.ts'
import { PREFIX } from './tally.ts'

export function makeMeter(count: Counters, time: Histograms, registry: Registry): Meter {
  return {
    append(surface, outcome, seconds) {
      count.appends_total.add(1, surface, outcome)
      time.append_duration_seconds.observe(seconds, surface, outcome)
    },
    batch(appends, seconds, result) {
      count.append_statements_total.add(1, result)
      time.append_statement_duration_seconds.observe(seconds, result)
      time.append_statement_appends.observe(appends)
    },
    busy: () => count.appends_busy_total.add(1),
    inDoubt: (resolved) => count.appends_in_doubt_total.add(1, resolved),
    frameSent(kind, bytes) {
      count.frames_sent_total.add(1, kind)
      count.frames_sent_bytes_total.add(bytes, kind)
    },
    frameHeard: (what) => count.frames_heard_total.add(1, what),
    heard: (seconds) => time.append_to_other_node_seconds.observe(Math.max(0, seconds)),
    poolWait: (lane, seconds) => time.postgres_wait_seconds.observe(seconds, lane),
    repaired(cause, bytes) {
      count.repairs_total.add(1, cause)
      count.repaired_bytes_total.add(bytes, cause)
    },
    caughtUp(cause, bytes) {
      count.catch_ups_total.add(1, cause)
      count.catch_up_bytes_total.add(bytes, cause)
    },
    page(source, bytes) {
      count.pages_total.add(1, source)
      count.page_bytes_total.add(bytes, source)
    },
    paused: () => count.sessions_paused_total.add(1),
    delivered(messages, bytes) {
      count.delivered_messages_total.add(messages)
      count.delivered_bytes_total.add(bytes)
    },
    ephemeral: (what) => count.ephemeral_messages_total.add(1, what),
    keySet: (outcome) => count.key_sets_total.add(1, outcome),
    sweep(documents, behind, seconds) {
      count.sweeps_total.add(1)
      count.swept_documents_total.add(documents)
      count.swept_behind_total.add(behind)
      time.sweep_duration_seconds.observe(seconds)
    },
    resubscribed(channels) {
      count.resubscriptions_total.add(1)
      count.resubscribed_channels_total.add(channels)
    },
    limit: (name) => count.limits_hit_total.add(1, name),
    protocolError: (surface, code) => count.protocol_errors_total.add(1, surface, code),
    folded(kind, seconds, bytesIn, bytesOut) {
      count.folds_total.add(1, kind)
      count.fold_bytes_total.add(bytesIn, 'read')
      count.fold_bytes_total.add(bytesOut, 'written')
      time.fold_duration_seconds.observe(seconds, kind)
    },
    quarantined: () => count.quarantined_records_total.add(1),
    awarenessTold: () => count.awareness_messages_total.add(1),
    redundantUpdate: () => count.redundant_updates_total.add(1),
    checkedApart: () => count.updates_checked_apart_total.add(1),
    gauge(name, help, read) {
      const full = name.startsWith(PREFIX) ? name : PREFIX + name
      const collect = function (this: Gauge): void {
        this.set(read())
      }
      new Gauge({ name: full, help, registers: [registry], aggregator: togetherFor(full), collect })
    },
  }
}

/**
 * How the threads of one process make one figure: amounts add up, but a process is only up when all its threads are, and
 * as late as its latest.
 */
function togetherFor(name: string): Aggregator {
  if (name.endsWith('_up')) return 'min'
  return /_(age|lag|delay)_seconds$/.test(name) ? 'max' : 'sum'
}
