import { MessageChannel } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { makeLocalBus } from '../../src/local/bus.ts'
import { makeRelay } from '../../src/local/relay.ts'
import { makeRelayedBus } from '../../src/local/relayed.ts'
import type { Bus, BusStatus, GapCause } from '../../src/core/ports.ts'
import { silentLog } from '../redis/support.ts'
import { until } from '../support/wait.ts'
import { busContract } from './bus.ts'
import type { BusBench } from './bus.ts'
import { remoteBus } from './remoteBus.ts'

busContract('relayed to workers', makeBench)

function makeBench(): Promise<BusBench> {
  const local = makeLocalBus({ log: silentLog })
  const relay = makeRelay({ bus: local })
  const [near, far] = [remoteBus(relay), remoteBus(relay)]
  return Promise.resolve({
    near,
    far,
    async [Symbol.asyncDispose]() {
      await Promise.all([near, far].map((worker) => worker.terminate()))
      await local.close()
    },
  })
}

test('[bus relayed to workers] a worker that ends leaves no subscription behind', async () => {
  const inner = makeLocalBus({ log: silentLog })
  const open = new Set<string>()
  const counting: Bus = {
    ...inner,
    subscribe(channel, hear) {
      open.add(channel)
      return inner.subscribe(channel, hear)
    },
    unsubscribe: (channel) => void open.delete(channel),
  }
  const worker = remoteBus(makeRelay({ bus: counting }))
  await worker.subscribe('a', () => undefined)
  await worker.subscribe('b', () => undefined)
  expect(open).toEqual(new Set(['a', 'b']))
  await worker.terminate()
  await until('both are unsubscribed', () => open.size === 0)
})

test('[I5] gaps and the status of the main bus reach the workers', async () => {
  const told: { gap(cause: GapCause): void; status(status: BusStatus): void } = {
    gap: () => undefined,
    status: () => undefined,
  }
  const stub: Bus = {
    ...makeLocalBus({ log: silentLog }),
    status: 'down',
    onGap: (listener) => void (told.gap = listener),
    onStatus: (listener) => void (told.status = listener),
  }
  const worker = remoteBus(makeRelay({ bus: stub }))
  const gaps: GapCause[] = []
  worker.onGap((cause) => gaps.push(cause))
  await until('the status at the start arrives', () => worker.status === 'down')
  told.status('up')
  await until('its change arrives', () => worker.status === 'up')
  told.gap('probe')
  await until('the gap arrives', () => gaps.length === 1)
  expect(gaps).toEqual(['probe'])
  await worker.terminate()
})

test('[bus relayed to workers] a message takes only its own bytes along, as they were', async () => {
  const { port1, port2 } = new MessageChannel()
  makeRelay({ bus: makeLocalBus({ log: silentLog }) }).attach(port1)
  const bus = makeRelayedBus({ port: port2, log: silentLog })
  const heard: Uint8Array[] = []
  await bus.subscribe('a', (message) => heard.push(message))
  const pool = Buffer.alloc(1_000_000, 'x')
  const message = pool.subarray(10, 15)
  bus.publish('a', message)
  message.fill(0)
  await until('it is heard', () => heard.length === 1)
  expect(Buffer.from(heard[0]!).toString()).toBe('xxxxx')
  expect(heard[0]!.buffer.byteLength).toBe(5)
  await bus.close()
})

test('[I6] what a worker has yet to hear is bounded, and it is told of what it missed', async () => {
  const bus = makeLocalBus({ log: silentLog })
  const worker = remoteBus(makeRelay({ bus }))
  let heard = 0
  let gaps = 0
  worker.onGap(() => (gaps += 1))
  await worker.subscribe('a', () => (heard += 1))
  const mebibyte = new Uint8Array(1024 * 1024)
  // In one turn: the worker cannot have dealt with any of it.
  for (let i = 0; i < 100; i += 1) bus.publish('a', mebibyte)
  await until('it is told of the gap', () => gaps === 1)
  expect(heard).toBeGreaterThanOrEqual(32)
  expect(heard).toBeLessThan(40)
  bus.publish('a', mebibyte)
  const before = heard
  await until('it hears again', () => heard > before)
  await worker.terminate()
})
