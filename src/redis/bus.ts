/**
 * The fan-out between nodes through Redis. The port and its promises: `core/ports.ts`; its twin: `local/bus.ts`.
 * Messages go publisher → server → subscriber (`link.ts`); on a cluster there is a link to each master (`shards.ts`).
 */
import { randomBytes } from 'node:crypto'
import { makeChannels } from '../core/channels.ts'
import type { Log } from '../core/log.ts'
import type { Meter } from '../core/meter.ts'
import type { Bus, BusStatus, Clock, GapCause } from '../core/ports.ts'
import { makeLink } from './link.ts'
import type { Link } from './link.ts'
import { makeLosses } from './losses.ts'
import type { LossReason } from './publisher.ts'
import { makeShards } from './shards.ts'
import { classic, sharded } from './verbs.ts'

export interface RedisBusOptions {
  /** redis:// or rediss://, with username, password and database if need be; any node of a cluster. */
  readonly url: string
  /** What all channels begin with on Redis: `<REDIS_PREFIX><cluster id>:`. */
  readonly prefix: string
  readonly meter: Pick<Meter, 'gauge' | 'resubscribed' | 'redisConnect' | 'publishLost'>
  readonly log: Log
  readonly clock: Clock
  /** 2 for servers and proxies that get RESP3 wrong; default 3. */
  readonly protocol?: 2 | 3
}

/** Channels of the bus itself. */
const PROBE = 'probe:'
const LOST = 'lost'

/** Connects in the background and for ever; `status` is `down` until probes are heard. */
export function makeRedisBus(options: RedisBusOptions): Bus {
  const { prefix, meter, log, clock } = options
  const id = randomBytes(8).toString('hex')
  const channels = makeChannels(log)
  const gapListeners: ((cause: GapCause) => void)[] = []
  const statusListeners: ((status: BusStatus) => void)[] = []
  const server = { url: options.url, ...(options.protocol && { protocol: options.protocol }) }
  const now = (): number => clock.now()
  let status: BusStatus = 'down'
  let isClosed = false

  const losses = makeLosses({
    id,
    now,
    tell: async (message) =>
      (await shards.linkOf(prefix + LOST)?.ask(prefix + LOST, message)) ?? false,
    onGap: () => tellGap('unpublished'),
  })
  const shards = makeShards({
    ...{ server, log, makeLink: linkTo, onChange: judge },
    onGap: () => tellGap('reconnect'),
  })
  void shards.want(prefix + LOST) // never rejects
  gauges()

  function linkTo(url: string, tag: string | undefined): Link {
    return makeLink({
      server: { ...server, url },
      name: prefix,
      verbs: tag === undefined ? classic : sharded,
      probeChannel: `${prefix}${PROBE}${id}${tag === undefined ? '' : `:{${tag}}`}`,
      log,
      now,
      hear,
      onGap: tellGap,
      onResubscribed: (count) => meter.resubscribed(count),
      onConnect: (result) => meter.redisConnect(result),
      onStatus(is) {
        if (is !== 'up') shards.doubt()
        judge()
      },
      onMoved: (what) => (what === 'channel' ? shards.moved(url) : shards.doubt()),
      lost: countLost,
    })
  }

  function hear(channel: string, message: Buffer): void {
    const name = channel.slice(prefix.length)
    if (name === LOST) losses.heard(message)
    else channels.deliver(name, message)
  }

  function tellGap(cause: GapCause): void {
    if (!isClosed) for (const listener of gapListeners) listener(cause)
  }

  /** As bad as its worst link. */
  function judge(): void {
    const all = new Set(shards.links.map((link) => link.status))
    const isDown = !shards.isComplete || all.has('down')
    const is = isDown ? 'down' : all.has('deaf') ? 'deaf' : 'up'
    if (is === status || isClosed) return
    status = is
    for (const listener of statusListeners) listener(is)
  }

  function countLost(messages: number, why: LossReason): void {
    meter.publishLost(why, messages)
    losses.lost(why === 'away')
  }

  function gauges(): void {
    const since = now()
    meter.gauge('redis_probe_age_seconds', () => {
      const heard = shards.links.map((link) => link.heardAt ?? since)
      return (now() - Math.min(now(), ...heard)) / 1000
    })
    meter.gauge('redis_channels', () => channels.size)
    meter.gauge('redis_servers', () => {
      const count = { up: 0, deaf: 0, down: 0 }
      for (const link of shards.links) count[link.status] += 1
      return count
    })
    meter.gauge('redis_publish_waiting_bytes', () =>
      shards.links.reduce((sum, { waitingBytes }) => sum + waitingBytes, 0),
    )
  }

  return {
    async subscribe(channel, hear) {
      if (isClosed) return
      channels.add(channel, hear)
      await shards.want(prefix + channel)
    },
    unsubscribe(channel, hear) {
      if (channels.remove(channel, hear)) shards.unwant(prefix + channel)
    },
    publish(channel, message) {
      if (isClosed) return
      const name = prefix + channel
      const link = shards.linkOf(name)
      if (link) link.publish(name, message)
      else countLost(1, 'away')
    },
    get status() {
      return status
    },
    onGap: (listener) => void gapListeners.push(listener),
    onStatus: (listener) => void statusListeners.push(listener),
    async close() {
      isClosed = true
      losses.close()
      await shards.close()
    },
  }
}
