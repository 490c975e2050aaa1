/** Work that is done again and again, never twice at a time, and at once when somebody asks. */

export interface Poll {
  /** Runs the work from its beginning as soon as it can. Rejects when that run fails. */
  now(): Promise<void>
  /** Stops it; resolves when the work under way has ended. */
  close(): Promise<void>
}

export interface PollOptions {
  readonly everyMs: number
  readonly work: () => Promise<void>
  /** The work fails, after it had not: called once until it succeeds again. */
  readonly onFailure: (error: unknown) => void
  readonly onRecovery: () => void
}

/** Runs the work at once, then `everyMs` after each run has ended. */
export function makePoll({ everyMs, work, onFailure, onRecovery }: PollOptions): Poll {
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let isFailing = false
  let isClosed = false

  async function run(): Promise<void> {
    try {
      await work()
      if (isFailing) onRecovery()
      isFailing = false
    } catch (error) {
      if (!isFailing) onFailure(error)
      isFailing = true
      throw error
    }
  }

  function begin(): Promise<void> {
    clearTimeout(timer)
    const mine = run().finally(() => {
      running = undefined
      if (!isClosed) timer = setTimeout(start, everyMs)
    })
    running = mine
    return mine
  }

  function start(): void {
    // Failures are reported by `run`.
    void now().catch(() => undefined)
  }

  /** A run under way may have looked before the reason to ask came up: only the one after it will do. */
  function now(): Promise<void> {
    if (isClosed) return Promise.resolve()
    if (next) return next
    if (!running) return begin()
    const mine = running
      .catch(() => undefined)
      .then(() => {
        next = undefined
        return isClosed ? undefined : begin()
      })
    next = mine
    return mine
  }

  start()
  return {
    now,
    async close() {
      isClosed = true
      clearTimeout(timer)
      await running?.catch(() => undefined)
    },
  }
}
