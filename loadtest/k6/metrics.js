/** What is counted and measured, which of it must be how, and the table at the end. */
import { Counter, Trend } from 'k6/metrics'

/** Counts of what must not be: each stops the run from passing. */
const faults = {
  changes_missing: 'missing: acknowledged, and a reader never saw them',
  changes_reordered: 'out of order',
  changes_repeated: 'seen twice',
  changes_altered: 'not the bytes that were written there',
  changes_unanswered: 'without an answer at the end',
  answers_wrong: 'answers that cannot be right',
  copies_differing: "copies that are not the document's",
}
const counts = {
  readers_complete: 'readers that saw everything',
  changes_acknowledged: 'changes acknowledged',
  changes_seen: 'changes seen by others',
  conflicts: 'conflicts: refused, rebased, sent again',
  connections_lost: 'connections lost',
  handshakes_refused: 'handshakes refused',
  updates_useless: 'Yjs updates that brought nothing new',
}
const always = Object.keys(counts).filter(
  (name) => name !== 'updates_useless' && name !== 'conflicts',
)
const times = {
  screen_to_screen: 'screen to screen',
  acknowledged_after: 'change to acknowledgement, retries included',
  joined_after: 'connecting and joining',
  back_after: 'cut to back and caught up',
  generator_late: 'this load generator late by',
}

const named = (names, make) => Object.fromEntries(names.map((name) => [name, make(name)]))

const counters = named(
  [...Object.keys(counts), ...Object.keys(faults)],
  (name) => new Counter(name),
)
const trends = named(Object.keys(times), (name) => new Trend(name, true))

export const count = (name, by = 1) => counters[name].add(by)
export const time = (name, ms) => trends[name].add(ms)

/** k6 judges no threshold of a metric that nobody has added to: what never happened must count too. */
export function touchAll(further = []) {
  for (const name of [...Object.keys(faults), ...always, ...further]) count(name, 0)
}

/** @param readers how many must see everything. @param further thresholds of one script */
export function thresholdsOf(readers, { p99, lost }, further = {}) {
  return {
    ...named(Object.keys(faults), () => ['count==0']),
    readers_complete: [`count==${readers}`],
    changes_acknowledged: ['count>0'],
    connections_lost: [`count<=${lost}`],
    screen_to_screen: [`p(99)<${p99}`],
    ...further,
  }
}

export const summaryTrendStats = ['avg', 'med', 'p(95)', 'p(99)', 'max', 'count']

/** Makes k6's `handleSummary`: a table for people, and JSON where `SUMMARY` says. */
export const makeSummary = (title) => (data) => ({
  stdout: `\n${title}\n\n${tableOf(data.metrics)}\n`,
  ...(__ENV.SUMMARY ? { [__ENV.SUMMARY]: JSON.stringify(data) } : {}),
})

function tableOf(metrics) {
  const rows = []
  for (const [name, what] of Object.entries({ ...counts, ...faults }))
    if (metrics[name])
      rows.push([what, String(metrics[name].values.count), verdictOf(metrics[name])])
  const lines = rows.map(
    ([what, number, verdict]) => `${what.padEnd(52)}${number.padStart(9)}  ${verdict}`,
  )
  lines.push('', `${''.padEnd(46)}${summaryTrendStats.map((stat) => stat.padStart(9)).join('')}`)
  for (const [name, what] of Object.entries(times)) {
    if (!(metrics[name]?.values.count > 0)) continue
    const cells = summaryTrendStats.map((stat) =>
      show(metrics[name].values[stat], stat).padStart(9),
    )
    lines.push(`${what.padEnd(46)}${cells.join('')}  ${verdictOf(metrics[name])}`.trimEnd())
  }
  return lines.map((line) => line.trimEnd()).join('\n')
}

function show(value, stat) {
  if (stat === 'count') return String(value)
  return value < 100 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`
}

function verdictOf(metric) {
  const all = Object.entries(metric?.thresholds ?? {})
  if (all.length === 0) return ''
  const failed = all.filter(([, { ok }]) => !ok).map(([text]) => text)
  return failed.length === 0 ? 'ok' : `FAILED: not ${failed.join(', ')}`
}
