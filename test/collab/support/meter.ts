import type { Meter } from '../../../src/core/meter.ts'

export interface Tally {
  readonly meter: Meter
  /** How often a figure was counted, and with which first argument where one is given. */
  count(name: keyof Meter, first?: unknown): number
}

/** A meter that remembers every call. */
export function makeTally(): Tally {
  const calls: { name: string; first: unknown }[] = []
  const meter = new Proxy({} as Meter, {
    get: (_target, name) => (first: unknown) => void calls.push({ name: String(name), first }),
  })
  return {
    meter,
    count: (name, first) =>
      calls.filter((call) => call.name === name && (first === undefined || call.first === first))
        .length,
  }
}

/** One that does what it is told to, and nothing else. */
export function meterOf(calls: Partial<Meter>): Meter {
  return new Proxy(calls as Meter, {
    get: (told, name) =>
      (told as unknown as Record<PropertyKey, unknown>)[name] ?? (() => undefined),
  })
}
