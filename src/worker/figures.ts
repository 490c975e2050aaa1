/** Figures that a worker gives of what its parts do not count themselves. */
import type { Meter } from '../core/meter.ts'
import type { LaneName, Lane, Pools } from '../postgres/pool.ts'

export function watchPools(meter: Meter, pools: Pools): void {
  const { appends, alone, reads, others } = pools
  const lanes: Readonly<Record<LaneName, Lane>> = { appends, alone, reads, others }
  const each = (of: (lane: Lane) => number) => () =>
    Object.fromEntries(Object.entries(lanes).map(([name, lane]) => [name, of(lane)]))
  meter.gauge(
    'postgres_waiting',
    each(({ waiting }) => waiting),
  )
  meter.gauge(
    'postgres_connections',
    each(({ connections }) => connections.open),
  )
  meter.gauge(
    'postgres_connections_in_use',
    each(({ connections }) => connections.inUse),
  )
  meter.gauge(
    'postgres_connections_limit',
    each(({ connections }) => connections.limit),
  )
}
