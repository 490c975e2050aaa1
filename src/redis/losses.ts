/**
 * What a node could not publish, the others cannot know of: they are told that something is missing as soon as it can
 * publish again, and verify. Without this they would learn only from the next message or the sweep.
 */
export interface Losses {
  /** A message of this node was lost. @param isAway because there was no connection */
  lost(isAway: boolean): void
  /** Another node, or this one, tells of a loss. */
  heard(message: Buffer): void
  close(): void
}

export interface LossesOptions {
  /** This bus, which hears its own words, too. */
  readonly id: string
  now(): number
  /** Publishes to every node. @returns whether the server took it */
  tell(message: Buffer): Promise<boolean>
  onGap(): void
}

const TRY_MS = 100
/** While a server that is there loses messages all the time, this must not keep every node verifying. */
const AGAIN_MS = 10_000
/** When Redis comes back every node tells of its losses: they are answered together. */
const GATHER_MS = 300

export function makeLosses(options: LossesOptions): Losses {
  let owes = false
  let toldAt = -Infinity
  let gathering: NodeJS.Timeout | undefined
  let trying: NodeJS.Timeout | undefined
  let isClosed = false

  async function tell(): Promise<void> {
    if (options.now() - toldAt < AGAIN_MS) return
    owes = false
    if (await options.tell(Buffer.from(options.id))) toldAt = options.now()
    else owes = true
  }

  /** Only while there is something to tell. */
  function trySoon(): void {
    if (isClosed) return
    trying ??= setTimeout(() => {
      void tell().finally(() => {
        trying = undefined
        if (owes) trySoon()
      })
    }, TRY_MS)
  }

  return {
    lost(isAway) {
      owes = true
      trySoon()
      // Each return of Redis is told of, however short ago the last one was.
      if (isAway) toldAt = -Infinity
    },
    heard(message) {
      if (message.toString() === options.id) return
      gathering ??= setTimeout(() => {
        gathering = undefined
        options.onGap()
      }, GATHER_MS)
    },
    close() {
      isClosed = true
      clearTimeout(trying)
      clearTimeout(gathering)
    },
  }
}
