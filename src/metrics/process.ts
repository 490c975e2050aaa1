/** Figures of the process and of its threads: what Node says of itself, and how late the event loop runs. */
import { totalmem } from 'node:os'
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Histogram } from './tally.ts'

/** What belongs to one thread; everything else that Node tells is the process's, and only the main thread tells it. */
const ofThread = /^nodejs_(eventloop|heap|external|gc)/
/** Node measures these by waking up a hundred times a second. `watchEventLoop` tells more, and can be put together. */
const ofTimer = /^nodejs_eventloop_lag_(?!seconds$)/
const NEVER_MS = 2 ** 31 - 1

/** @param thread a worker leaves out what the main thread tells already, so that sums are right */
export function collectNode(registry: Registry, thread: 'main' | 'worker'): void {
  const everything = new Registry()
  collectDefaultMetrics({ register: everything, eventLoopMonitoringPrecision: NEVER_MS })
  // prom-client leaves it out where threads are put together; only the main thread has it here, and restarts are told by it.
  Object.assign(everything.getSingleMetric('process_start_time_seconds') ?? {}, {
    aggregator: 'first',
  })
  for (const metric of everything.getMetricsAsArray()) {
    const found = everything.getSingleMetric(metric.name)
    if (ofTimer.test(metric.name)) continue
    if (found !== undefined && (thread === 'main' || ofThread.test(metric.name))) {
      registry.registerMetric(found)
    }
  }
}

/** In bytes. Without a container Node says 0, or more than any machine has. */
export function memoryLimit(): number {
  return Math.min(process.constrainedMemory() || Infinity, totalmem())
}

const EVERY_MS = 50

/**
 * Observes how much later than asked a timer runs. Node's own figures are percentiles, which cannot be put together over
 * threads and nodes; a histogram can.
 * @returns ends it
 */
export function watchEventLoop(delay: Histogram): () => void {
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    delay.observe(Math.max(0, now - last - EVERY_MS) / 1_000)
    last = now
  }, EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** A constant 1 that carries the version, as other programs have it. */
export function tellVersion(registry: Registry, prefix: string, version: string): void {
  const help = 'Always 1; the label is the version.'
  const info = new Gauge({
    ...{ name: `${prefix}build_info`, help, labelNames: ['version'], registers: [registry] },
    aggregator: 'first',
  })
  info.set({ version }, 1)
}
