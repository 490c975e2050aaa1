/**
 * The servers that carry the channels: one, or the masters of a cluster, each with the channels of its slots. Looks again
 * who owns what when a server says that a slot has moved, while one of them is not heard, and now and then.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../core/log.ts'
import type { Server } from './connection.ts'
import type { Link } from './link.ts'
import { SLOTS, slotOf } from './slots.ts'
import { askTopology } from './topology.ts'
import type { Owner, Ranges, Topology } from './topology.ts'

export interface Shards {
  /** As a link's, at whichever server owns the channel, now or later. */
  want(channel: string): Promise<void>
  unwant(channel: string): void
  /** Undefined while nobody is known to own the channel. */
  linkOf(channel: string): Link | undefined
  readonly links: readonly Link[]
  /** False while some channel could have no link. */
  readonly isComplete: boolean
  /** Something hints that slots have other owners now. */
  doubt(): void
  /** This server no longer has a slot, and some channel is therefore not heard. */
  moved(url: string): void
  close(): Promise<void>
}

export interface ShardsOptions {
  readonly server: Server
  readonly log: Log
  /** @param tag has, as a channel's hash tag, a slot of this server; undefined where there are no slots */
  makeLink(url: string, tag: string | undefined): Link
  /** Channels have changed servers: what was published meanwhile may be lost. */
  onGap(): void
  /** Links came or went. */
  onChange(): void
}

const LOOK_MS = 30_000
const AGAIN_MS = 500
/** So long after the last sign of a move, everything is subscribed anew where the signs came from. */
const QUIET_MS = 2_000

interface Shard {
  readonly link: Link
  readonly tag: string | undefined
}

export function makeShards(options: ShardsOptions): Shards {
  const shards = new Map<string, Shard>()
  const owners: (Link | undefined)[] = new Array<undefined>(SLOTS).fill(undefined)
  /** Wanted channels, and where each is. */
  const placed = new Map<string, Link | undefined>()
  const suspects = new Set<string>()
  const stopping = new AbortController()
  let topology: Topology | undefined
  let isComplete = false
  let wake: () => void = () => undefined
  let quiet: NodeJS.Timeout | undefined

  /** @throws what the last server asked says, when none answers */
  async function look(): Promise<void> {
    let failure: unknown
    for (const url of shuffled([...(topology?.urls ?? []), options.server.url])) {
      try {
        apply(await askTopology({ ...options.server, url }, stopping.signal))
        return
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  async function keepLooking(): Promise<void> {
    let toldOf: string | undefined
    while (!isStopping()) {
      const woken = new Promise<void>((resolve) => (wake = resolve))
      try {
        await look()
        toldOf = undefined
        if (topology?.isCluster === false) return // and stays so
        await pause(AGAIN_MS)
        if (areAllUp()) await Promise.race([woken, pause(LOOK_MS)])
      } catch (error) {
        const isNew = String(error) !== toldOf && !isStopping()
        if (isNew) options.log.warn({ err: error }, 'redis cannot be reached')
        toldOf = String(error)
        await pause(AGAIN_MS * (0.5 + Math.random() / 2))
      }
    }
  }
  const isStopping = (): boolean => stopping.signal.aborted
  const areAllUp = (): boolean => [...shards.values()].every(({ link }) => link.status === 'up')
  const pause = (ms: number): Promise<void> =>
    sleep(ms, undefined, { signal: stopping.signal }).catch(() => undefined)

  function apply(now: Topology): void {
    if (isStopping()) return
    topology = now
    const urls = new Set(now.owners.map(({ url }) => url))
    for (const url of shards.keys()) if (!urls.has(url)) retire(url)
    for (const owner of now.owners) keepShard(owner, now.isCluster)
    owners.fill(undefined)
    for (const { url, ranges } of now.owners) {
      for (const [first, last] of ranges) owners.fill(shards.get(url)?.link, first, last + 1)
    }
    isComplete = !owners.includes(undefined)
    void placeAll() // never rejects
    options.onChange()
  }

  function keepShard({ url, ranges }: Owner, isCluster: boolean): void {
    const shard = shards.get(url)
    // Its probe must stay on a slot of its own, or it would hear nothing and take itself for deaf.
    if (shard && (shard.tag === undefined || isIn(ranges, slotOf(shard.tag)))) return
    retire(url)
    const tag = isCluster ? tagIn(ranges) : undefined
    shards.set(url, { tag, link: options.makeLink(url, tag) })
  }

  function retire(url: string): void {
    void shards.get(url)?.link.close() // never rejects
    shards.delete(url)
  }

  async function placeAll(): Promise<void> {
    const confirmed: Promise<void>[] = []
    for (const [channel, was] of placed) {
      const link = linkOf(channel)
      if (link === was) continue
      was?.unwant(channel)
      placed.set(channel, link)
      if (link) confirmed.push(link.want(channel))
    }
    if (confirmed.length === 0) return
    await Promise.all(confirmed)
    options.onGap()
  }

  function linkOf(channel: string): Link | undefined {
    // On a single server every slot has the same owner.
    return owners[topology?.isCluster ? slotOf(channel) : 0]
  }

  const looking = keepLooking()
  return {
    async want(channel) {
      const link = linkOf(channel)
      placed.set(channel, link)
      await link?.want(channel)
    },
    unwant(channel) {
      placed.get(channel)?.unwant(channel)
      placed.delete(channel)
    },
    linkOf,
    get links() {
      return [...shards.values()].map(({ link }) => link)
    },
    get isComplete() {
      return isComplete
    },
    doubt: () => wake(),
    moved(url) {
      wake()
      suspects.add(url)
      clearTimeout(quiet)
      quiet = setTimeout(() => {
        for (const suspect of suspects) shards.get(suspect)?.link.renew()
        suspects.clear()
      }, QUIET_MS)
    },
    async close() {
      stopping.abort()
      clearTimeout(quiet)
      await Promise.all([looking, ...[...shards.values()].map(({ link }) => link.close())])
    },
  }
}

function isIn(ranges: Ranges, slot: number): boolean {
  return ranges.some(([first, last]) => first <= slot && slot <= last)
}

function tagIn(ranges: Ranges): string {
  for (let n = 0; ; n += 1) if (isIn(ranges, slotOf(String(n)))) return String(n)
}

function shuffled(urls: readonly string[]): string[] {
  const keyed = [...new Set(urls)].map((url) => [Math.random(), url] as const)
  return keyed.sort(([a], [b]) => a - b).map(([, url]) => url)
}
