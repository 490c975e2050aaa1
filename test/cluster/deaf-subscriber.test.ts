import { expect, inject, test } from 'vitest'
import { makeCluster } from '../support/cluster.ts'
import { startRedisProxy } from '../support/faults.ts'
import { hearsRedis } from '../support/nodes.ts'
import type { TestNode } from '../support/nodes.ts'
import { seededRandom } from '../support/random.ts'
import { limitMs } from '../support/scale.ts'
import { until } from '../support/wait.ts'
import { connectZwibbler } from '../support/zwibbler.ts'

const { redisUrl = '' } = inject('services')
/** A probe each second, deaf after 5 s without any, and some for a busy machine. */
const NOTICED_MS = 12_000

/** Of /readyz and /livez. */
const codesOf = (node: TestNode): Promise<string[]> =>
  Promise.all([node.probe('readyz'), node.probe('livez')])

test.skipIf(!redisUrl)(
  '[I9] a subscription that is connected and delivers nothing is replaced, and what it missed is found',
  { timeout: limitMs(20) },
  async () => {
    await using redis = await startRedisProxy(redisUrl, seededRandom('deaf'))
    await using cluster = await makeCluster(2, {
      redisOf: (index) => (index === 1 ? redis.url : undefined),
    })
    const [near, far] = cluster.nodes
    await using ann = await connectZwibbler(near!.url, 'doc').joined()
    await using bob = await connectZwibbler(far!.url, 'doc').joined()
    await ann.append('before;')
    await bob.hears('before;')
    const before = (await far!.metrics()).of('resubscriptions_total')

    redis.deafen('present')
    await ann.append('swallowed;')
    await bob.hears('swallowed;', { withinMs: NOTICED_MS })
    await until(
      'it subscribes anew',
      async () => (await far!.metrics()).of('resubscriptions_total') > before,
      {
        withinMs: NOTICED_MS,
      },
    )
    expect(redis.counts.swallowed).toBeGreaterThan(4)
    await ann.append('live again;')
    await bob.hears('live again;', { withinMs: 1_000 })
    expect((await far!.ready()).ready).toBe(true)
  },
)

test.skipIf(!redisUrl)(
  '[I9] a node that alone stays deaf is unready for a while, then goes on without Redis, and says both',
  { timeout: limitMs(60) },
  async () => {
    await using redis = await startRedisProxy(redisUrl, seededRandom('deaf for long'))
    await using cluster = await makeCluster(2, {
      redisOf: (index) => (index === 1 ? redis.url : undefined),
    })
    const [near, far] = cluster.nodes
    await using ann = await connectZwibbler(near!.url, 'doc').joined()
    await using bob = await connectZwibbler(far!.url, 'doc').joined()
    await until('Redis is heard', () => hearsRedis(far!))

    redis.deafen('all')
    await until('it is unready', async () => !(await far!.ready()).ready, { withinMs: NOTICED_MS })
    const began = performance.now()
    expect(await codesOf(far!)).toEqual(['503 redis_deaf', '200 '])
    const deaf = await far!.metrics()
    const figures = [deaf.of('ready'), deaf.of('not_ready', { reason: 'redis_deaf' })]
    expect([...figures, deaf.of('redis_up'), deaf.of('not_ready')]).toEqual([0, 1, 0, 1])
    await until('it is ready again', async () => (await far!.ready()).ready, { withinMs: 20_000 })
    expect(performance.now() - began).toBeLessThan(17_000)
    expect(await codesOf(far!)).toEqual(['200 redis_less', '200 '])
    expect(await codesOf(near!)).toEqual(['200 ', '200 '])
    const less = await far!.metrics()
    expect([less.of('ready'), less.of('not_ready'), less.of('redis_up')]).toEqual([1, 0, 0])
    await ann.append('by the sweep;')
    await bob.hears('by the sweep;', { withinMs: 4_000 })

    redis.hear()
    await until('Redis is heard again', () => hearsRedis(far!), {
      withinMs: 90_000,
    })
    await ann.append('live again;')
    await bob.hears('live again;', { withinMs: 1_000 })
  },
)
