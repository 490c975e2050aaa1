import { expect } from 'vitest'
import { until, within } from '../support/wait.ts'
import { busContract, bytes, ear, newChannel, settle, testsOf } from './bus.ts'
import type { BusBench } from './bus.ts'

/** A bus whose messages go through a server. */
export interface ServedBusBench extends BusBench {
  /** Cuts every subscriber's connection once. */
  readonly cut: () => Promise<void>
  /** How many subscribers of each channel the server knows of. */
  readonly subscribers: (channels: readonly string[]) => Promise<number[]>
}

/** What every Bus promises whose messages go through a server, from which it can be cut off. */
export function servedBusContract(name: string, make: () => Promise<ServedBusBench>): void {
  busContract(name, make)
  const it = testsOf(name, make)

  it('[I5] after a cut every channel hears again, and the gap is told', async ({
    near,
    far,
    cut,
  }) => {
    const channels = Array.from({ length: 2_000 }, newChannel)
    const { heard, hear } = ear()
    await Promise.all(channels.map((channel) => near.subscribe(channel, hear)))
    const gap = new Promise<void>((resolve) => {
      near.onGap(() => {
        // What is published after the last gap must be heard; a bus of several servers tells of one for each.
        for (const channel of channels) far.publish(channel, bytes(channel))
        resolve()
      })
    })
    await cut()
    await within(5_000, 'the gap is told', gap)
    await until('every channel hears', () => new Set(heard).size === channels.length)
  })

  it('[I5] channels subscribed during a cut are heard after the gap', async ({
    near,
    far,
    cut,
  }) => {
    const { heard, hear } = ear()
    const gap = new Promise<void>((resolve) => near.onGap(() => resolve()))
    const cutting = cut()
    const channels: string[] = []
    const subscribing = (async () => {
      for (let i = 0; i < 200; i += 1) {
        const channel = newChannel()
        channels.push(channel)
        await within(2_000, 'it resolves', near.subscribe(channel, hear))
      }
    })()
    await Promise.all([cutting, gap, subscribing])
    await until('everything is heard', () => {
      const missing = channels.filter((channel) => !heard.includes(channel))
      for (const channel of missing) far.publish(channel, bytes(channel))
      return missing.length === 0
    })
  })

  it('[I7] the server knows of exactly the channels that are open', async ({
    near,
    far,
    subscribers,
  }) => {
    const channels = Array.from({ length: 700 }, newChannel)
    const { hear } = ear()
    const other = ear()
    for (const bus of [near, far]) {
      await Promise.all(channels.map((channel) => bus.subscribe(channel, hear)))
    }
    await Promise.all(channels.map((channel) => near.subscribe(channel, other.hear)))
    expect(new Set(await subscribers(channels))).toEqual(new Set([2]))
    for (const channel of channels) near.unsubscribe(channel, hear)
    await settle(near, far)
    expect(new Set(await subscribers(channels))).toEqual(new Set([2]))
    for (const channel of channels) near.unsubscribe(channel, other.hear)
    await settle(near, far)
    expect(new Set(await subscribers(channels))).toEqual(new Set([1]))
    for (const channel of channels) far.unsubscribe(channel, hear)
    await until('nobody is subscribed', async () =>
      (await subscribers(channels)).every((count) => count === 0),
    )
  })
}
