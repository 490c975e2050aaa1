import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { slotOf } from '../../src/redis/slots.ts'
import { hasRedisServer } from '../support/servers.ts'
import { until, within } from '../support/wait.ts'
import { startCluster } from './cluster.ts'
import type { OwnCluster } from './cluster.ts'
import { startBus } from './support.ts'

async function makeNodes(cluster: OwnCluster, protocol: 2 | 3 = 3) {
  const prefix = `${randomBytes(4).toString('hex')}:`
  const near = await startBus({ url: cluster.urls[0]!, prefix, protocol })
  const far = await startBus({ url: cluster.urls[2]!, prefix, protocol })
  let gaps = 0
  near.onGap(() => (gaps += 1))
  return {
    prefix,
    near,
    far,
    gaps: () => gaps,
    async [Symbol.asyncDispose]() {
      await Promise.all([near.close(), far.close()])
    },
  }
}

/** Channels `{0}`, `{1}` … and which of them have been heard. */
async function subscribe(nodes: Awaited<ReturnType<typeof makeNodes>>, count: number) {
  const channels = Array.from({ length: count }, (_, i) => `{${i}}`)
  const heard = new Set<string>()
  await Promise.all(
    channels.map((channel) => nodes.near.subscribe(channel, () => heard.add(channel))),
  )
  return {
    channels,
    allHear: async (withinMs: number): Promise<void> => {
      heard.clear()
      await until(
        'every channel hears',
        () => {
          for (const channel of channels) {
            if (!heard.has(channel)) nodes.far.publish(channel, Buffer.from('x'))
          }
          return heard.size === channels.length
        },
        { withinMs, everyMs: 100 },
      )
    },
  }
}

describe.skipIf(!hasRedisServer())('a bus on a Redis Cluster', () => {
  test('slots are those that the server computes', async () => {
    await using cluster = await startCluster()
    for (const name of ['a', 'lengthwise:x:{42}', '{}a', 'a{b}c{d}', '文書', 'x{y']) {
      expect(slotOf(name)).toBe(await cluster.order(0, 'CLUSTER', 'KEYSLOT', name))
    }
  })

  for (const protocol of [2, 3] as const) {
    test(`[I9] RESP${protocol}: channels follow a slot that moves, and the gap is told`, async () => {
      await using cluster = await startCluster()
      await using nodes = await makeNodes(cluster, protocol)
      const { channels, allHear } = await subscribe(nodes, 300)
      await allHear(2_000)
      const slots = [...new Set(channels.map((channel) => slotOf(nodes.prefix + channel)))]
      for (const [from, to] of [
        [0, 1],
        [1, 2],
        [1, 0],
      ] as const) {
        const gaps = nodes.gaps()
        const owned: number[] = []
        for (const slot of slots) {
          if ((await cluster.ownerOf(slot)) === cluster.urls[from]) owned.push(slot)
        }
        for (const slot of owned.slice(0, 40)) await cluster.move(slot, from, to)
        await until('the gap is told', () => nodes.gaps() > gaps, { withinMs: 3_000 })
        await allHear(6_000)
      }
      await until('each is subscribed at one master', async () => {
        const names = channels.map((channel) => nodes.prefix + channel)
        const sums = names.map(() => 0)
        for (const node of [0, 1, 2]) {
          const answer = await cluster.order(node, 'PUBSUB', 'SHARDNUMSUB', ...names)
          names.forEach((_, i) => (sums[i]! += Number((answer as unknown[])[2 * i + 1])))
        }
        return sums.every((sum) => sum === 1)
      })
      expect(nodes.near.status).toBe('up')
    })
  }

  test(
    '[I5] a master that dies is down, and its replica takes over',
    { timeout: 60_000 },
    async () => {
      await using cluster = await startCluster({ replicas: true })
      await using nodes = await makeNodes(cluster)
      const { near } = nodes
      const { allHear } = await subscribe(nodes, 300)
      await allHear(2_000)
      const gaps = nodes.gaps()
      await cluster.kill(1)
      await until('it is down', () => near.status === 'down', { withinMs: 2_000 })
      await within(
        100,
        'subscribe does not wait',
        near.subscribe('{a}', () => undefined),
      )
      await until('it is up', () => near.status === 'up', { withinMs: 20_000 })
      expect(nodes.gaps()).toBeGreaterThan(gaps)
      await allHear(2_000)
    },
  )

  test('[I5] a node that it was given and that is gone is not needed', async () => {
    await using cluster = await startCluster({ masters: 3, replicas: true })
    await using nodes = await makeNodes(cluster)
    const { allHear } = await subscribe(nodes, 50)
    await cluster.kill(0) // near was given this one
    await until('it is down', () => nodes.near.status === 'down')
    await until('it is up again', () => nodes.near.status === 'up', { withinMs: 20_000 })
    await allHear(2_000)
  })
})
