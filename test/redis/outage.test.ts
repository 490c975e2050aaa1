import { createServer } from 'node:net'
import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import type { BusStatus } from '../../src/core/ports.ts'
import { hasRedisServer, startRedis } from '../support/servers.ts'
import type { OwnServer } from '../support/servers.ts'
import { until, within } from '../support/wait.ts'
import { startBus } from './support.ts'

const prefix = 'outage:'
const text = (message: Uint8Array): string => Buffer.from(message).toString()

async function order(server: OwnServer, ...command: [string, ...string[]]): Promise<unknown> {
  const redis = new Redis(server.url)
  redis.on('error', () => undefined)
  try {
    return await redis.call(...command)
  } finally {
    redis.disconnect()
  }
}

describe.skipIf(!hasRedisServer())('a bus whose Redis', () => {
  test('[I5] kills its subscribers tells the gap, hears again, and stays up', async () => {
    await using server = await startRedis()
    await using bus = await startBus({ url: server.url, prefix })
    const statuses: BusStatus[] = []
    bus.onStatus((status) => statuses.push(status))
    const heard: string[] = []
    await bus.subscribe('{a}', (message) => heard.push(text(message)))
    for (let kill = 1; kill <= 3; kill += 1) {
      const gap = new Promise<void>((resolve) => bus.onGap(() => resolve()))
      expect(await order(server, 'CLIENT', 'KILL', 'TYPE', 'pubsub')).toBe(1)
      await within(2_000, 'the gap is told', gap)
      bus.publish('{a}', Buffer.from(`after ${kill}`))
      await until('it hears', () => heard.includes(`after ${kill}`))
    }
    expect(statuses).toEqual([])
    // The probe's own channel counts.
    expect(bus.meter.resubscriptions).toEqual([1, 2, 2, 2])
  })

  test('[I5] stops is down at once, waits for nothing, and recovers when it is back', async () => {
    await using server = await startRedis()
    await using bus = await startBus({ url: server.url, prefix })
    const heard: string[] = []
    const hear = (message: Uint8Array): void => void heard.push(text(message))
    await bus.subscribe('{before}', hear)
    await bus.subscribe('{left}', hear)
    await server.stop('immediate')
    await until('it is down', () => bus.status === 'down', { withinMs: 1_000 })
    await within(50, 'subscribe does not wait', bus.subscribe('{during}', hear))
    bus.unsubscribe('{left}', hear)
    for (let i = 0; i < 1_000; i += 1) bus.publish('{before}', Buffer.from('while down'))
    expect(bus.meter.lost.away).toBe(1_000)

    let gaps = 0
    bus.onGap(() => (gaps += 1))
    await server.start()
    await until('it is up', () => bus.status === 'up', { withinMs: 1_500 })
    expect(gaps).toBe(1)
    for (const channel of ['{before}', '{during}', '{left}']) {
      bus.publish(channel, Buffer.from(channel))
    }
    await until('it hears', () => heard.length === 2)
    expect(heard).toEqual(['{before}', '{during}']) // and nothing that was published while it was down
  })

  test('[I5] is not there when it starts is joined later', async () => {
    await using server = await startRedis()
    await server.stop()
    await using bus = await startBus({ url: server.url, prefix }, false)
    expect(bus.status).toBe('down')
    const heard: string[] = []
    await within(
      50,
      'it resolves',
      bus.subscribe('{a}', (message) => heard.push(text(message))),
    )
    const gap = new Promise<void>((resolve) => bus.onGap(() => resolve()))
    await server.start()
    await within(1_500, 'the gap is told', gap)
    await until('it is up', () => bus.status === 'up')
    bus.publish('{a}', Buffer.from('x'))
    await until('it hears', () => heard.length === 1)
  })

  test('[I5] was away has 10,000 channels again within a second', async () => {
    await using server = await startRedis()
    await using bus = await startBus({ url: server.url, prefix })
    const hear = (): void => undefined
    const channels = Array.from({ length: 10_000 }, (_, i) => `{${i}}`)
    await Promise.all(channels.map((channel) => bus.subscribe(channel, hear)))
    await server.stop('immediate')
    await until('it is down', () => bus.status === 'down')
    await server.start()
    await until('it is up', () => bus.status === 'up', { withinMs: 1_000 })
    expect(bus.meter.resubscriptions.at(-1)).toBe(10_001)
    const answer = (await order(server, 'PUBSUB', 'CHANNELS', `${prefix}{*`)) as unknown[]
    expect(answer).toHaveLength(10_000)
  })

  test('[I9] is well keeps its connections over a standstill of the process', async () => {
    await using server = await startRedis()
    await using bus = await startBus({ url: server.url, prefix })
    const statuses: BusStatus[] = []
    bus.onStatus((status) => statuses.push(status))
    const heard: string[] = []
    await bus.subscribe('{a}', (message) => heard.push(text(message)))
    bus.publish('{a}', Buffer.from('before'))
    await new Promise(setImmediate)
    const end = performance.now() + 6_000
    while (performance.now() < end); // as SIGSTOP does
    bus.publish('{a}', Buffer.from('after'))
    await until('both are heard', () => heard.length === 2)
    expect([statuses, bus.meter.resubscriptions]).toEqual([[], [1]])
    expect(bus.meter.lost.away).toBe(0)
  })

  test('[I5] has been away for long is back within a second', async () => {
    await using server = await startRedis()
    await using bus = await startBus({ url: server.url, prefix })
    await server.stop('immediate')
    let attempts = 0
    const turnAway = createServer((socket) => {
      attempts += 1
      socket.destroy()
    })
    turnAway.listen(server.port, '127.0.0.1')
    await until('it has tried for a while', () => attempts > 20)
    await new Promise((resolve) => turnAway.close(resolve))
    await server.start()
    await until('it is up', () => bus.status === 'up', { withinMs: 1_000 })
  })

  test('wants a name and a password gets them from the address', async () => {
    await using server = await startRedis()
    await order(server, 'ACL', 'SETUSER', 'ann', 'on', '>s3 cret/@', 'allchannels', 'nocommands')
    const commands = '+publish +subscribe +unsubscribe +hello +client|setname +info'.split(' ')
    await order(server, 'ACL', 'SETUSER', 'ann', ...commands)
    await order(server, 'ACL', 'SETUSER', 'default', 'off', 'resetkeys')
    const url = server.url.replace('//', `//ann:${encodeURIComponent('s3 cret/@')}@`)
    await using bus = await startBus({ url, prefix })
    const heard: string[] = []
    await bus.subscribe('{a}', (message) => heard.push(text(message)))
    bus.publish('{a}', Buffer.from('x'))
    await until('it hears', () => heard.length === 1)

    const warnings: object[] = []
    await using stranger = await startBus(
      {
        url: server.url,
        prefix,
        log: {
          debug: () => undefined,
          info: () => undefined,
          warn: (fields) => void warnings.push(fields),
          error: () => undefined,
        },
      },
      false,
    )
    await until('it is told why', () => warnings.length > 0)
    expect(stranger.status).toBe('down')
    expect(String((warnings[0] as { err: unknown }).err)).toContain('NOAUTH')
  })
})
