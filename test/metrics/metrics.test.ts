import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { counters, histograms, makeMetrics, mergeFigures } from '../../src/metrics.ts'
import type { Metrics, MetricsOptions } from '../../src/metrics.ts'
import { limitNames } from '../../src/socket/limits.ts'
import { until } from '../support/wait.ts'

function make(options: MetricsOptions = {}): Metrics & Disposable {
  const metrics = makeMetrics(options)
  return { ...metrics, [Symbol.dispose]: () => metrics.close() }
}

async function page(...all: readonly Metrics[]): Promise<string[]> {
  const text = await mergeFigures(await Promise.all(all.map((each) => each.read())))
  return text.split('\n')
}

function valueOf(lines: readonly string[], series: string): number {
  const line = lines.find((each) => each.startsWith(`${series} `))
  return line === undefined ? Number.NaN : Number(line.slice(series.length + 1))
}

test('names follow the conventions of Prometheus', () => {
  for (const [name, { help }] of Object.entries({ ...counters, ...histograms })) {
    expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/)
    expect(help, name).toMatch(/\.$/)
  }
  for (const name of Object.keys(counters)) expect(name).toMatch(/_total$/)
  for (const name of Object.keys(histograms)) expect(name).toMatch(/_(seconds|appends)$/)
  for (const { buckets } of Object.values(histograms)) {
    expect([...buckets].sort((one, other) => one - other)).toEqual(buckets)
  }
})

test('limits that the sockets hit are known beforehand: their series begin at zero', () => {
  const { limit } = counters.limits_hit_total.labels
  expect(Object.values(limitNames).filter((name) => !limit.includes(name))).toEqual([])
})

test('every call of the meter is counted under its own name', async () => {
  using metrics = make({ version: '1.2.3' })
  const { meter } = metrics
  meter.append('zwibbler', 'stored', 0.002)
  meter.batch(5, 0.001, 'committed')
  meter.busy()
  meter.inDoubt('stored')
  meter.frameSent('chunk', 100)
  meter.frameHeard('held')
  meter.repaired('gap', 7)
  meter.caughtUp('join', 11)
  meter.page('cache', 13)
  meter.paused()
  meter.delivered('yjs', 3, 300)
  meter.ephemeral('dropped')
  meter.keySet('refused')
  meter.sweep(17, 2, 0.003)
  meter.resubscribed(19)
  meter.limit('MAX_APPEND')
  meter.protocolError('zwibbler', 'invalid "offset"')
  meter.gauge('sessions', () => 23)
  const lines = await page(metrics)
  const expected = {
    'lengthwise_appends_total{surface="zwibbler",outcome="stored"}': 1,
    'lengthwise_append_duration_seconds_count{surface="zwibbler",outcome="stored"}': 1,
    'lengthwise_append_statements_total{result="committed"}': 1,
    'lengthwise_append_statement_duration_seconds_sum{result="committed"}': 0.001,
    lengthwise_append_statement_appends_sum: 5,
    lengthwise_appends_busy_total: 1,
    'lengthwise_appends_in_doubt_total{resolved="stored"}': 1,
    'lengthwise_frames_sent_total{kind="chunk"}': 1,
    'lengthwise_frames_sent_bytes_total{kind="chunk"}': 100,
    'lengthwise_frames_heard_total{what="held"}': 1,
    'lengthwise_repairs_total{cause="gap"}': 1,
    'lengthwise_repaired_bytes_total{cause="gap"}': 7,
    'lengthwise_catch_ups_total{cause="join"}': 1,
    'lengthwise_catch_up_bytes_total{cause="join"}': 11,
    'lengthwise_pages_total{source="cache"}': 1,
    'lengthwise_page_bytes_total{source="cache"}': 13,
    lengthwise_sessions_paused_total: 1,
    'lengthwise_delivered_messages_total{surface="yjs"}': 3,
    'lengthwise_delivered_bytes_total{surface="yjs"}': 300,
    'lengthwise_ephemeral_messages_total{what="dropped"}': 1,
    'lengthwise_key_sets_total{outcome="refused"}': 1,
    lengthwise_sweeps_total: 1,
    lengthwise_swept_documents_total: 17,
    lengthwise_swept_behind_total: 2,
    lengthwise_sweep_duration_seconds_sum: 0.003,
    lengthwise_resubscriptions_total: 1,
    lengthwise_resubscribed_channels_total: 19,
    'lengthwise_limits_hit_total{limit="MAX_APPEND"}': 1,
    'lengthwise_protocol_errors_total{surface="zwibbler",code="invalid \\"offset\\""}': 1,
    lengthwise_sessions: 23,
    'lengthwise_build_info{version="1.2.3"}': 1,
  }
  const found = Object.keys(expected).map((series) => [series, valueOf(lines, series)])
  expect(Object.fromEntries(found)).toEqual(expected)
})

