import { expect, inject, test } from 'vitest'
import { makeCluster } from '../support/cluster.ts'
import type { Cluster } from '../support/cluster.ts'
import { startPostgresProxy, startRedisProxy } from '../support/faults.ts'
import type { PostgresProxy, RedisProxy } from '../support/faults.ts'
import { cutPoints } from '../support/postgresProxy.ts'
import { seededRandom } from '../support/random.ts'
import type { Random } from '../support/random.ts'
import { isLarge, limitMs } from '../support/scale.ts'
import { sleep, until } from '../support/wait.ts'
import { startYjsWorkload } from '../support/yjsWorkload.ts'

const { redisUrl = '' } = inject('services')
/** How often each trouble comes. */
const TIMES = isLarge ? 10 : 1
const LEASE_MS = 3_000
/** Two lease times and some. */
const STOPPED_MS = 7_000

interface Scene {
  cluster: Cluster
  redis: RedisProxy
  postgres: PostgresProxy
  random: Random
}

/** What goes wrong, one after the other, on top of a Redis that loses messages and commits that are cut all the time. */
const troubles: Record<string, (scene: Scene) => Promise<void>> = {
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
  async 'Redis connections are deaf'({ redis, random }) {
    redis.deafen('present')
    await sleep(random.between(500, 4_000))
    redis.hear()
  },
  async 'Postgres connections are cut'({ postgres }) {
    postgres.cut()
    await Promise.resolve()
  },
  async 'Postgres is away'({ postgres, random }) {
    postgres.refuse()
    await sleep(random.between(200, 2_000))
    postgres.heal()
  },
}

test.skipIf(!redisUrl)(
  '[I2] [I4] [I5] [yjs 15.13] [yjs 15.16] [yjs 15.17] all clients end with the same while everything goes wrong at once',
  { timeout: limitMs(60) },
  async () => {
    const random = seededRandom('yjs, everything')
    await using redis = await startRedisProxy(redisUrl, random.fork())
    let through: PostgresProxy | undefined
    await using cluster = await makeCluster(3, {
      redisUrl: redis.url,
      env: { LEASE_MS: String(LEASE_MS), DRAIN_MS: '1000' },
      through: async (url) => {
        through = await startPostgresProxy(url, random.fork())
        return through.url
      },
    })
    await using postgres = through!
    const workload = startYjsWorkload({
      ...cluster,
      random: random.fork(),
      rooms: ['alpha', 'beta', 'gamma'],
    })
    const goesOn = async (edits: number): Promise<void> => {
      const before = workload.echoed()
      await until('edits come back', () => workload.echoed() > before + edits, {
        withinMs: 40_000,
      })
    }
    await goesOn(20)
    redis.lose({ drop: 0.1, double: 0.1, reorder: 0.1 })
    postgres.cutCommits({ probability: 0.01 })
    const all = Array.from({ length: TIMES }, () => Object.keys(troubles)).flat()
    for (const name of random.shuffle(all)) {
      await goesOn(30)
      console.log(`${workload.echoed()} edits came back, then ${name}`)
      await troubles[name]!({ cluster, redis, postgres, random })
      expect(await workload.check()).toEqual([])
    }
    await goesOn(30)
    redis.lose()
    postgres.cutCommits()
    expect(await workload.finish({ withinMs: 40_000 })).toEqual([])

    const figures = await cluster.metrics()
    const repairs = figures.of('repairs_total', { cause: 'gap' })
    console.log({ echoed: workload.echoed(), repairs, ...redis.counts, ...postgres.cuts })
    expect(repairs).toBeGreaterThan(0)
    expect(redis.counts.dropped).toBeGreaterThan(0)
    expect(cutPoints.reduce((sum, point) => sum + postgres.cuts[point], 0)).toBeGreaterThan(0)
  },
)
