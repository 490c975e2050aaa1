/** What goes wrong with a cluster, one thing after the other: one table for every test in which all of it does. */
import { expect } from 'vitest'
import type { Cluster } from './cluster.ts'
import { lockRow } from './faults.ts'
import type { PostgresProxy, RedisProxy } from './faults.ts'
import type { Random } from './random.ts'
import { isLarge } from './scale.ts'
import { sleep } from './wait.ts'

export const LEASE_MS = 3_000
/** Two lease times and some. */
const STOPPED_MS = 7_000
/** How often each trouble comes. */
const TIMES = isLarge ? 10 : 1

export interface Scene {
  readonly cluster: Cluster
  readonly redis: RedisProxy
  readonly postgres: PostgresProxy
  readonly random: Random
  /** Ids as they are stored. */
  readonly documents: readonly string[]
}

const troubles = {
  async 'a node is killed'({ cluster, random }) {
    const node = random.pick(cluster.nodes)
    await node.kill()
    await sleep(random.between(0, 2_000))
    await node.start()
  },
  async 'a node is stopped for two lease times'({ cluster, random }) {
    const node = random.pick(cluster.nodes)
    node.pause()
    await sleep(STOPPED_MS)
    node.resume()
  },
  async 'a node leaves and comes back'({ cluster, random }) {
    const node = random.pick(cluster.nodes)
    expect(await node.stop()).toBe(0)
    await node.start()
  },
  async 'Redis is gone'({ redis, random }) {
    redis.refuse()
    await sleep(random.between(500, 3_000))
    redis.heal()
  },
  async 'Redis is half-open'({ redis, random }) {
    redis.stall()
    await sleep(random.between(500, 6_000))
    redis.heal()
    redis.cut()
  },
  async 'Redis connections are deaf'({ redis, random }) {
    redis.deafen('present')
    await sleep(random.between(500, 5_000))
    redis.hear()
  },
  async 'Postgres connections are cut'({ postgres }) {
    postgres.cut()
    await Promise.resolve()
  },
  async 'Postgres is away'({ postgres, random }) {
    postgres.refuse()
    await sleep(random.between(200, 3_000))
    postgres.heal()
  },
  async 'Postgres stalls'({ postgres, random }) {
    postgres.stall()
    await sleep(random.between(200, 7_000))
    postgres.heal()
  },
  async 'a row is locked'({ cluster, random, documents }) {
    const lock = await lockRow(cluster.databaseUrl, random.pick(documents), 5_000)
    await lock.released
  },
} satisfies Record<string, (scene: Scene) => Promise<void>>

export type Trouble = keyof typeof troubles

export interface TroubleOptions {
  readonly but?: readonly Trouble[]
  /** Each time before something goes wrong, and at the end. */
  readonly before: (name: string) => Promise<void>
  readonly after?: () => Promise<void>
}

/** All of them in some order, on top of a Redis that loses messages and commits that are cut all the time. */
export async function causeTroubles(
  scene: Scene,
  { but = [], before, after }: TroubleOptions,
): Promise<void> {
  const { redis, postgres, random } = scene
  redis.lose({ drop: 0.1, double: 0.1, reorder: 0.1 })
  postgres.cutCommits({ probability: 0.01 })
  const names = (Object.keys(troubles) as Trouble[]).filter((name) => !but.includes(name))
  const all = Array.from({ length: TIMES }, () => names).flat()
  for (const name of random.shuffle(all)) {
    await before(name)
    await troubles[name](scene)
    await after?.()
  }
  await before('peace')
  redis.lose()
  postgres.cutCommits()
}
