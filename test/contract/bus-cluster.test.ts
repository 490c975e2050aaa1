import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe } from 'vitest'
import { startCluster } from '../redis/cluster.ts'
import type { OwnCluster } from '../redis/cluster.ts'
import { startBus } from '../redis/support.ts'
import { hasRedisServer } from '../support/servers.ts'
import { servedBusContract } from './servedBus.ts'
import type { ServedBusBench } from './servedBus.ts'

describe.skipIf(!hasRedisServer())('Redis Cluster', () => {
  let cluster: OwnCluster | undefined
  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]()
  })
  for (const protocol of [2, 3] as const) {
    servedBusContract(`redis cluster, RESP${protocol}`, () => makeBench(cluster!, protocol))
  }
})

async function makeBench(cluster: OwnCluster, protocol: 2 | 3): Promise<ServedBusBench> {
  const prefix = `${randomBytes(4).toString('hex')}:`
  const near = await startBus({ url: cluster.urls[0]!, prefix, protocol })
  const far = await startBus({ url: cluster.urls[1]!, prefix, protocol })
  const nodes = cluster.urls.map((_, i) => i)
  return {
    near,
    far,
    async cut() {
      for (const node of nodes) {
        const list = String(await cluster.order(node, 'CLIENT', 'LIST')).split('\n')
        const own = list.filter((line) => line.includes(` name=${prefix}subscriber `))
        for (const line of own) {
          await cluster.order(node, 'CLIENT', 'KILL', 'ID', /^id=(\d+)/.exec(line)![1]!)
        }
      }
    },
    async subscribers(channels) {
      const names = channels.map((channel) => prefix + channel)
      const sums = names.map(() => 0)
      for (const node of nodes) {
        const answer = (await cluster.order(node, 'PUBSUB', 'SHARDNUMSUB', ...names)) as unknown[]
        names.forEach((_, i) => (sums[i]! += Number(answer[2 * i + 1])))
      }
      return sums
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([near.close(), far.close()])
    },
  }
}
