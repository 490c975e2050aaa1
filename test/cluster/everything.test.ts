import { expect, inject, test } from 'vitest'
import { makeCluster } from '../support/cluster.ts'
import { startPostgresProxy, startRedisProxy } from '../support/faults.ts'
import type { PostgresProxy } from '../support/faults.ts'
import { checkHistory } from '../support/history.ts'
import { cutPoints } from '../support/postgresProxy.ts'
import { seededRandom } from '../support/random.ts'
import { limitMs } from '../support/scale.ts'
import { storedId } from '../support/stored.ts'
import { causeTroubles, LEASE_MS } from '../support/troubles.ts'
import { until } from '../support/wait.ts'
import { startWorkload } from '../support/workload.ts'

const { redisUrl = '' } = inject('services')
const documents = ['alpha', 'beta', 'gamma']

test.skipIf(!redisUrl)(
  '[I1] [I2] [I3] [I4] all holds while everything goes wrong at once',
  { timeout: limitMs(120) },
  async () => {
    const random = seededRandom('everything')
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
    const workload = startWorkload({ ...cluster, random: random.fork(), documents })
    await until('it runs', () => workload.acknowledged() > 20)
    const scene = { cluster, redis, postgres, random, documents: documents.map(storedId) }
    await causeTroubles(scene, {
      async before(name) {
        const before = workload.acknowledged()
        await until('appends go on', () => workload.acknowledged() > before + 20, {
          withinMs: 40_000,
        })
        console.log(`${workload.acknowledged()} appends, then ${name}`)
      },
    })
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
