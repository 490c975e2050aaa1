/**
 * The changes that wait for their turn, in the order they were made, and what each of them has missed since.
 */
import { concat } from './bytes.ts'
import type { Bytes } from './bytes.ts'

/**
 * Adapts a change to bytes that were stored before it and that it did not know of.
 *
 * It is called for each waiting change, oldest first, with everything by others since the change was made or last rebased.
 * Large appends and long absences arrive in parts, so `missed` may begin and end within a change of theirs: a hook that
 * needs whole ones looks at the state it keeps from `data`, which has all of `missed` by now.
 *
 * @returns the adapted change, or null to withdraw it
 */
export type Rebase = (change: Uint8Array, missed: Uint8Array) => Uint8Array | null

export type AppendOutcome =
  /** Stored once, at `[offset, length)`, after being rebased that many times. */
  | {
      readonly kind: 'stored'
      readonly offset: number
      readonly length: number
      readonly rebases: number
    }
  /** The session may not write. */
  | { readonly kind: 'denied' }
  /** `rebase` returned null, or threw `cause`. */
  | { readonly kind: 'withdrawn'; readonly cause?: unknown }
  /** The server takes no append that big, or no document. */
  | { readonly kind: 'too-large' }
  /** The document it was made for is gone; another one has its name. */
  | { readonly kind: 'reset' }
  /** The client was closed first. In doubt: it may have been stored all the same. */
  | { readonly kind: 'closed'; readonly inDoubt: boolean }

export interface Change {
  bytes: Bytes
  rebases: number
  /** How many bytes by others, since the beginning, this change knows of. */
  knows: number
  readonly settle: (outcome: AppendOutcome) => void
}

interface PendingOptions {
  readonly rebase: Rebase | undefined
  readonly rebased: (rebased: { changes: number; missed: number }) => void
}

export function makePending({ rebase, rebased }: PendingOptions) {
  let queue: Change[] = []
  let count = 0
  /** Bytes by others, counted only while changes are pending; `foreign` is the end of them, from `foreignFrom` on. */
  let foreignTotal = 0
  let foreign: Uint8Array[] = []
  let foreignFrom = 0

  /** Keeps only what some waiting change has yet to see. */
  function trim(): void {
    const from = queue.reduce((least, change) => Math.min(least, change.knows), foreignTotal)
    foreign = from === foreignTotal ? [] : [concat(foreign).subarray(from - foreignFrom)]
    foreignFrom = from
  }

  function settle(change: Change, outcome: AppendOutcome): void {
    count -= 1
    if (count === 0) trim()
    change.settle(outcome)
  }

  function withdraw(change: Change, cause?: unknown): false {
    settle(change, cause === undefined ? { kind: 'withdrawn' } : { kind: 'withdrawn', cause })
    return false
  }

  /** @returns false when the change is withdrawn */
  function adapt(change: Change): boolean {
    if (!rebase) return true
    const missed = concat(foreign).subarray(change.knows - foreignFrom)
    try {
      const adapted = rebase(change.bytes, missed)
      if (!adapted) return withdraw(change)
      change.bytes = concat([adapted])
      return true
    } catch (cause) {
      return withdraw(change, cause)
    }
  }

  /** Brings the changes up to date, leaving out those that are withdrawn. */
  function rebaseAll(changes: readonly Change[]): Change[] {
    const behind = changes.filter((change) => change.knows < foreignTotal)
    if (behind.length === 0) return [...changes]
    foreign = [concat(foreign)]
    const missed = foreignTotal - Math.min(...behind.map((change) => change.knows))
    const kept = changes.filter((change) => !behind.includes(change) || adapt(change))
    for (const change of behind) {
      change.knows = foreignTotal
      change.rebases += 1
    }
    rebased({ changes: behind.length, missed })
    return kept
  }

  return {
    get count() {
      return count
    },
    add: (bytes: Uint8Array): Promise<AppendOutcome> =>
      new Promise((settleIt) => {
        // A copy: the caller may use its buffer again.
        const own = concat([bytes])
        queue.push({ bytes: own, rebases: 0, knows: foreignTotal, settle: settleIt })
        count += 1
      }),
    settle,
    settleAll(outcome: AppendOutcome): void {
      const all = queue
      queue = []
      for (const change of all) settle(change, outcome)
      trim()
    },
    missed(bytes: Uint8Array): void {
      if (count === 0) return
      foreignTotal += bytes.length
      if (rebase) foreign.push(bytes)
      else foreignFrom = foreignTotal
    },
    /** Puts changes back in front: they were made before those that wait. */
    giveBack(changes: readonly Change[]): void {
      queue = [...changes, ...queue]
    },
    /** The next changes, rebased, for one append of about `maxBytes`; at least one, whatever its size. */
    take(maxBytes: number): { changes: Change[]; bytes: Bytes } | undefined {
      while (queue.length > 0) {
        let size = queue[0]!.bytes.length
        let end = 1
        while (end < queue.length && size + queue[end]!.bytes.length <= maxBytes) {
          size += queue[end]!.bytes.length
          end += 1
        }
        const changes = rebaseAll(queue.splice(0, end))
        trim()
        if (changes.length > 0) return { changes, bytes: concat(changes.map((c) => c.bytes)) }
      }
      return undefined
    },
  }
}
