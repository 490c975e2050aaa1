/** The fan-out between nodes through Redis. The port and its promises: `core/ports.ts`; its twin: `local/bus.ts`. */
import { randomBytes } from 'node:crypto'
import type { Meter } from '../core/meter.ts'
import type { Bus, BusStatus, Clock } from '../core/ports.ts'
import { makeChannels } from '../core/channels.ts'
import { makeLink } from './link.ts'
import type { Log } from '../core/log.ts'
import type { LossReason } from './publisher.ts'

export interface RedisBusOptions {
  /** redis:// or rediss://, with username, password and database if need be. */
  readonly url: string
  /** What all channels begin with on Redis: `<REDIS_PREFIX><cluster id>:`. */
  readonly prefix: string
  readonly meter: Pick<Meter, 'gauge' | 'resubscribed'>
  readonly log: Log
  readonly clock: Clock
  /** 2 for servers and proxies that get RESP3 wrong; default 3. */
  readonly protocol?: 2 | 3
}

/** Channels in one SUBSCRIBE: a longer command keeps the server from its other clients. */
const BATCH = 512

const single = {
  publish: 'publish',
  subscribe: 'subscribe',
  unsubscribe: 'unsubscribe',
  event: 'messageBuffer',
  batches: inBatches,
} as const

/** Connects in the background and for ever; `status` is `down` until the first probe is heard. */
export function makeRedisBus(options: RedisBusOptions): Bus {
  const { prefix, meter, log, clock } = options
  const channels = makeChannels(log)
  const listeners = { gap: [] as (() => void)[], status: [] as ((status: BusStatus) => void)[] }
  const lost = { away: 0, full: 0, refused: 0 }
  let isClosed = false

  const link = makeLink({
    server: { url: options.url, ...(options.protocol && { protocol: options.protocol }) },
    name: prefix,
    verbs: single,
    probeChannel: `${prefix}probe:${randomBytes(8).toString('hex')}`,
    log,
    now: () => clock.now(),
    hear: (channel, message) => channels.deliver(channel.slice(prefix.length), message),
    onGap: () => listeners.gap.forEach((listener) => listener()),
    onResubscribed: (count) => meter.resubscribed(count),
    onStatus: () => listeners.status.forEach((listener) => listener(link.status)),
    lost: (messages: number, why: LossReason) => void (lost[why] += messages),
  })
  gauges()

  function gauges(): void {
    meter.gauge('redis_probe_age_seconds', 'How long ago a probe was heard.', () =>
      link.heardAt === undefined ? Number.NaN : (clock.now() - link.heardAt) / 1000,
    )
    meter.gauge('redis_channels', 'Channels that this node hears.', () => channels.size)
    for (const why of ['away', 'full', 'refused'] as const) {
      const help = `Messages that were not published since the start, because Redis was ${whyNot[why]}.`
      meter.gauge(`redis_publish_lost_${why}`, help, () => lost[why])
    }
  }

  return {
    async subscribe(channel, hear) {
      if (isClosed) return
      channels.add(channel, hear)
      await link.want(prefix + channel)
    },
    unsubscribe(channel, hear) {
      if (channels.remove(channel, hear)) link.unwant(prefix + channel)
    },
    publish(channel, message) {
      // A copy: the bytes leave at the end of the turn, and the caller may use its buffer again at once.
      if (!isClosed) link.publish(prefix + channel, Buffer.from(message))
    },
    get status() {
      return link.status
    },
    onGap: (listener) => void listeners.gap.push(listener),
    onStatus: (listener) => void listeners.status.push(listener),
    async close() {
      isClosed = true
      await link.close()
    },
  }
}

const whyNot: Record<LossReason, string> = {
  away: 'away',
  full: 'too slow to take them',
  refused: 'not willing to take them',
}

function inBatches(channels: readonly string[]): string[][] {
  const batches: string[][] = []
  for (let at = 0; at < channels.length; at += BATCH) batches.push(channels.slice(at, at + BATCH))
  return batches
}
