/**
 * Counters and histograms as plain numbers, written out only when somebody asks. prom-client's own cost 0.2 and 0.5 µs a
 * call, which tens of thousands of appends a second would feel; these cost a look-up in a map for each label.
 */
import type { Registry } from 'prom-client'

/** What the names of all our metrics begin with. */
export const PREFIX = 'lengthwise_'

/** Known values of each label; an empty list where they are not known beforehand. */
export type Labels = Readonly<Record<string, readonly string[]>>

export interface CounterDefinition {
  readonly help: string
  readonly labels: Labels
}

export interface HistogramDefinition extends CounterDefinition {
  /** Upper bounds, ascending, without infinity. */
  readonly buckets: readonly number[]
}

export interface GaugeDefinition {
  readonly help: string
  /** One at most, and its known values. */
  readonly label?: Labels
  /** How the figures of several threads make one. */
  readonly together: 'sum' | 'max' | 'min'
}

export interface Value {
  readonly value: number
  readonly labels: Readonly<Record<string, string | number>>
  readonly metricName?: string
}

/** What a registry asks of a metric. */
export interface Metric {
  readonly name: string
  get(): Promise<{ name: string; help: string; type: string; values: Value[]; aggregator: string }>
}

export interface Counter extends Metric {
  add(amount: number, ...labels: readonly string[]): void
}

export interface Histogram extends Metric {
  observe(value: number, ...labels: readonly string[]): void
}

/** One figure, or one for each value of the label. */
export type Reading = number | Readonly<Record<string, number>>

export interface Gauge extends Metric {
  /** From now on it is read so; until then it has no value. */
  readBy(read: () => Reading): void
}

export function makeCounter(name: string, definition: CounterDefinition): Counter {
  const { help, labels } = definition
  const cells = makeCells(labels, () => ({ total: 0 }))
  return {
    name,
    add(amount, ...values) {
      cells.of(values).total += amount
    },
    get: () =>
      Promise.resolve({
        ...{ name, help, type: 'counter', aggregator: 'sum' },
        values: cells.all().map(([named, { total }]) => ({ labels: named, value: total })),
      }),
  }
}

interface Bins {
  readonly counts: Float64Array
  count: number
  sum: number
}

export function makeHistogram(name: string, definition: HistogramDefinition): Histogram {
  const { help, labels, buckets } = definition
  const cells = makeCells(labels, (): Bins => ({
    counts: new Float64Array(buckets.length),
    count: 0,
    sum: 0,
  }))
  return {
    name,
    observe(value, ...values) {
      const bins = cells.of(values)
      bins.count += 1
      bins.sum += value
      let at = 0
      while (at < buckets.length && value > buckets[at]!) at++
      if (at < buckets.length) bins.counts[at]! += 1
    },
    get: () =>
      Promise.resolve({
        ...{ name, help, type: 'histogram', aggregator: 'sum' },
        values: cells.all().flatMap(([named, bins]) => spell(name, buckets, named, bins)),
      }),
  }
}

function spell(name: string, buckets: readonly number[], labels: Named, bins: Bins): Value[] {
  let below = 0
  const spelt: Value[] = buckets.map((le, at) => {
    below += bins.counts[at]!
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: below }
  })
  spelt.push(
    { metricName: `${name}_bucket`, labels: { le: '+Inf', ...labels }, value: bins.count },
    { metricName: `${name}_sum`, labels, value: bins.sum },
    { metricName: `${name}_count`, labels, value: bins.count },
  )
  return spelt
}

type Named = Readonly<Record<string, string>>

export function makeGauge(name: string, definition: GaugeDefinition): Gauge {
  const { help, label = {}, together } = definition
  const [named = ''] = Object.keys(label)
  let read: () => Reading = () => ({})
  const values = (): Value[] => {
    const reading = read()
    if (typeof reading === 'number') return [{ labels: {}, value: reading }]
    return Object.entries(reading).map(([is, value]) => ({ labels: { [named]: is }, value }))
  }
  return {
    name,
    readBy: (by) => void (read = by),
    get: () =>
      Promise.resolve({ name, help, type: 'gauge', aggregator: together, values: values() }),
  }
}

type Branch<T> = Map<string, Branch<T> | Cell<T>>
interface Cell<T> {
  readonly named: Named
  readonly counts: T
}

/** One cell for each combination of label values; those known beforehand are there from the start, as zeros. */
function makeCells<T>(labels: Labels, make: () => T) {
  const names = Object.keys(labels)
  const all: Cell<T>[] = []
  const root: Branch<T> = new Map()
  const last = Math.max(0, names.length - 1)
  // A map for each label: to join the values to one name would make a string for every call.
  const of = (values: readonly string[]): T => {
    let branch = root
    for (let at = 0; at < last; at++) {
      const value = values[at] ?? ''
      let next = branch.get(value) as Branch<T> | undefined
      if (next === undefined) branch.set(value, (next = new Map()))
      branch = next
    }
    const value = values[last] ?? ''
    let cell = branch.get(value) as Cell<T> | undefined
    if (cell === undefined) branch.set(value, (cell = added(values)))
    return cell.counts
  }
  const added = (values: readonly string[]): Cell<T> => {
    const named = Object.fromEntries(names.map((name, at) => [name, values[at] ?? '']))
    const cell = { named, counts: make() }
    all.push(cell)
    return cell
  }
  for (const values of combinations(Object.values(labels))) of(values)
  return { of, all: () => all.map(({ named, counts }) => [named, counts] as const) }
}

function combinations(sets: readonly (readonly string[])[]): string[][] {
  return sets.reduce<string[][]>(
    (all, set) => all.flatMap((chosen) => set.map((value) => [...chosen, value])),
    [[]],
  )
}

/** prom-client's types want its classes; its code wants no more than a name and `get`. */
export function register(registry: Registry, metric: Metric): void {
  registry.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0])
}
