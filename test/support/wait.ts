import { setTimeout as sleep } from 'node:timers/promises'

export { sleep }

export interface WaitOptions {
  /** How long to wait before giving up. */
  withinMs?: number
  /** How often to look. */
  everyMs?: number
}

/**
 * Waits until `condition` holds (returns something truthy) and returns what it returned.
 * @throws Error naming `what` when the time is over; the condition's own last error is its cause
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  { withinMs = 30_000, everyMs = 20 }: WaitOptions = {},
): Promise<NonNullable<T>> {
  const deadline = Date.now() + withinMs
  let cause: unknown
  for (;;) {
    try {
      cause = undefined
      const found = await condition()
      if (found) return found
    } catch (error) {
      cause = error
    }
    if (Date.now() > deadline) {
      throw new Error(`waited ${withinMs} ms in vain: ${what}`, { cause })
    }
    await sleep(everyMs)
  }
}

/** Rejects when `promise` has not settled within `ms`. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  const timer = new AbortController()
  const late = sleep(ms, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`no answer within ${ms} ms: ${what}`)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    timer.abort()
    late.catch(() => undefined)
  }
}
