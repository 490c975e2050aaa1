/**
 * Large work takes turns: in one turn of the event loop one session is given a page, however many wait for it, so that
 * small messages of others pass between them. First come, first served.
 */
export interface Turns {
  /** @returns whether this turn of the event loop is the caller's: nobody has it, and nobody waits */
  take(): boolean
  /** Resolves in a turn that is the caller's. */
  next(): Promise<void>
}

export function makeTurns(): Turns {
  const waiting: (() => void)[] = []
  let isTaken = false

  function pass(): void {
    const wake = waiting.shift()
    isTaken = wake !== undefined
    if (!wake) return
    setImmediate(pass)
    wake()
  }

  function take(): boolean {
    if (isTaken) return false
    isTaken = true
    setImmediate(pass)
    return true
  }

  return {
    take,
    next: () =>
      new Promise((resolve) => {
        if (take()) resolve()
        else waiting.push(resolve)
      }),
  }
}
