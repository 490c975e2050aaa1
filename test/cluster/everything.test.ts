import { expect, inject, test } from 'vitest'
import { makeCluster } from '../support/cluster.ts'
import type { Cluster } from '../support/cluster.ts'
import { lockRow, startPostgresProxy, startRedisProxy } from '../support/faults.ts'
import type { PostgresProxy, RedisProxy } from '../support/faults.ts'
import { checkHistory } from '../support/history.ts'
import { cutPoints } from '../support/postgresProxy.ts'
import { seededRandom } from '../support/random.ts'
import type { Random } from '../support/random.ts'
import { isLarge, limitMs } from '../support/scale.ts'
import { sleep, until } from '../support/wait.ts'
import { startWorkload } from '../support/workload.ts'

const { redisUrl = '' } = inject('services')
/** How often each trouble comes. */
const TIMES = isLarge ? 8 : 1
/** Two lease times and some. */
const STOPPED_MS = 22_000
const documents = ['alpha', 'beta', 'gamma']

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
  async 'Redis is half-open'({ redis, random }) {
    redis.stall()
    await sleep(random.between(500, 6_000))
    redis.heal()
    redis.cut()
  },
  async 'Redis connections are deaf'({ redis, random }) {
    redis.deafen('present')
    await sleep(random.between(500, 6_000))
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
  async 'a row is locked'({ cluster, random }) {
    const lock = await lockRow(cluster.databaseUrl, random.pick(documents), 5_000)
    await lock.released
  },
}

test.skipIf(!redisUrl)(
  '[I1] [I2] [I3] [I4] all holds while everything goes wrong at once',
  { timeout: limitMs(120) },
  async () => {
    const random = seededRandom('everything')
    await using redis = await startRedisProxy(redisUrl, random.fork())
    let through: PostgresProxy | undefined
    await using cluster = await makeCluster(3, {
      redisUrl: redis.url,
      through: async (url) => {
        through = await startPostgresProxy(url, random.fork())
        return through.url
      },
    })
    await using postgres = through!
    const workload = startWorkload({ ...cluster, random: random.fork(), documents })
    await until('it runs', () => workload.acknowledged() > 20)
    redis.lose({ drop: 0.1, double: 0.1, reorder: 0.1 })
    postgres.cutCommits({ probability: 0.01 })

    const all = Array.from({ length: TIMES }, () => Object.keys(troubles)).flat()
    for (const name of random.shuffle(all)) {
      const before = workload.acknowledged()
      await until('appends go on', () => workload.acknowledged() > before + 20, {
        withinMs: 40_000,
      })
      console.log(`${workload.acknowledged()} appends, then ${name}`)
      await troubles[name]!({ cluster, redis, postgres, random })
    }
    const before = workload.acknowledged()
    await until('appends go on', () => workload.acknowledged() > before + 20, { withinMs: 40_000 })
    redis.lose()
    postgres.cutCommits()
    expect(checkHistory(await workload.finish({ withinMs: 40_000 }))).toEqual([])
    const figures = await cluster.metrics()
    const repairs = figures.of('repairs_total', { cause: 'gap' })
    console.log({
      acknowledged: workload.acknowledged(),
      repairs,
      ...redis.counts,
      ...postgres.cuts,
    })
    expect(repairs).toBeGreaterThan(0)
    expect(cutPoints.reduce((sum, point) => sum + postgres.cuts[point], 0)).toBeGreaterThan(0)
  },
)
