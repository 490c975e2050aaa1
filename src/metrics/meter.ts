/** The application's calls (`core/meter.ts`) as counts. */
import type { Meter } from '../core/meter.ts'
import type { Counters, Gauges, Histograms } from '../metrics.ts'
import { counters } from './table.ts'

const closeCodes = new Set<string>(counters.connections_closed_total.labels.code)
/** A client may say any code: what is not known is not worth a series of its own. */
const codeOf = (code: number) => (closeCodes.has(String(code)) ? String(code) : 'other')

export function makeMeter(count: Counters, time: Histograms, gauges: Gauges): Meter {
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
    received(surface, bytes) {
      count.received_messages_total.add(1, surface)
      count.received_bytes_total.add(bytes, surface)
    },
    joined: (surface, outcome, seconds) =>
      time.join_duration_seconds.observe(seconds, surface, outcome),
    frameSent(kind, bytes) {
      count.frames_sent_total.add(1, kind)
      count.frames_sent_bytes_total.add(bytes, kind)
    },
    frameReceived(kind, bytes) {
      count.frames_received_total.add(1, kind)
      count.frames_received_bytes_total.add(bytes, kind)
    },
    frameHeard: (what) => count.frames_heard_total.add(1, what),
    heard: (seconds) => time.append_to_other_node_seconds.observe(Math.max(0, seconds)),
    poolWait: (lane, seconds) => time.postgres_wait_seconds.observe(seconds, lane),
    poolUse: (lane, seconds) => time.postgres_use_seconds.observe(seconds, lane),
    postgresError: (lane, code) => count.postgres_errors_total.add(1, lane, code),
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
    delivered(surface, messages, bytes) {
      count.delivered_messages_total.add(messages, surface)
      count.delivered_bytes_total.add(bytes, surface)
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
    redisConnect: (result) => count.redis_connects_total.add(1, result),
    publishLost: (why, messages) => count.redis_publish_lost_total.add(messages, why),
    lease: (result) => count.lease_renewals_total.add(1, result),
    lapsedNode: () => count.lapsed_nodes_removed_total.add(1),
    connectionAccepted: (surface) => count.connections_accepted_total.add(1, surface),
    connectionRefused: (surface, why) => count.connections_refused_total.add(1, surface, why),
    connectionClosed: (surface, by, code) =>
      count.connections_closed_total.add(1, surface, by, codeOf(code)),
    drainCut: (connections) => count.drain_cut_connections_total.add(connections),
    limit: (name) => count.limits_hit_total.add(1, name),
    protocolError: (surface, code) => count.protocol_errors_total.add(1, surface, code),
    admission: (surface, outcome) => count.admissions_total.add(1, surface, outcome),
    permissionChange: (surface, change) => count.permission_changes_total.add(1, surface, change),
    authQuestion: (source) => count.auth_questions_total.add(1, source),
    authRequest: (to, result, seconds) =>
      time.auth_request_duration_seconds.observe(seconds, to, result),
    callback(surface, outcome, seconds) {
      count.callbacks_total.add(1, surface, outcome)
      time.callback_duration_seconds.observe(seconds, surface)
    },
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
    gauge: (name, read) => gauges[name].readBy(read),
  }
}
