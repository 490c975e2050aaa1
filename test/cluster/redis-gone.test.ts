import { expect, inject, test } from 'vitest'
import { makeCluster } from '../support/cluster.ts'
import { killRedisSubscribers, startRedis, startRedisProxy } from '../support/faults.ts'
import { checkHistory } from '../support/history.ts'
import { hearsRedis } from '../support/nodes.ts'
import { seededRandom } from '../support/random.ts'
import { hasRedisServer } from '../support/servers.ts'
import { isLarge, limitMs } from '../support/scale.ts'
import { sleep, until } from '../support/wait.ts'
import { startWorkload } from '../support/workload.ts'
import { connectZwibbler } from '../support/zwibbler.ts'

const { redisUrl = '' } = inject('services')
const ROUNDS = isLarge ? 40 : 4
const FOLLOWERS = isLarge ? 2_000 : 200
/** By the Redis-less sweep of documents heard of in the last minute: every second, and some for a busy machine. */
const WITHOUT_REDIS_MS = 4_000

for (const fault of ['refuse', 'stall'] as const) {
  test.skipIf(!redisUrl)(
    `[I5] appends commit and reach the other nodes while Redis is gone (${fault}), and no node is unready`,
    { timeout: limitMs(30) },
    async () => {
      const random = seededRandom(`redis gone (${fault})`)
      await using redis = await startRedisProxy(redisUrl, random)
      await using cluster = await makeCluster(2, { redisUrl: redis.url })
      const [near, far] = cluster.nodes
      await using ann = await connectZwibbler(near!.url, 'doc').joined()
      await using bob = await connectZwibbler(far!.url, 'doc').joined()
      await until('Redis is heard', () => hearsRedis(far!))

      redis[fault]()
      for (let i = 0; i < 3; i++) {
        expect(await ann.append(`while gone ${i};`)).toMatchObject({ kind: 'stored' })
        await bob.hears(`while gone ${i};`, { withinMs: WITHOUT_REDIS_MS })
      }
      await until(
        'both nodes say so',
        async () => {
          const states = await Promise.all(cluster.nodes.map((node) => node.metrics()))
          return states.every((figures) => figures.of('redis_up') === 0)
        },
        { withinMs: 30_000 },
      )
      for (const node of cluster.nodes) {
        const { ready, reasons } = await node.ready()
        expect(ready).toBe(true)
        expect(reasons.join()).toContain('Redis-less')
      }
      // Somebody can still come, and a document can still be made.
      await using carl = await connectZwibbler(far!.url, 'doc').joined()
      expect(carl.text()).toBe(bob.text())
      await using dora = await connectZwibbler(far!.url, 'another').joined()
      expect(await dora.append('new')).toMatchObject({ kind: 'stored' })

      redis.heal()
      await until('Redis is heard again', () => hearsRedis(far!))
      await ann.append('back again')
      await bob.hears('back again', { withinMs: 1_000 })
      await carl.hears('back again', { withinMs: 1_000 })
    },
  )
}

test.skipIf(!redisUrl)(
  `[I5] ${FOLLOWERS} followers have caught up within a second of Redis being back`,
  { timeout: limitMs(30) },
  async () => {
    const random = seededRandom('redis back')
    await using redis = await startRedisProxy(redisUrl, random)
    // The sweep is slowed down, so that it is the return of Redis that brings what was missed.
    const env = {
      SWEEP_ACTIVE_REDISLESS_MS: '600000',
      SWEEP_QUIET_REDISLESS_MS: '600000',
      SWEEP_ACTIVE_MS: '600000',
    }
    await using cluster = await makeCluster(2, { redisUrl: redis.url, env })
    const [near, far] = cluster.nodes
    const names = Array.from({ length: FOLLOWERS }, (_, index) => `doc${index}`)
    const join = (url: string) =>
      Promise.all(names.map((name) => connectZwibbler(url, name).joined()))
    const writers = await join(near!.url)
    const readers = await join(far!.url)
    await until('Redis is heard', () => hearsRedis(far!))

    redis.refuse()
    await Promise.all(writers.map((writer) => writer.append('missed')))
    expect(readers.filter(({ position }) => position > 0)).toEqual([])
    redis.heal()
    await until('Redis is heard again', () => hearsRedis(far!), {
      everyMs: 5,
    })
    const began = performance.now()
    await until('all have it', () => readers.every(({ position }) => position === 6), {
      everyMs: 5,
    })
    const took = performance.now() - began
    console.log(
      `${FOLLOWERS} followers caught up ${Math.round(took)} ms after Redis was heard again`,
    )
    expect(took).toBeLessThan(1_000)
    const figures = await far!.metrics()
    expect(figures.of('repairs_total', { cause: 'reconnect' })).toBeGreaterThanOrEqual(FOLLOWERS)
    for (const client of [...writers, ...readers]) client.socket.terminate()
  },
)

test.skipIf(!redisUrl || !hasRedisServer())(
  '[I5] Redis is restarted, and its subscribers are killed, under writers and readers',
  { timeout: limitMs(60) },
  async () => {
    const random = seededRandom('redis restarts')
    await using redis = await startRedis()
    await using cluster = await makeCluster(3, { redisUrl: redis.url })
    const workload = startWorkload({ ...cluster, random, documents: ['alpha', 'beta'] })
    const [near, , far] = cluster.nodes
    await using ann = await connectZwibbler(near!.url, 'live').joined()
    await using bob = await connectZwibbler(far!.url, 'live').joined()
    let killed = 0
    const goOn = async (): Promise<void> => {
      const before = workload.acknowledged()
      await until('appends go on', () => workload.acknowledged() > before + 50, {
        withinMs: 20_000,
      })
    }
    for (let round = 0; round < ROUNDS; round++) {
      await goOn()
      killed += await killRedisSubscribers(redis.url)
      await goOn()
      await redis.stop(random.pick(['fast', 'immediate']))
      await sleep(random.between(0, 1_500)) // how long it is gone
      await goOn()
      await redis.start()
      await until('Redis is heard again', async () =>
        (await Promise.all(cluster.nodes.map(hearsRedis))).every(Boolean),
      )
      await ann.append(`<${round}>`)
      await bob.hears(`<${round}>`, { withinMs: 1_000 })
    }
    expect(checkHistory(await workload.finish())).toEqual([])
    const figures = await cluster.metrics()
    console.log({
      killed,
      resubscriptions: figures.of('resubscriptions_total'),
      repairs: figures.of('repairs_total', { cause: 'reconnect' }),
    })
    expect(killed).toBeGreaterThanOrEqual(ROUNDS)
    expect(figures.of('resubscriptions_total')).toBeGreaterThan(ROUNDS)
  },
)
