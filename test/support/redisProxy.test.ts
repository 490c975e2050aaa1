import { Redis } from 'ioredis'
import { expect, inject, test } from 'vitest'
import { makeRandom } from './random.ts'
import { startRedisProxy } from './redisProxy.ts'
import { until } from './wait.ts'

const { redisUrl = '', redisPrefix } = inject('services')

interface Ear extends AsyncDisposable {
  redis: Redis
  heard: number[]
}

async function listen(url: string, protocol: 2 | 3, channel: string): Promise<Ear> {
  const redis = new Redis(url, { protocol })
  redis.on('error', () => undefined)
  const heard: number[] = []
  redis.on('message', (_channel: string, message: string) => heard.push(Number(message)))
  await redis.subscribe(channel)
  return {
    redis,
    heard,
    async [Symbol.asyncDispose]() {
      await redis.quit()
    },
  }
}

async function publish(channel: string, count: number): Promise<void> {
  const redis = new Redis(redisUrl)
  for (let i = 0; i < count; i++) await redis.publish(channel, String(i))
  redis.disconnect()
}

const numbers = (count: number): number[] => [...Array(count).keys()]

for (const protocol of [2, 3] as const) {
  test.skipIf(!redisUrl)(`everything passes in order (RESP${protocol})`, async () => {
    await using proxy = await startRedisProxy(redisUrl, makeRandom(1))
    await using ear = await listen(proxy.url, protocol, `${redisPrefix}pass${protocol}`)
    await publish(`${redisPrefix}pass${protocol}`, 200)
    await until('all are heard', () => ear.heard.length === 200)
    expect(ear.heard).toEqual(numbers(200))
  })

  test.skipIf(!redisUrl)(
    `messages are dropped, doubled and reordered, as counted (RESP${protocol})`,
    async () => {
      await using proxy = await startRedisProxy(redisUrl, makeRandom(7))
      const channel = `${redisPrefix}lossy${protocol}`
      await using ear = await listen(proxy.url, protocol, channel)
      proxy.lose({ drop: 0.2, double: 0.2, reorder: 0.2, channels: (name) => name === channel })
      await publish(channel, 500)
      const { counts } = proxy
      await until(
        'all are through',
        () => counts.dropped + counts.passed + counts.reordered === 500,
      )
      await until(
        'all are heard',
        () => ear.heard.length === counts.passed + counts.reordered + counts.doubled,
      )
      for (const many of [counts.dropped, counts.doubled, counts.reordered])
        expect(many).toBeGreaterThan(50)
      expect(new Set(ear.heard).size).toBe(500 - counts.dropped)
      expect(ear.heard).not.toEqual([...ear.heard].sort((a, b) => a - b))
    },
  )

  test.skipIf(!redisUrl)(`a deaf connection still answers commands (RESP${protocol})`, async () => {
    await using proxy = await startRedisProxy(redisUrl, makeRandom(1))
    const channel = `${redisPrefix}deaf${protocol}`
    await using ear = await listen(proxy.url, protocol, channel)
    proxy.deafen('present')
    await publish(channel, 3)
    await until('they are swallowed', () => proxy.counts.swallowed === 3)
    await ear.redis.subscribe(`${channel}-too`)
    expect(ear.heard).toEqual([])
    await using later = await listen(proxy.url, protocol, channel)
    await publish(channel, 3)
    await until('a later connection hears', () => later.heard.length === 3)
  })
}

test.skipIf(!redisUrl)('a stalled connection delivers late, a cut one comes again', async () => {
  await using proxy = await startRedisProxy(redisUrl, makeRandom(1))
  const channel = `${redisPrefix}stalled`
  await using ear = await listen(proxy.url, 3, channel)
  proxy.stall()
  await publish(channel, 3)
  expect(ear.heard).toEqual([])
  proxy.heal()
  await until('they come late', () => ear.heard.length === 3)
  proxy.cut()
  await until('it hears again', async () => {
    await publish(channel, 1)
    return ear.heard.length > 3
  })
})
