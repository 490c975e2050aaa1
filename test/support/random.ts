import { createHash, randomInt } from 'node:crypto'

/** A seeded generator: the same seed gives the same faults in the same order. */
export interface Random {
  readonly seed: number
  /** A number in [0, 1). */
  next(): number
  /** True with this probability. */
  chance(probability: number): boolean
  /** An integer in [from, to). */
  between(from: number, to: number): number
  pick<T>(items: readonly T[]): T
  /** The same items in another order. */
  shuffle<T>(items: readonly T[]): T[]
  /** A generator of its own, so that one part's draws do not shift another's. */
  fork(): Random
}

/** @param seed 32 bit; the mulberry32 generator */
export function makeRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const between = (from: number, to: number): number => from + Math.floor(next() * (to - from))
  return {
    seed,
    next,
    chance: (probability) => next() < probability,
    between,
    pick: (items) => {
      const item = items[between(0, items.length)]
      if (item === undefined) throw new Error('nothing to pick from')
      return item
    },
    shuffle(items) {
      const drawn = items.map((item) => ({ item, draw: next() }))
      return drawn.sort((a, b) => a.draw - b.draw).map(({ item }) => item)
    },
    fork: () => makeRandom(between(0, 2 ** 32)),
  }
}

/**
 * The seed of a test: its name's unless `SEED` says another, so that a run says the same of the same code every time.
 * `SEED=new` draws one. It is printed, so that the run can be repeated.
 */
export function seededRandom(what: string): Random {
  const given = process.env.SEED
  const seed =
    given === 'new'
      ? randomInt(2 ** 32)
      : given === undefined
        ? createHash('sha256').update(what).digest().readUInt32LE()
        : Number(given)
  console.log(`${what}: seed ${seed} (SEED=${seed} repeats it)`)
  return makeRandom(seed)
}
