import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { describe, inject } from 'vitest'
import { startBus } from '../redis/support.ts'
import { servedBusContract } from './servedBus.ts'
import type { ServedBusBench } from './servedBus.ts'

const { redisUrl, redisPrefix } = inject('services')

describe.skipIf(redisUrl === undefined)('Redis', () => {
  for (const protocol of [2, 3] as const) {
    servedBusContract(`redis, RESP${protocol}`, () => makeBench(redisUrl!, protocol))
  }
})

async function makeBench(url: string, protocol: 2 | 3): Promise<ServedBusBench> {
  const prefix = `${redisPrefix}${randomBytes(4).toString('hex')}:`
  const near = await startBus({ url, prefix, protocol })
  const far = await startBus({ url, prefix, protocol })
  const redis = new Redis(url)
  return {
    near,
    far,
    async cut() {
      for (const id of await clientsNamed(redis, `${prefix}subscriber`)) {
        await redis.client('KILL', 'ID', id)
      }
    },
    async subscribers(channels) {
      const names = channels.map((channel) => prefix + channel)
      const answer = (await redis.pubsub('NUMSUB', ...names)) as (string | number)[]
      return answer.filter((_, i) => i % 2 === 1).map(Number)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([near.close(), far.close()])
      redis.disconnect()
    },
  }
}

async function clientsNamed(redis: Redis, name: string): Promise<string[]> {
  const list = String(await redis.client('LIST')).split('\n')
  return list.flatMap((line) =>
    line.includes(` name=${name} `) ? (/^id=(\d+)/.exec(line)?.[1] ?? []) : [],
  )
}
