import { expect, test } from 'vitest'
import type { Bus } from '../../src/core/ports.ts'
import { seededRandom } from '../support/random.ts'
import { until, within } from '../support/wait.ts'

/** Two nodes on one bus, and what can be done to what carries it. */
export interface BusBench extends AsyncDisposable {
  readonly near: Bus
  readonly far: Bus
}

let made = 0
export const newChannel = (): string => `{${(made += 1)}}`
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** What somebody hears, as texts. */
export function ear(): { heard: string[]; hear: (message: Uint8Array) => void } {
  const heard: string[] = []
  return { heard, hear: (message) => void heard.push(Buffer.from(message).toString('latin1')) }
}

/** Known by its name where hearers live in another thread. */
function throwing(): void {
  throw new Error('this message cannot be digested')
}

/** What `core/ports.ts` promises of every Bus. `make` may be called once per test. */
export function busContract(name: string, make: () => Promise<BusBench>): void {
  const it = testsOf(name, make)

  it('every node hears what is published, the publisher too', async ({ near, far }) => {
    const channel = newChannel()
    const [a, b] = [ear(), ear()]
    await Promise.all([near.subscribe(channel, a.hear), far.subscribe(channel, b.hear)])
    near.publish(channel, bytes('one'))
    await until('both heard', () => a.heard.length > 0 && b.heard.length > 0)
    far.publish(channel, bytes('two'))
    await until('both heard', () => a.heard.length > 1 && b.heard.length > 1)
    expect([a.heard, b.heard]).toEqual([
      ['one', 'two'],
      ['one', 'two'],
    ])
  })

  it('a message is heard after publish has returned, not within it', async ({ near }) => {
    const channel = newChannel()
    const { heard, hear } = ear()
    await near.subscribe(channel, hear)
    near.publish(channel, bytes('later'))
    expect(heard).toEqual([])
    await until('it is heard', () => heard.length === 1)
  })

  it('nobody hears channels it did not subscribe to', async ({ near, far }) => {
    const [mine, other] = [newChannel(), newChannel()]
    const { heard, hear } = ear()
    await near.subscribe(mine, hear)
    far.publish(other, bytes('not for me'))
    near.publish(other, bytes('not for me'))
    await settle(far, near)
    expect(heard).toEqual([])
  })

  it('each of several hearers of one channel hears a message once', async ({ near, far }) => {
    const channel = newChannel()
    const [a, b] = [ear(), ear()]
    await near.subscribe(channel, a.hear)
    await Promise.all([near.subscribe(channel, b.hear), near.subscribe(channel, b.hear)])
    far.publish(channel, bytes('x'))
    await until('both heard', () => a.heard.length > 0 && b.heard.length > 0)
    await settle(far, near)
    expect([a.heard, b.heard]).toEqual([['x'], ['x']])
  })

  it('who unsubscribes hears no more, and the others still do', async ({ near, far }) => {
    const channel = newChannel()
    const [gone, stays] = [ear(), ear()]
    await near.subscribe(channel, gone.hear)
    await near.subscribe(channel, stays.hear)
    near.unsubscribe(channel, gone.hear)
    await settle(near)
    far.publish(channel, bytes('x'))
    await until('the other heard', () => stays.heard.length > 0)
    near.unsubscribe(channel, stays.hear)
    await settle(far, near)
    far.publish(channel, bytes('y'))
    await settle(far, near)
    expect([gone.heard, stays.heard]).toEqual([[], ['x']])
  })

  it('unsubscribing what was never subscribed changes nothing', async ({ near, far }) => {
    const channel = newChannel()
    const { heard, hear } = ear()
    await near.subscribe(channel, hear)
    near.unsubscribe(channel, ear().hear)
    near.unsubscribe(newChannel(), hear)
    far.publish(channel, bytes('x'))
    await until('it is heard', () => heard.length > 0)
  })

  it('any bytes arrive as they were sent', async ({ near, far }) => {
    const channel = newChannel()
    const heard: Uint8Array[] = []
    await near.subscribe(channel, (message) => heard.push(message))
    const every = Uint8Array.from({ length: 256 }, (_, i) => i)
    const large = Uint8Array.from({ length: 1024 * 1024 }, (_, i) => (i * 7919) >> 3)
    const messages = [every, new Uint8Array(), bytes('\r\n$5\r\n'), Buffer.from([255, 254]), large]
    for (const message of messages) far.publish(channel, message)
    await until('all arrived', () => heard.length === messages.length)
    heard.forEach((message, i) => expect(Buffer.compare(message, messages[i]!)).toBe(0))
  })

  it('the publisher may use its buffer again at once', async ({ near, far }) => {
    const channel = newChannel()
    const { heard, hear } = ear()
    await near.subscribe(channel, hear)
    for (const buffer of [bytes('before'), Buffer.from('before')]) {
      far.publish(channel, buffer)
      buffer.fill(0)
    }
    await until('both arrived', () => heard.length === 2)
    expect(heard).toEqual(['before', 'before'])
  })

  it('a channel subscribed again while its unsubscribe is under way is subscribed', async ({
    near,
    far,
  }) => {
    const { heard, hear } = ear()
    for (const pause of [undefined, 'turn', 'answer'] as const) {
      const channel = newChannel()
      await near.subscribe(channel, hear)
      near.unsubscribe(channel, hear)
      if (pause === 'turn') await new Promise(setImmediate)
      if (pause === 'answer') await settle(near, far)
      await near.subscribe(channel, hear)
      far.publish(channel, bytes(String(pause)))
      await until(`heard after ${String(pause)}`, () => heard.includes(String(pause)))
    }
    expect(heard).toEqual(['undefined', 'turn', 'answer'])
  })

  it('however subscribes and unsubscribes cross, the last one counts', async ({ near, far }) => {
    const random = seededRandom(`bus ${name}`)
    const channels = Array.from({ length: 40 }, newChannel)
    const ears = channels.map(ear)
    const isWanted = channels.map(() => false)
    const done: Promise<void>[] = []
    for (let step = 0; step < 2_000; step += 1) {
      const i = random.between(0, channels.length)
      isWanted[i] = random.chance(0.5)
      if (isWanted[i]) done.push(near.subscribe(channels[i]!, ears[i]!.hear))
      else near.unsubscribe(channels[i]!, ears[i]!.hear)
      if (random.chance(0.05)) await new Promise(setImmediate)
      if (random.chance(0.01)) await settle(near, far)
    }
    await within(5_000, 'every subscribe resolves', Promise.all(done))
    await settle(near, far)
    for (const channel of channels) far.publish(channel, bytes('x'))
    await until('the wanted ones hear', () =>
      ears.every((e, i) => !isWanted[i] || e.heard.length > 0),
    )
    await settle(far, near)
    expect(ears.map((e) => e.heard.length)).toEqual(isWanted.map((wanted) => (wanted ? 1 : 0)))
  })

  it('10,000 channels each hear their own messages', async ({ near, far }) => {
    const heard = new Map<string, string>()
    const channels = Array.from({ length: 10_000 }, newChannel)
    const hearers = channels.map((channel) => (message: Uint8Array) => {
      heard.set(channel, Buffer.from(message).toString())
    })
    await within(
      5_000,
      'all are subscribed',
      Promise.all(channels.map((channel, i) => near.subscribe(channel, hearers[i]!))),
    )
    // In portions: a bus may drop what it is given faster than it can send.
    for (let at = 0; at < channels.length; at += 500) {
      for (const channel of channels.slice(at, at + 500)) far.publish(channel, bytes(channel))
      await until('the portion is heard', () => heard.size === at + 500)
    }
    expect([...heard].every(([channel, message]) => channel === message)).toBe(true)
    channels.forEach((channel, i) => near.unsubscribe(channel, hearers[i]!))
  })

  it('[I10] a hearer that throws keeps nobody else from hearing', async ({ near, far }) => {
    const channel = newChannel()
    const { heard, hear } = ear()
    await near.subscribe(channel, throwing)
    await near.subscribe(channel, hear)
    far.publish(channel, bytes('one'))
    far.publish(channel, bytes('two'))
    await until('both are heard', () => heard.length === 2)
  })

  it('a closed bus hears nothing, resolves, and swallows what is published', async ({
    near,
    far,
  }) => {
    const channel = newChannel()
    const { heard, hear } = ear()
    await near.subscribe(channel, hear)
    await near.close()
    await within(1_000, 'it resolves', near.subscribe(newChannel(), hear))
    near.publish(channel, bytes('x'))
    far.publish(channel, bytes('x'))
    near.unsubscribe(channel, hear)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(heard).toEqual([])
  })
}

export function testsOf<Bench extends BusBench>(name: string, make: () => Promise<Bench>) {
  return (what: string, body: (bench: Bench) => Promise<void>): void => {
    test(`[bus ${name}] ${what}`, async () => {
      await using bench = await make()
      await body(bench)
    })
  }
}

/** Waits until everything said before has gone through: a message after it has gone round. */
export async function settle(...buses: readonly Bus[]): Promise<void> {
  for (const bus of buses) {
    const channel = newChannel()
    const { heard, hear } = ear()
    await bus.subscribe(channel, hear)
    bus.publish(channel, bytes('settled'))
    await until('a message goes round', () => heard.length > 0)
    bus.unsubscribe(channel, hear)
  }
}
