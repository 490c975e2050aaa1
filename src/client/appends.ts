/**
 * The client's half of optimistic concurrency, without I/O: what has been received, what is to be appended, and what became
 * of an append whose answer never came.
 *
 *   queued ──next()──▶ sent ──answer 1──▶ stored            (its bytes are delivered as our own)
 *     ▲                 │ ───answer 2──▶ denied
 *     │                 │ ───answer 0──▶ queued again, to be rebased when everything up to the refused length is here
 *     │                 └──disconnected()──▶ in doubt
 *     └──other bytes lie at its offset── in doubt ──its very bytes lie at its offset──▶ stored
 *
 * An append in doubt may still commit while we are back already, on another node. So the same bytes are sent again at the
 * same offset: of the two at most one is stored, and the bytes at that offset say which. While they are arriving they are
 * held back, because whose they are is not known before all of them are here.
 */
import { concat, samePrefix } from './bytes.ts'
import type { Bytes } from './bytes.ts'
import { guarded } from './events.ts'
import { makePending } from './pending.ts'
import type { AppendOutcome, Change, Rebase } from './pending.ts'

export interface Delivery {
  readonly offset: number
  readonly bytes: Uint8Array
  /** Whether this client appended them. */
  readonly own: boolean
}

export interface AppendsOptions {
  readonly offset: number
  readonly maxBatchBytes: number
  readonly rebase: Rebase | undefined
  /** Called with every byte of the document from `offset` on, in order, once. */
  readonly deliver: (delivery: Delivery) => void
  /** An append lost the race: the document was `actual` bytes long, not `expected`. */
  readonly conflict: (lengths: { expected: number; actual: number }) => void
  readonly rebased: (rebased: { changes: number; missed: number }) => void
}

/** What the server did that it never should: the caller connects again, and what is in doubt is settled then. */
export type Verdict = 'ok' | 'broken'

interface Attempt {
  readonly at: number
  readonly changes: readonly Change[]
  readonly bytes: Bytes
  /** On the present connection. */
  sent: boolean
  /** Sent on a connection that ended before the answer came. */
  inDoubt: boolean
  refusedAt?: number
}

export type Appends = ReturnType<typeof makeAppends>

export function makeAppends(options: AppendsOptions) {
  const pending = makePending(options)
  let position = options.offset
  let held: Bytes = concat([])
  let attempt: Attempt | undefined
  let answerDue = false
  /** The length at which an append was refused: no use in trying before all of that is here. */
  let waitFor = 0

  function deliver(bytes: Uint8Array, own: boolean): void {
    const offset = position
    position += bytes.length
    if (!own) pending.missed(bytes)
    if (bytes.length > 0) guarded(() => options.deliver({ offset, bytes, own }))
  }

  function deliverHeld(): void {
    const bytes = held
    held = concat([])
    deliver(bytes, false)
  }

  function stored(won: Attempt): void {
    attempt = undefined
    deliver(won.bytes, true)
    let offset = won.at
    for (const change of won.changes) {
      const length = offset + change.bytes.length
      pending.settle(change, { kind: 'stored', offset, length, rebases: change.rebases })
      offset = length
    }
  }

  function lost(lostOne: Attempt): void {
    attempt = undefined
    if (lostOne.refusedAt !== undefined) {
      options.conflict({ expected: lostOne.at, actual: lostOne.refusedAt })
    }
    pending.giveBack(lostOne.changes)
    deliverHeld()
  }

  /** Whose are the bytes where the append in doubt would be? */
  function decide(doubted: Attempt): void {
    const { bytes, at, refusedAt = Infinity } = doubted
    const isOther = !samePrefix(bytes, held, Math.min(bytes.length, held.length))
    if (isOther || refusedAt < at + bytes.length) lost(doubted)
    else if (held.length >= bytes.length) {
      held = held.slice(bytes.length)
      stored(doubted)
      deliverHeld()
    }
  }

  function refused(length: number, of: Attempt): Verdict {
    if (length <= of.at) return 'broken'
    waitFor = length
    of.refusedAt = length
    if (of.inDoubt) decide(of)
    else lost(of)
    return 'ok'
  }

  return {
    /** Bytes delivered so far: where the next connection joins. */
    get position() {
      return position
    },
    /** Bytes received so far, those held back included. */
    get received() {
      return position + held.length
    },
    /** Changes not settled yet. */
    get pending() {
      return pending.count
    },
    get isInDoubt() {
      return attempt?.inDoubt ?? false
    },

    add: (bytes: Uint8Array): Promise<AppendOutcome> => pending.add(bytes),

    /** What to send now, if anything; it counts as sent. */
    next(): { offset: number; bytes: Bytes } | undefined {
      if (answerDue || attempt?.sent || position + held.length < waitFor) return undefined
      if (!attempt) {
        const batch = pending.take(options.maxBatchBytes)
        if (!batch) return undefined
        attempt = { at: position, ...batch, sent: false, inDoubt: false }
      }
      attempt.sent = true
      answerDue = true
      return { offset: attempt.at, bytes: attempt.bytes }
    },

    /** Takes bytes of the document; what is here already is skipped. A gap is 'broken'. */
    receive(offset: number, data: Uint8Array): Verdict {
      const end = position + held.length
      if (offset > end) return 'broken'
      const fresh = data.subarray(end - offset)
      if (fresh.length === 0) return 'ok'
      if (attempt?.inDoubt) {
        held = concat([held, fresh])
        decide(attempt)
      } else deliver(fresh, false)
      return 'ok'
    },

    /** Takes the answer to the append sent last (spec section 4.6). */
    answer(result: number, length: number): Verdict {
      if (!answerDue) return 'broken'
      answerDue = false
      const answered = attempt
      if (!answered) {
        // The bytes at its offset have told us already.
        if (result === 0) waitFor = length
        return 'ok'
      }
      if (result === 0) return refused(length, answered)
      if (result !== 1) {
        attempt = undefined
        for (const change of answered.changes) pending.settle(change, { kind: 'denied' })
        deliverHeld()
        return 'ok'
      }
      // It is an element of the stream: everything before it is here, and nothing from its place on.
      const isInPlace = answered.at === position && held.length === 0
      if (!isInPlace || length !== position + answered.bytes.length) return 'broken'
      stored(answered)
      return 'ok'
    },

    /** The connection is gone. */
    disconnected(): void {
      answerDue = false
      waitFor = 0
      // Sent again from `position` when we are back.
      held = concat([])
      if (!attempt) return
      attempt.inDoubt ||= attempt.sent
      attempt.sent = false
      delete attempt.refusedAt
      // Somebody else's bytes are at its offset, so it cannot have been stored there.
      if (attempt.at < position) lost(attempt)
    },

    /** Gives up what was sent last, which the server will never take. */
    giveUpSent(outcome: AppendOutcome): void {
      const given = attempt
      attempt = undefined
      for (const change of given?.changes ?? []) pending.settle(change, outcome)
    },

    /** Gives up everything pending; `inDoubt` is told of what was sent and never answered. */
    giveUp(outcome: (inDoubt: boolean) => AppendOutcome): void {
      this.giveUpSent(outcome(true))
      pending.settleAll(outcome(false))
    },

    /** Another document has this name now: begins again at 0. */
    reset(): void {
      this.giveUp(() => ({ kind: 'reset' }))
      answerDue = false
      waitFor = 0
      held = concat([])
      position = 0
    },
  }
}
