/** One Redis server as the bus uses it: a connection that publishes, one that listens, and a probe that goes round. */
import type { Server } from './connection.ts'
import { makeHearing } from './hearing.ts'
import type { Hearing } from './hearing.ts'
import type { Log } from '../core/log.ts'
import { makePublisher } from './publisher.ts'
import type { LossReason, Publisher } from './publisher.ts'
import { makeSubscriber } from './subscriber.ts'
import type { Subscriber } from './subscriber.ts'
import type { Verbs } from './verbs.ts'

export interface Link
  extends Pick<Subscriber, 'want' | 'unwant'>, Pick<Publisher, 'publish' | 'ask'> {
  readonly status: Hearing['status']
  readonly heardAt: number | undefined
  /** Of messages that the server has not answered. */
  readonly waitingBytes: number
  /** Subscribes to everything anew, on a new connection. */
  renew(): void
  close(): Promise<void>
}

export interface LinkOptions {
  readonly server: Server
  readonly verbs: Verbs
  /** What its connections are called in CLIENT LIST begins so. */
  readonly name: string
  /** A channel of this link's own, on this server. */
  readonly probeChannel: string
  readonly log: Log
  now(): number
  hear(channel: string, message: Buffer): void
  /** Messages may have been lost up to now. */
  onGap(cause: 'reconnect' | 'probe'): void
  onConnect(result: 'connected' | 'failed'): void
  onResubscribed(channels: number): void
  onStatus(is: Hearing['status']): void
  /** The server has given a slot away: a channel of this link is no longer heard, or a message was not taken. */
  onMoved(what: 'channel' | 'message'): void
  lost(messages: number, why: LossReason): void
}

const PROBE_MS = 1_000
const CHECK_MS = 250

export function makeLink(options: LinkOptions): Link {
  const { server, verbs, probeChannel, log } = options
  const now = (): number => options.now()
  const hearing = makeHearing()
  let isLive = false
  let probes = 0
  let toldOf: string | undefined

  /** Runs what may change the status, and tells of the change. */
  function judge<T>(what: () => T): T {
    const before = hearing.status
    const result = what()
    if (hearing.status !== before) {
      const fields = { was: before, is: hearing.status }
      log[hearing.status === 'up' ? 'info' : 'warn'](fields, 'redis status')
      if (hearing.status === 'up') toldOf = undefined
      options.onStatus(hearing.status)
    }
    return result
  }
  /** Each attempt fails anew; only what is new is worth a line. */
  function failed(error: unknown): void {
    if (String(error) !== toldOf) log.warn({ err: error }, 'redis cannot be reached')
    toldOf = String(error)
    options.onConnect('failed')
    judge(() => hearing.unreachable())
  }

  const publisher = makePublisher({
    server,
    name: `${options.name}publisher`,
    verb: verbs.publish,
    now,
    // Whichever connection comes back last: it is up as soon as a probe has gone round.
    onReady: () => {
      options.onConnect('connected')
      void probe()
    },
    failed,
    lost: (messages, why) => options.lost(messages, why),
    onMoved: () => options.onMoved('message'),
  })
  const subscriber = makeSubscriber({
    server,
    name: `${options.name}subscriber`,
    verbs,
    hear: (channel, message) => {
      if (channel === probeChannel) hearProbe(message)
      else options.hear(channel, message)
    },
    onLive: (channels) => {
      isLive = true
      options.onConnect('connected')
      hearing.resubscribed()
      options.onResubscribed(channels - 1) // not counting the probe's
      options.onGap('reconnect')
      void probe()
    },
    onLate: () => options.onGap('reconnect'),
    onMoved: () => options.onMoved('channel'),
    ended: () => (isLive = false),
    failed,
  })
  void subscriber.want(probeChannel)

  function hearProbe(message: Buffer): void {
    const isGap = judge(() => hearing.heard(Number(message.toString()), now()))
    if (isGap) options.onGap('probe')
  }

  async function probe(): Promise<void> {
    if (!isLive) return
    probes += 1
    const number = probes
    const isTaken = await publisher.ask(probeChannel, Buffer.from(String(number)))
    if (isTaken) hearing.taken(number, now())
  }

  const timers = [
    setInterval(() => void probe(), PROBE_MS),
    setInterval(() => {
      // What stalls one connection may have stalled both, and no probe can tell while none goes out.
      if (!publisher.check()) subscriber.verify()
      if (judge(() => hearing.check(now()))) subscriber.drop()
    }, CHECK_MS),
  ]

  return {
    want: (channel) => subscriber.want(channel),
    unwant: (channel) => subscriber.unwant(channel),
    publish: (channel, message) => publisher.publish(channel, message),
    ask: (channel, message) => publisher.ask(channel, message),
    get status() {
      return hearing.status
    },
    get heardAt() {
      return hearing.heardAt
    },
    get waitingBytes() {
      return publisher.waitingBytes
    },
    renew: () => subscriber.drop(),
    async close() {
      timers.forEach(clearInterval)
      await Promise.all([publisher.close(), subscriber.close()])
    },
  }
}
