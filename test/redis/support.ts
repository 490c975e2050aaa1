import { makeRedisBus } from '../../src/redis/bus.ts'
import type { RedisBusOptions } from '../../src/redis/bus.ts'
import type { Log } from '../../src/core/log.ts'
import type { Meter } from '../../src/core/meter.ts'
import type { Bus } from '../../src/core/ports.ts'
import { until } from '../support/wait.ts'

const nothing = (): void => undefined
export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing }

/** Keeps the gauges that were registered and the calls that a bus makes; everything else of a meter is not for it. */
export interface BusMeter extends Pick<
  Meter,
  'gauge' | 'resubscribed' | 'redisConnect' | 'publishLost'
> {
  read(gauge: string): unknown
  readonly lost: Record<'away' | 'full' | 'refused', number>
  readonly resubscriptions: number[]
}

export function makeBusMeter(): BusMeter {
  const gauges = new Map<string, () => unknown>()
  const lost = { away: 0, full: 0, refused: 0 }
  const resubscriptions: number[] = []
  return {
    gauge: (name, read) => void gauges.set(name, read),
    resubscribed: (channels) => void resubscriptions.push(channels),
    redisConnect: nothing,
    publishLost: (why, messages) => void (lost[why] += messages),
    read: (name) => gauges.get(name)?.(),
    lost,
    resubscriptions,
  }
}

export type TestBus = Bus & AsyncDisposable & { readonly meter: BusMeter }

/** A Redis bus that is up, unless `waitFor` says otherwise. */
export async function startBus(
  options: Pick<RedisBusOptions, 'url' | 'prefix'> & Partial<RedisBusOptions>,
  waitForUp = true,
): Promise<TestBus> {
  const meter = makeBusMeter()
  const clock = { now: () => performance.now() }
  const bus = makeRedisBus({ log: silentLog, clock, ...options, meter })
  if (waitForUp) await until('the bus is up', () => bus.status === 'up')
  return Object.assign(bus, { meter, [Symbol.asyncDispose]: () => bus.close() })
}
