/**
 * The clients of a room that a node knows, and when something about them falls due.
 *
 *   unknown ─hold─▶ held ⇄ held, in grace ─drop─▶ gone (a tombstone) ─▶ unknown
 *                    ▲──────────hold─────────────┘
 */

export interface Connection {
  /** The client that its first frame announced (6.7). */
  announced: number | undefined
  hasSpoken: boolean
  /** The turn at which it was told who is present; undefined before. */
  joined: number | undefined
  /** The clients whose removal its end causes. */
  readonly owned: Set<number>
}

export interface Held {
  readonly id: number
  clock: number
  state: Uint8Array
  /** The node at which the client is. */
  home: string
  /** At this node, unless it has ended. */
  connection: Connection | undefined
  /** It is known to be at `home`, not only heard of through it. */
  isAnnounced: boolean
  /** The newest clock that came from `connection`; the node may have raised `clock` beyond it (6.7). */
  heard: number
  renewedAt: number
  /**
   * Its connection or node has ended, since that turn; it is removed at `due` unless it comes back. `due` is Infinity
   * if another node will say so.
   */
  grace: { readonly due: number; readonly since: number } | undefined
  /** The turn of the last fan-out that spoke of it. */
  told: number
}

export interface Gone {
  readonly id: number
  readonly clock: number
  /** The node that said so. */
  readonly home: string
  readonly at: number
  readonly told: number
}

export interface Times {
  readonly graceMs: number
  readonly expiryMs: number
  readonly tombstoneMs: number
}

export type Clients = ReturnType<typeof makeClients>

export function makeClients({ graceMs, expiryMs, tombstoneMs }: Times, mostTombstones: number) {
  const held = new Map<number, Held>()
  /** Oldest first. */
  const gone = new Map<number, Gone>()
  /** Nothing is due before it. */
  let nextAt = Infinity

  const wake = (at: number): void => {
    nextAt = Math.min(nextAt, at)
  }

  return {
    held: held as ReadonlyMap<number, Held>,
    gone: gone as ReadonlyMap<number, Gone>,

    get nextAt() {
      return nextAt
    },

    hold(client: Held): void {
      gone.delete(client.id)
      held.set(client.id, client)
      wake(client.renewedAt + expiryMs)
    },

    drop(tombstone: Gone): void {
      held.get(tombstone.id)?.connection?.owned.delete(tombstone.id)
      held.delete(tombstone.id)
      gone.delete(tombstone.id)
      gone.set(tombstone.id, tombstone)
      wake(tombstone.at + tombstoneMs)
      if (gone.size <= mostTombstones) return
      const [oldest] = gone.keys()
      gone.delete(oldest!)
    },

    beginGrace(client: Held, now: number, since: number): void {
      client.connection = undefined
      client.grace = { due: now + graceMs, since }
      wake(client.grace.due)
    },

    beginRemoteGrace(client: Held, since: number): void {
      client.grace = { due: Infinity, since }
    },

    /** @returns those whose grace is over or who have not been renewed; forgets old tombstones */
    due(now: number): Held[] {
      if (now < nextAt) return []
      nextAt = Infinity
      const late: Held[] = []
      for (const client of held.values()) {
        const at = Math.min(client.grace?.due ?? Infinity, client.renewedAt + expiryMs)
        if (at <= now) late.push(client)
        else wake(at)
      }
      for (const { id, at } of gone.values()) {
        if (at + tombstoneMs > now) {
          wake(at + tombstoneMs)
          break
        }
        gone.delete(id)
      }
      return late
    },
  }
}
