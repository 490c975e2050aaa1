/** What a node does by the clock: lease, sweep, lapsed nodes, accesses, purge. Each job waits for its own end. */
import type { Meter, RepairCause } from '../core/meter.ts'
import type { Bus, Epoch, KeysChanged, PresenceStore } from '../core/ports.ts'
import type { Follower } from './follower.ts'
import type { Hub } from './hub.ts'
import { processOf, type Roster } from './roster.ts'

/** Documents heard of this recently are swept at the faster pace. */
const WARM_MS = 60_000
const SWEEP_MOST = 1_000
const SWEEP_QUERIES_A_SECOND = 20
const PURGE_MOST = 200
const BURY_ROWS = 2_000
const TICK_MS = 250

export interface UpkeepOptions {
  readonly hub: Hub
  readonly bus: Bus
  readonly roster: Roster
  readonly presence: PresenceStore
  readonly meter: Meter
  /** What the ids of this process's nodes begin with, before a dot. */
  readonly process: string
  /** Called now and then with who is still alive. */
  readonly onLease?: (isAlive: (process: string) => boolean) => void
  readonly leaseMs: number
  /** How often a follower is compared with Postgres: documents heard of lately, and the rest. */
  readonly sweep: { readonly warmMs: number; readonly coldMs: number }
  readonly sweepWithoutRedis: { readonly warmMs: number; readonly coldMs: number }
  readonly touchMs: number
  /** Documents of these surfaces vanish when nobody has accessed them for so long. */
  readonly expiries: readonly { readonly prefix: string; readonly expiryMs: number }[]
  /** Keys of a lapsed node are gone. */
  readonly dropped: (epoch: Epoch, changed: KeysChanged) => void
  readonly onError: (what: string, error: unknown) => void
}

export interface Upkeep {
  /** Compares every follower with Postgres now: something may have been missed. */
  verifyAll(cause: RepairCause): Promise<void>
  /** Whether this node hears the others only through the sweep. */
  readonly isRedisLess: boolean
  /** Other processes with a live node, as they were last seen. */
  readonly others: number
  stop(): void
}

export function startUpkeep(options: UpkeepOptions): Upkeep {
  const { hub, bus, roster, presence, meter } = options
  const timers: NodeJS.Timeout[] = []
  const seen = new Set<string>([options.process])
  let others = 0
  let alive = 0
  const isRedisLess = () =>
    bus.status === 'down' || bus.status === 'deaf' || (bus.status === 'solo' && others > 0)

  /** Repeats a job; a failure is logged once and the next time comes all the same. */
  function every(ms: number, what: string, job: () => Promise<unknown>): void {
    let isRunning = false
    const run = async () => {
      if (isRunning) return
      isRunning = true
      await job().catch((error: unknown) => options.onError(what, error))
      isRunning = false
    }
    timers.push(setInterval(() => void run(), ms * (0.9 + Math.random() / 5)))
  }

  async function sweep(): Promise<void> {
    const { warmMs, coldMs } = isRedisLess() ? options.sweepWithoutRedis : options.sweep
    const now = performance.now()
    const due: Follower[] = []
    for (const follower of hub.all()) {
      const isWarm = now - follower.heardAt < WARM_MS
      // Jitter by document, so that nodes that started together do not ask together.
      const jitter = 0.8 + (follower.epoch % 16) / 64
      if (now - follower.checkedAt > (isWarm ? warmMs : coldMs) * jitter) due.push(follower)
      if (due.length === (SWEEP_MOST * SWEEP_QUERIES_A_SECOND * TICK_MS) / 1_000) break
    }
    if (due.length === 0) return
    const behind = await hub.verify(due, 'sweep')
    meter.sweep(due.length, behind, (performance.now() - now) / 1000)
  }

  let verifying: Promise<void> | undefined
  let verifyAgain = false
  let latest: RepairCause = 'reconnect'
  async function verifyAll(cause: RepairCause): Promise<void> {
    verifyAgain = true
    latest = cause
    verifying ??= (async () => {
      while (verifyAgain) {
        verifyAgain = false
        await hub.verify([...hub.all()], latest)
      }
    })().finally(() => (verifying = undefined))
    await verifying
  }

  async function lease(): Promise<void> {
    meter.lease(await roster.renew())
    const live = await presence.live()
    alive = live.length
    for (const node of live) seen.add(processOf(node))
    const now = new Set(live.map(processOf))
    others = now.has(options.process) ? now.size - 1 : now.size
    // One that nobody has seen yet may have come a moment ago.
    options.onLease?.((process) => now.has(process) || !seen.has(process))
  }

  /** After an outage of Postgres everybody looks dead: who judges must have been fine for a whole lease time. */
  async function reap(): Promise<void> {
    while (performance.now() - roster.renewedSince > options.leaseMs) {
      const reaped = await presence.reap()
      if (!reaped) return
      meter.lapsedNode()
      for (const [epoch, changed] of reaped.keys) options.dropped(epoch, changed)
    }
  }

  async function touch(): Promise<void> {
    const epochs = [...hub.all()].map(({ epoch }) => epoch)
    for (let at = 0; at < epochs.length; at += SWEEP_MOST) {
      await presence.touch(epochs.slice(at, at + SWEEP_MOST), options.touchMs)
    }
  }

  async function purge(): Promise<void> {
    for (const { prefix, expiryMs } of options.expiries) {
      while ((await presence.purge(prefix, expiryMs, PURGE_MOST)) === PURGE_MOST);
    }
  }

  async function bury(): Promise<void> {
    while (await presence.bury(BURY_ROWS));
  }

  meter.gauge('nodes_alive', () => alive)
  meter.gauge('lease_age_seconds', () => (performance.now() - roster.renewedAt) / 1000)
  meter.gauge('lease_limit_seconds', () => options.leaseMs / 1000)
  every(TICK_MS, 'sweeping', sweep)
  every(options.leaseMs / 3, 'renewing the lease', lease)
  every(options.leaseMs / 4, 'removing lapsed nodes', reap)
  every(options.touchMs / 2, 'noting accesses', touch)
  every(5_000, 'deleting chunks', bury)
  const soonest = Math.min(...options.expiries.map(({ expiryMs }) => expiryMs))
  if (soonest < Infinity) every(Math.min(60_000, Math.max(1_000, soonest / 4)), 'purging', purge)
  void lease().catch((error: unknown) => options.onError('renewing the lease', error))
  bus.onGap(
    (cause) => void verifyAll(cause).catch((error: unknown) => options.onError('verifying', error)),
  )
  return {
    verifyAll,
    get isRedisLess() {
      return isRedisLess()
    },
    get others() {
      return others
    },
    stop() {
      for (const timer of timers) clearInterval(timer)
    },
  }
}
