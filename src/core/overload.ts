/**
 * Whether a thread is overloaded: its event loop is late, or its heap nearly full, for several seconds. It says so late and
 * takes it back later still, so that it does not flap; a single stall, as when a process was stopped, is none.
 */

export interface OverloadLimits {
  /** How late the event loop may be on average; 0 for no limit. */
  readonly delayMs: number
  /** How much of its limit the heap may use, from 0 to 1; 0 for no limit. */
  readonly heapRatio: number
}

export interface OverloadSample {
  /** Milliseconds, by a clock that does not jump. */
  readonly now: number
  /** How late the loop was just now. */
  readonly delayMs: number
  readonly heapRatio: number
}

/** Over about so long delays are averaged. */
const SMOOTH_MS = 2_000
const ENTER_MS = 5_000
const LEAVE_MS = 10_000
/** Of the limits: below, it is getting better. */
const BETTER = { delay: 0.5, heap: 0.9 }

/** @returns a judge that is given samples, a few each second, and tells whether the thread is overloaded as of the last */
export function makeOverloadJudge(limits: OverloadLimits): (sample: OverloadSample) => boolean {
  let isOverloaded = false
  let delay = 0
  let last: number | undefined
  /** Since when every sample has said the opposite of `isOverloaded`. */
  let since: number | undefined

  /** No sample counts for more than twice the limit: one stall, however long, is soon forgotten. */
  function average({ now, delayMs }: OverloadSample): void {
    const weight = 1 - Math.exp(-(now - (last ?? now)) / SMOOTH_MS)
    delay += (Math.min(delayMs, 2 * limits.delayMs) - delay) * weight
    last = now
  }

  const isOver = (value: number, limit: number): boolean => limit > 0 && value > limit
  const isOpposite = ({ heapRatio }: OverloadSample): boolean =>
    isOverloaded
      ? !isOver(delay, limits.delayMs * BETTER.delay) &&
        !isOver(heapRatio, limits.heapRatio * BETTER.heap)
      : isOver(delay, limits.delayMs) || isOver(heapRatio, limits.heapRatio)

  return (sample) => {
    average(sample)
    if (!isOpposite(sample)) since = undefined
    else {
      since ??= sample.now
      if (sample.now - since >= (isOverloaded ? LEAVE_MS : ENTER_MS)) {
        isOverloaded = !isOverloaded
        since = undefined
      }
    }
    return isOverloaded
  }
}
