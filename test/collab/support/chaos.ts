/** A bus that loses, doubles, delays and reorders, and a store whose answers take their time. */
import type { Bus, DocumentStore } from '../../../src/core/ports.ts'
import type { Random } from '../../support/random.ts'

export interface Weather {
  /** Probabilities of a delivery. */
  lost: number
  doubled: number
  late: number
  /** Nothing is delivered at all. */
  isSilent: boolean
}

export interface Air {
  readonly weather: Weather
  /** One node's end. */
  readonly bus: () => Bus
  /** Every node is told that it may have missed something. */
  readonly tellGap: () => void
  /** Channels that somebody hears, and how many do. */
  readonly channels: () => ReadonlyMap<string, number>
  readonly counts: { delivered: number; lost: number; doubled: number; late: number }
}

const LATEST_MS = 40

export function makeAir(random: Random): Air {
  const weather: Weather = { lost: 0, doubled: 0, late: 0, isSilent: false }
  const counts = { delivered: 0, lost: 0, doubled: 0, late: 0 }
  const ears = new Map<string, Set<(message: Uint8Array) => void>>()
  const gaps: (() => void)[] = []

  function publish(channel: string, message: Uint8Array): void {
    const copy = new Uint8Array(message)
    for (const hear of ears.get(channel) ?? []) {
      const deliver = (): void => {
        // Whoever has unsubscribed meanwhile does not hear it.
        if (!ears.get(channel)?.has(hear)) return
        counts.delivered += 1
        hear(copy)
      }
      if (weather.isSilent || random.chance(weather.lost)) counts.lost += 1
      else if (random.chance(weather.late)) {
        counts.late += 1
        setTimeout(deliver, random.between(1, LATEST_MS))
      } else setImmediate(deliver)
      if (!weather.isSilent && random.chance(weather.doubled)) {
        counts.doubled += 1
        setTimeout(deliver, random.between(0, LATEST_MS))
      }
    }
  }

  return {
    weather,
    counts,
    channels: () => new Map([...ears].map(([channel, those]) => [channel, those.size])),
    tellGap: () => gaps.forEach((tell) => tell()),
    bus: () => ({
      async subscribe(channel, hear) {
        // Heard from now on at the earliest, from the answer on for certain.
        const those = ears.get(channel) ?? new Set()
        ears.set(channel, those.add(hear))
        await turnsOf(random)
      },
      unsubscribe(channel, hear) {
        ears.get(channel)?.delete(hear)
        if (ears.get(channel)?.size === 0) ears.delete(channel)
      },
      publish,
      status: 'up',
      onGap: (listener) => void gaps.push(() => listener('reconnect')),
      onStatus: () => undefined,
      close: () => Promise.resolve(),
    }),
  }
}

/** Every call begins late and its answer arrives later, so that what is true may have changed in between. */
export function makeSlow(store: DocumentStore, random: Random): DocumentStore {
  const slow = async <T>(work: () => Promise<T>): Promise<T> => {
    await turnsOf(random)
    const answer = await work()
    await turnsOf(random)
    return answer
  }
  return {
    open: (request) => slow(() => store.open(request)),
    append: (batch, wait) => slow(() => store.append(batch, wait)),
    appendIdAt: (...which) => slow(() => store.appendIdAt(...which)),
    read: (...range) => slow(() => store.read(...range)),
    states: (epochs) => slow(() => store.states(epochs)),
    keys: (epoch) => slow(() => store.keys(epoch)),
    setKeys: (...sets) => slow(() => store.setKeys(...sets)),
    dropKeys: (...owner) => slow(() => store.dropKeys(...owner)),
    find: (id) => slow(() => store.find(id)),
    remove: (id) => slow(() => store.remove(id)),
  }
}

async function turnsOf(random: Random): Promise<void> {
  for (let turn = random.between(0, 4); turn > 0; turn -= 1) {
    await new Promise((done) => setImmediate(done))
  }
}
