import { randomBytes } from 'node:crypto'
import { describe, expect, inject, test } from 'vitest'
import type { BusStatus } from '../../src/core/ports.ts'
import { startRedisProxy } from '../support/faults.ts'
import { makeRandom } from '../support/random.ts'
import { until, within } from '../support/wait.ts'
import { startStallingProxy } from './proxy.ts'
import { startBus } from './support.ts'
import type { TestBus } from './support.ts'

const { redisUrl, redisPrefix } = inject('services')

const startDeafeningProxy = () => startRedisProxy(redisUrl!, makeRandom(1))
const startStalling = () => startStallingProxy(redisUrl!)

/** A node behind a proxy that can go bad, and one that is well. */
async function makeNodes<Proxy extends AsyncDisposable & { readonly url: string }>(
  startProxy: () => Promise<Proxy>,
) {
  const prefix = `${redisPrefix}${randomBytes(4).toString('hex')}:`
  const proxy = await startProxy()
  const near = await startBus({ url: proxy.url, prefix })
  const far = await startBus({ url: redisUrl!, prefix })
  const heard: string[] = []
  const hear = (message: Uint8Array): void => void heard.push(Buffer.from(message).toString())
  await near.subscribe('{a}', hear)
  const statuses: BusStatus[] = []
  near.onStatus((status) => statuses.push(status))
  let gaps = 0
  near.onGap(() => (gaps += 1))
  return {
    proxy,
    near,
    far,
    heard,
    statuses,
    gaps: () => gaps,
    async [Symbol.asyncDispose]() {
      await Promise.all([near.close(), far.close()])
      await proxy[Symbol.asyncDispose]()
    },
  }
}

async function hearsAgain(nodes: { far: TestBus; heard: string[] }): Promise<void> {
  const before = nodes.heard.length
  nodes.far.publish('{a}', Buffer.from('again'))
  await until('it hears', () => nodes.heard.length > before)
}

describe.skipIf(redisUrl === undefined)('a bus that does not hear', { concurrent: true }, () => {
  test('[I9] notices that its connection is deaf, and replaces it', async () => {
    await using nodes = await makeNodes(startDeafeningProxy)
    const { proxy, near, far, heard, statuses } = nodes
    proxy.deafen('present')
    far.publish('{a}', Buffer.from('missed'))
    await until('it is deaf', () => near.status === 'deaf', { withinMs: 9_000 })
    expect(nodes.gaps()).toBe(0)
    await until('it is up again', () => near.status === 'up', { withinMs: 2_000 })
    expect(nodes.gaps()).toBe(1)
    expect(statuses).toEqual(['deaf', 'up'])
    expect(near.meter.resubscriptions.at(-1)).toBe(2)
    await hearsAgain(nodes)
    expect(heard).toEqual(['again'])
  })

  test('[I9] is Redis-less when new connections are deaf too, until they are not', async () => {
    await using nodes = await makeNodes(startDeafeningProxy)
    const { proxy, near, statuses } = nodes
    proxy.deafen('all')
    await until('it is deaf', () => near.status === 'deaf', { withinMs: 9_000 })
    await until('it is down', () => near.status === 'down', { withinMs: 17_000 })
    const gaps = nodes.gaps()
    proxy.hear()
    await until('it is up', () => near.status === 'up', { withinMs: 2_000 })
    expect(nodes.gaps()).toBe(gaps + 1)
    expect(statuses).toEqual(['deaf', 'down', 'up'])
    await hearsAgain(nodes)
  })

  test('[I9] tells the gap when it finds that a probe was lost', async () => {
    await using nodes = await makeNodes(startDeafeningProxy)
    const { proxy, near, far, heard, statuses } = nodes
    proxy.lose({ drop: 1 })
    far.publish('{a}', Buffer.from('lost'))
    await until('a probe is lost', () => proxy.counts.dropped >= 3)
    proxy.lose()
    await until('the gap is told', () => nodes.gaps() === 1)
    expect([heard, statuses, near.status]).toEqual([[], [], 'up'])
  })

  test('[I9] replaces a publisher that is half-open, and goes on hearing', async () => {
    await using nodes = await makeNodes(startStalling)
    const { proxy, near, heard, statuses } = nodes
    proxy.stall('publishers')
    proxy.heal()
    near.publish('{a}', Buffer.from('lost'))
    await hearsAgain(nodes)
    await until('it publishes again', () => {
      near.publish('{a}', Buffer.from('own'))
      return heard.includes('own')
    })
    expect(heard).not.toContain('lost')
    expect(near.meter.lost.away).toBeGreaterThan(0)
    expect([statuses, nodes.gaps()]).toEqual([[], 0])
  })

  test('[I5] tells the others that it could not publish, so that they verify', async () => {
    await using nodes = await makeNodes(startStalling)
    const { proxy, near, far } = nodes
    let told = 0
    far.onGap(() => (told += 1))
    proxy.stall('publishers')
    proxy.heal()
    near.publish('{a}', Buffer.from('lost'))
    await until('the other node is told', () => told === 1)
    expect(nodes.gaps()).toBe(0) // its own followers know
    for (let i = 0; i < 20; i += 1) near.publish('{a}', Buffer.from('taken'))
    await until('they are heard', () => nodes.heard.length === 20)
    expect(told).toBe(1)
  })

  test('[I9] replaces both connections when both are half-open', async () => {
    await using nodes = await makeNodes(startStalling)
    nodes.proxy.stall('present')
    nodes.proxy.heal()
    await until('the gap is told', () => nodes.gaps() === 1, { withinMs: 10_000 })
    await until('it is up', () => nodes.near.status === 'up')
    await hearsAgain(nodes)
  })

  test('[I5] is down when Redis accepts and does not answer, and recovers', async () => {
    await using nodes = await makeNodes(startStalling)
    const { proxy, near } = nodes
    proxy.stall('all')
    await until('it is down', () => near.status === 'down', { withinMs: 9_000 })
    await within(
      100,
      'subscribe does not wait',
      near.subscribe('{b}', () => undefined),
    )
    proxy.heal()
    await until('it is up', () => near.status === 'up', { withinMs: 12_000 })
    await hearsAgain(nodes)
  })

  test('[I6] bounds what it has published and Redis has not taken', async () => {
    await using nodes = await makeNodes(startStalling)
    const { proxy, near } = nodes
    proxy.stall('present')
    const message = new Uint8Array(1_000)
    for (let i = 0; i < 20_000; i += 1) near.publish('{b}', message)
    expect(near.meter.lost.full).toBe(10_000)
    const large = new Uint8Array(1024 * 1024)
    proxy.heal()
    await until('the rest is given up', () => near.meter.lost.away === 10_000)
    await until('it can publish again', () => {
      near.publish('{a}', Buffer.from('own'))
      return nodes.heard.includes('own')
    })
    proxy.stall('present')
    for (let i = 0; i < 20; i += 1) near.publish('{b}', large)
    expect(near.meter.lost.full).toBeGreaterThanOrEqual(10_004)
  })

  test('ends at once, however its connections are', async () => {
    for (const fault of ['none', 'stalled', 'gone'] as const) {
      const { proxy, near, far } = await makeNodes(startStalling)
      if (fault === 'stalled') proxy.stall('all')
      if (fault === 'gone') await proxy[Symbol.asyncDispose]()
      near.publish('{a}', Buffer.from('x'))
      await within(1_500, `it closes when ${fault}`, near.close())
      // A half-open one does not see that it is over.
      if (fault === 'none') await until('no connection is left', () => proxy.connections === 0)
      await far.close()
      if (fault !== 'gone') await proxy[Symbol.asyncDispose]()
    }
  })
})
