/**
 * Judges by its own probes whether this node hears what it publishes. Pure: time comes in as an argument.
 *
 *   down ──heard──▶ up ──silent 5 s──▶ deaf ──15 s──▶ down
 *    ▲               │                  │ └──heard──▶ up
 *    └──unreachable──┴──────────────────┘
 *
 * Silence counts from the first probe that the server took and this node did not hear. A process that was stopped, or
 * whose event loop was blocked, publishes no probes either and so does not take itself for deaf.
 */
export interface Hearing {
  readonly status: 'up' | 'deaf' | 'down'
  /** When a probe was heard last. */
  readonly heardAt: number | undefined
  /** A new connection is subscribed to everything. */
  resubscribed(): void
  /** The server took this probe; they are numbered upwards. */
  taken(probe: number, now: number): void
  /** @returns true when an earlier probe was lost on this connection, and other messages perhaps with it */
  heard(probe: number, now: number): boolean
  /** The server cannot be reached at all. */
  unreachable(): void
  /** @returns true when the connection is deaf and should be replaced */
  check(now: number): boolean
}

export const SILENT_MS = 5_000
export const DEAF_MS = 15_000
/** A single late probe must not be enough. */
const SILENT_PROBES = 4
/** Each deaf connection after the first is given twice as long: resubscribing everything is not free. */
const MAX_DOUBLINGS = 4

interface Connection {
  /** The first probe that was taken and is not heard yet, and when that was. */
  readonly silent?: { readonly probe: number; readonly since: number }
  readonly unheard: number
}

export function makeHearing(): Hearing {
  let status: Hearing['status'] = 'down'
  let heardAt: number | undefined
  let lastHeard = 0
  /** Since when nothing was heard, on whichever connection. */
  let silentSince: number | undefined
  let connection: Connection = { unheard: 0 }
  let deafConnections = 0

  const isSilent = (now: number, ms: number): boolean =>
    connection.silent !== undefined &&
    connection.unheard >= SILENT_PROBES &&
    now - connection.silent.since >= ms

  return {
    get status() {
      return status
    },
    get heardAt() {
      return heardAt
    },
    resubscribed() {
      connection = { unheard: 0 }
    },
    taken(probe, now) {
      if (probe <= lastHeard) return
      silentSince ??= now
      const { silent = { probe, since: now }, unheard } = connection
      connection = { silent, unheard: unheard + 1 }
    },
    heard(probe, now) {
      const isGap = connection.silent !== undefined && connection.silent.probe < probe
      lastHeard = Math.max(lastHeard, probe)
      status = 'up'
      heardAt = now
      silentSince = undefined
      connection = { unheard: 0 }
      deafConnections = 0
      return isGap
    },
    unreachable() {
      status = 'down'
    },
    check(now) {
      const silentMs = silentSince === undefined ? 0 : now - silentSince
      if (status === 'up' && isSilent(now, SILENT_MS)) status = 'deaf'
      if (status === 'deaf' && silentMs >= SILENT_MS + DEAF_MS) status = 'down'
      if (!isSilent(now, SILENT_MS * 2 ** Math.min(deafConnections, MAX_DOUBLINGS))) return false
      deafConnections += 1
      // Until the next connection is there, this one is not judged again.
      connection = { unheard: 0 }
      return true
    },
  }
}
