import { expect, inject, test } from 'vitest'
import { makeCluster } from '../support/cluster.ts'
import { startPostgresProxy, startRedisProxy } from '../support/faults.ts'
import type { PostgresProxy } from '../support/faults.ts'
import { cutPoints } from '../support/postgresProxy.ts'
import { seededRandom } from '../support/random.ts'
import { isLarge, limitMs } from '../support/scale.ts'
import { causeTroubles, LEASE_MS } from '../support/troubles.ts'
import type { Trouble } from '../support/troubles.ts'
import { until } from '../support/wait.ts'
import { startYjsWorkload } from '../support/yjsWorkload.ts'

const { redisUrl = '' } = inject('services')
const rooms = ['alpha', 'beta', 'gamma']
/** Echoes wait for Postgres as acknowledgements do, which the other test of this kind covers every time. */
const covered: Trouble[] = ['Redis is half-open', 'Postgres stalls', 'a row is locked']

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
      rooms,
    })
    const goesOn = async (edits: number): Promise<void> => {
      const before = workload.echoed()
      await until('edits come back', () => workload.echoed() > before + edits, {
        withinMs: 40_000,
      })
    }
    await goesOn(20)
    const documents = rooms.map((room) => `yjs/${room}`)
    await causeTroubles(
      { cluster, redis, postgres, random, documents },
      {
        but: isLarge ? [] : covered,
        async before(name) {
          await goesOn(30)
          console.log(`${workload.echoed()} edits came back, then ${name}`)
        },
        async after() {
          expect(await workload.check()).toEqual([])
        },
      },
    )
    expect(await workload.finish({ withinMs: 40_000 })).toEqual([])

    const figures = await cluster.metrics()
    const repairs = figures.of('repairs_total', { cause: 'gap' })
    console.log({ echoed: workload.echoed(), repairs, ...redis.counts, ...postgres.cuts })
    expect(repairs).toBeGreaterThan(0)
    expect(redis.counts.dropped).toBeGreaterThan(0)
    expect(cutPoints.reduce((sum, point) => sum + postgres.cuts[point], 0)).toBeGreaterThan(0)
  },
)
