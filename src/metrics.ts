/** Figures of a node for Prometheus. What there is: `metrics/table.ts`. */
import { AggregatorRegistry, Registry } from 'prom-client'
import type { Meter } from './core/meter.ts'
import { makeMeter } from './metrics/meter.ts'
import { collectNode, memoryLimit, tellVersion, watchEventLoop } from './metrics/process.ts'
import { counters, gauges, histograms } from './metrics/table.ts'
import { makeCounter, makeGauge, makeHistogram, PREFIX, register } from './metrics/tally.ts'
import type { Counter, Gauge, Histogram, Metric } from './metrics/tally.ts'

export { counters, gauges, histograms } from './metrics/table.ts'

export type CounterName = keyof typeof counters
export type HistogramName = keyof typeof histograms
export type Counters = Readonly<Record<CounterName, Counter>>
export type Histograms = Readonly<Record<HistogramName, Histogram>>
export type Gauges = Readonly<Record<keyof typeof gauges, Gauge>>

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
    gauges: eachOf(gauges, (name, definition) => makeGauge(PREFIX + name, definition)),
  }
  for (const each of Object.values<Record<string, Metric>>(tallies)) {
    for (const metric of Object.values(each)) register(registry, metric)
  }
  collectNode(registry, thread)
  if (thread === 'main') tallies.gauges.memory_limit_bytes.readBy(memoryLimit)
  if (thread === 'main' && version !== undefined) tellVersion(registry, PREFIX, version)
  const stopWatching = watchEventLoop(tallies.histograms.event_loop_delay_seconds)
  return {
    meter: makeMeter(tallies.counters, tallies.histograms, tallies.gauges),
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
