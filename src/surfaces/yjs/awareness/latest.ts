/** Awareness that waits: of each client what was heard last. */
import { type AwarenessEntry, decodeAwareness, encodeAwareness, type EntryLimits } from './codec.ts'

/** More than this is not kept: it is told again by those that it is about. */
const MOST_BYTES = 1024 * 1024
/** Whoever takes it judges the states. */
const LIMITS: EntryLimits = { entries: 10_000, stateBytes: MOST_BYTES, stateDepth: Infinity }

interface Kept {
  readonly entry: AwarenessEntry
  /** It came by itself: most likely the sender's own, and not told for somebody else. */
  readonly isAlone: boolean
}

export class LatestAwareness {
  readonly #kept = new Map<number, Kept>()
  #bytes = 0

  /** @throws MalformedAwareness */
  hear(update: Uint8Array): void {
    const entries = decodeAwareness(update, LIMITS)
    for (const { id, clock, state } of entries) {
      // A copy: the frame is the socket's.
      const entry = { id, clock, state: state && Uint8Array.from(state) }
      this.#keep({ entry, isAlone: entries.length === 1 })
    }
  }

  #keep(kept: Kept): void {
    const { id, clock } = kept.entry
    const before = this.#kept.get(id)
    if (before && before.entry.clock > clock) return
    const bytes = this.#bytes + sizeOf(kept) - (before ? sizeOf(before) : 0)
    if (bytes > MOST_BYTES) return
    this.#kept.set(id, kept)
    this.#bytes = bytes
  }

  get isEmpty(): boolean {
    return this.#kept.size === 0
  }

  /** What is to be told next, as one update: what came by itself goes by itself. */
  next(): Uint8Array {
    const all = [...this.#kept.values()]
    const some = all[0]?.isAlone ? all.slice(0, 1) : all.filter(({ isAlone }) => !isAlone)
    for (const one of some) {
      this.#kept.delete(one.entry.id)
      this.#bytes -= sizeOf(one)
    }
    return encodeAwareness(some.map(({ entry }) => entry))
  }
}

const sizeOf = ({ entry }: Kept): number => 100 + (entry.state?.length ?? 0)
