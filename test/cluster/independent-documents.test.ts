import { Redis } from 'ioredis'
import { expect, inject, test } from 'vitest'
import { makeCluster } from '../support/cluster.ts'
import { withClient } from '../support/databases.ts'
import { startRedisProxy } from '../support/faults.ts'
import { makeRandom } from '../support/random.ts'
import { until } from '../support/wait.ts'
import { connectZwibbler } from '../support/zwibbler.ts'

const { redisUrl = '', redisPrefix } = inject('services')

/** The channels of one cluster, by name without prefix, and how many nodes hear each. */
async function readChannels(databaseUrl: string): Promise<Map<string, number>> {
  const id = await withClient(databaseUrl, async (client) => {
    const found = await client.query<{ id: string }>('select id from cluster')
    return found.rows[0]!.id
  })
  const prefix = `${redisPrefix}${id}:`
  const redis = new Redis(redisUrl)
  try {
    const names = (await redis.pubsub('CHANNELS', `${prefix}*`)) as string[]
    const counts =
      names.length === 0 ? [] : ((await redis.pubsub('NUMSUB', ...names)) as (string | number)[])
    return new Map(
      names.map((name) => [name.slice(prefix.length), Number(counts[counts.indexOf(name) + 1])]),
    )
  } finally {
    redis.disconnect()
  }
}

const documentsOf = (channels: Map<string, number>): number[] =>
  [...channels].filter(([name]) => name.startsWith('{')).map(([, count]) => count)

test.skipIf(!redisUrl)(
  '[I7] there is one channel for each open document, heard by the nodes that have it open',
  async () => {
    await using cluster = await makeCluster(3)
    const [a, b] = cluster.nodes
    const read = (): Promise<Map<string, number>> => readChannels(cluster.databaseUrl)
    await using ann = await connectZwibbler(a!.url, 'one').joined()
    await using bob = await connectZwibbler(b!.url, 'one').joined()
    await using carl = await connectZwibbler(b!.url, 'two').joined()
    await until(
      'two documents are heard',
      async () =>
        documentsOf(await read())
          .sort()
          .join() === '1,2',
    )
    // Besides them there is a probe for each node, and what the cluster has in common: no more with more documents.
    const others = [...(await read()).keys()].filter((name) => !name.startsWith('{'))
    expect(others.filter((name) => name.startsWith('probe:'))).toHaveLength(cluster.nodes.length)
    expect(others.length).toBeLessThanOrEqual(cluster.nodes.length + 3)

    await bob.close()
    await until('one node less', async () => documentsOf(await read()).join() === '1,1')
    await ann.close()
    await carl.close()
    await until('nobody is left', async () => documentsOf(await read()).length === 0)
  },
)

test.skipIf(!redisUrl)(
  '[I7] a channel is neither lost nor left behind by sessions that come and go at once',
  async () => {
    const random = makeRandom(11)
    await using cluster = await makeCluster(2)
    const [a, b] = cluster.nodes
    for (let round = 0; round < 40; round++) {
      const leaving = await connectZwibbler(b!.url, 'busy').joined()
      const coming = connectZwibbler(b!.url, 'busy')
      if (random.chance(0.5)) await coming.joined()
      leaving.socket.terminate()
      await coming.joined()
      await using ann = await connectZwibbler(a!.url, 'busy').joined()
      await ann.append(`<${round}>`)
      await coming.hears(`<${round}>`, { withinMs: 1_000 })
      await coming[Symbol.asyncDispose]()
    }
    await until(
      'nobody is left',
      async () => documentsOf(await readChannels(cluster.databaseUrl)).length === 0,
    )
  },
)

test.skipIf(!redisUrl)(
  '[I7] a node hears nothing of documents that none of its sessions has open',
  async () => {
    await using redis = await startRedisProxy(redisUrl, makeRandom(1))
    redis.lose({ channels: (name) => name.includes('{') })
    await using cluster = await makeCluster(3, {
      redisOf: (index) => (index === 2 ? redis.url : undefined),
    })
    const [a, b, idle] = cluster.nodes
    await using own = await connectZwibbler(idle!.url, 'own').joined()
    await using ann = await connectZwibbler(a!.url, 'busy').joined()
    await using bob = await connectZwibbler(b!.url, 'busy').joined()
    for (let i = 0; i < 300; i++) await ann.append('x')
    await until('the other one has it all', () => bob.position === 300)
    expect(redis.counts.passed).toBe(0)
    expect((await idle!.metrics()).of('frames_heard_total')).toBe(0)
    expect((await idle!.metrics()).of('followers')).toBe(1)
    expect(own.position).toBe(0)
  },
)