test('what is known beforehand is there as a zero before it happens', async () => {
  using metrics = make()
  const lines = await page(metrics)
  expect(valueOf(lines, 'lengthwise_repairs_total{cause="sweep"}')).toBe(0)
  expect(valueOf(lines, 'lengthwise_appends_busy_total')).toBe(0)
  expect(valueOf(lines, 'lengthwise_sweep_duration_seconds_count')).toBe(0)
})

test('a value on a bound of a bucket belongs to it; one above all bounds is only counted', async () => {
  using metrics = make()
  for (const appends of [1, 2, 3, 256, 300]) metrics.meter.batch(appends, 0, 'committed')
  const lines = await page(metrics)
  const upTo = (le: string) =>
    valueOf(lines, `lengthwise_append_statement_appends_bucket{le="${le}"}`)
  expect(['1', '2', '4', '128', '256', '+Inf'].map(upTo)).toEqual([1, 2, 3, 3, 4, 5])
})

test('figures of several threads are summed exactly, the process is told of once', async () => {
  using main = make({ version: '1' })
  using one = make({ thread: 'worker' })
  using other = make({ thread: 'worker' })
  const big = 2 ** 52
  one.meter.delivered('yjs', 3, big)
  other.meter.delivered('yjs', 4, big - 1)
  one.meter.append('zwibbler', 'stored', 0.25)
  other.meter.append('zwibbler', 'stored', 0.75)
  one.meter.gauge('redis_up', () => 1)
  other.meter.gauge('redis_up', () => 0)
  one.meter.gauge('redis_probe_age_seconds', () => 2)
  other.meter.gauge('redis_probe_age_seconds', () => 9)
  one.meter.gauge('sessions', () => 20)
  other.meter.gauge('sessions', () => 22)
  const lines = await page(main, one, other)
  expect(valueOf(lines, 'lengthwise_delivered_messages_total{surface="yjs"}')).toBe(7)
  expect(valueOf(lines, 'lengthwise_delivered_bytes_total{surface="yjs"}')).toBe(2 * big - 1)
  const stored = '{surface="zwibbler",outcome="stored"}'
  expect(valueOf(lines, `lengthwise_append_duration_seconds_sum${stored}`)).toBe(1)
  expect(valueOf(lines, `lengthwise_append_duration_seconds_count${stored}`)).toBe(2)
  expect(valueOf(lines, 'lengthwise_redis_up')).toBe(0)
  expect(valueOf(lines, 'lengthwise_redis_probe_age_seconds')).toBe(9)
  expect(valueOf(lines, 'lengthwise_sessions')).toBe(42)
  expect(valueOf(lines, 'lengthwise_build_info{version="1"}')).toBe(1)
  const resident = valueOf(lines, 'process_resident_memory_bytes')
  expect(Math.abs(resident - process.memoryUsage.rss())).toBeLessThan(64 * 2 ** 20)
})

test('the page of several threads says when the process started', async () => {
  using main = make()
  using worker = make({ thread: 'worker' })
  const started = valueOf(await page(main, worker), 'process_start_time_seconds')
  expect(Math.abs(started - (Date.now() / 1_000 - process.uptime()))).toBeLessThan(5)
})

test('figures survive the way between threads', async () => {
  using metrics = make()
  metrics.meter.delivered('yjs', 5, 50)
  const echo = `const { parentPort, workerData } = require('node:worker_threads')
    parentPort.postMessage(workerData)`
  const worker = new Worker(echo, { eval: true, workerData: await metrics.read() })
  const back = await new Promise<object[]>((resolve) => worker.once('message', resolve))
  expect((await mergeFigures([back])).split('\n')).toContain(
    'lengthwise_delivered_bytes_total{surface="yjs"} 50',
  )
})

test('a blocked event loop is seen', async () => {
  using metrics = make()
  const late = async () => {
    const lines = await page(metrics)
    const count = valueOf(lines, 'lengthwise_event_loop_delay_seconds_count')
    return count - valueOf(lines, 'lengthwise_event_loop_delay_seconds_bucket{le="0.1"}')
  }
  await until('the loop has turned', async () => {
    const count = 'lengthwise_event_loop_delay_seconds_count'
    return valueOf(await page(metrics), count) > 0
  })
  const before = await late()
  const end = performance.now() + 200
  while (performance.now() < end);
  await until('a delay above 100 ms is counted', async () => (await late()) > before)
})
