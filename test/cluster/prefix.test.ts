import { expect, inject, test } from 'vitest'
import { makeCluster } from '../support/cluster.ts'
import { startRedisProxy } from '../support/faults.ts'
import { checkHistory } from '../support/history.ts'
import { seededRandom } from '../support/random.ts'
import { limitMs, troubleMs } from '../support/scale.ts'
import { sleep, until } from '../support/wait.ts'
import { startWorkload } from '../support/workload.ts'

const { redisUrl = '' } = inject('services')
const SECONDS = 15

test.skipIf(!redisUrl)(
  '[I1] every session has a gap-free prefix while Redis drops, doubles and reorders messages',
  { timeout: limitMs(SECONDS) },
  async () => {
    const random = seededRandom('prefix')
    await using redis = await startRedisProxy(redisUrl, random.fork())
    await using cluster = await makeCluster(3, { redisUrl: redis.url })
    const documents = ['alpha', 'beta', 'gamma']
    const workload = startWorkload({ ...cluster, random, documents })

    // Probes are left alone: a connection that loses those is taken for deaf, which is another test's subject.
    redis.lose({ drop: 0.15, double: 0.1, reorder: 0.15, channels: (name) => name.includes('{') })
    await sleep(troubleMs(SECONDS))
    await until('enough is lost', () => redis.counts.dropped >= 1_000, { withinMs: 30_000 })
    redis.lose()

    expect(checkHistory(await workload.finish())).toEqual([])
    const figures = await cluster.metrics()
    console.log(
      workload.acknowledged(),
      redis.counts,
      figures.of('repairs_total', { cause: 'gap' }),
    )
    expect(workload.acknowledged()).toBeGreaterThan(1_000)
    expect(redis.counts.dropped).toBeGreaterThanOrEqual(1_000)
    expect(redis.counts.doubled).toBeGreaterThan(100)
    expect(redis.counts.reordered).toBeGreaterThan(100)
    expect(figures.of('repairs_total', { cause: 'gap' })).toBeGreaterThan(0)
    expect(figures.of('frames_heard_total', { what: 'seen' })).toBeGreaterThan(0)
  },
)
