/** What this client knows of the keys, and who waits to hear more. */
export interface Key {
  readonly name: string
  readonly version: number
  /** Empty: the key is gone, if it was a session key. */
  readonly value: Uint8Array
}

interface Options {
  readonly changed: (key: Key & { own: boolean }) => void
  /** How long after a join the server may take to tell all keys. */
  readonly settleMs: number
}

export type KeyTable = ReturnType<typeof makeKeyTable>

export function makeKeyTable({ changed, settleMs }: Options) {
  const known = new Map<string, Key>()
  const waiting = new Map<string, Set<() => void>>()
  /** Known before the last join and not heard of since. */
  let stale = new Set<string>()
  let settling: ReturnType<typeof setTimeout> | undefined

  function forgetStale(): void {
    const gone = [...stale].map((name) => known.get(name)!)
    stale = new Set()
    for (const key of gone) {
      known.delete(key.name)
      if (key.value.length > 0) changed({ ...key, value: new Uint8Array(), own: false })
    }
  }

  return {
    get: (name: string) => known.get(name),
    all: () => [...known.values()],
    isFresh: (name: string) => known.has(name) && !stale.has(name),

    learn(key: Key, own: boolean): void {
      stale.delete(key.name)
      known.set(key.name, key)
      changed({ ...key, own })
      for (const wake of [...(waiting.get(key.name) ?? [])]) wake()
    },

    /** Resolves when something is heard of the key, or after a while: there may be nothing to hear. */
    hear(name: string): Promise<void> {
      return new Promise((resolve) => {
        const wakers = waiting.get(name) ?? new Set()
        const wake = () => {
          clearTimeout(timer)
          wakers.delete(wake)
          if (wakers.size === 0) waiting.delete(name)
          resolve()
        }
        const timer = setTimeout(wake, settleMs / 2)
        waiting.set(name, wakers.add(wake))
      })
    },

    /** The server is about to tell all keys there are; what it does not tell of is gone. */
    joined(kept: (name: string) => boolean): void {
      stale = new Set([...known.keys()].filter((name) => !kept(name)))
      settling = setTimeout(forgetStale, settleMs)
    },
    disconnected: () => clearTimeout(settling),
    reset(): void {
      stale = new Set(known.keys())
      forgetStale()
    },
  }
}
