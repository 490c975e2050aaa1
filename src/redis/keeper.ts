/**
 * Keeps one connection to a server open, for ever:
 *
 *   connecting ──opened──▶ preparing ──prepared──▶ in use ──ended or dropped──▶ pause ──▶ connecting
 *        └────────failed───────┴────────────────────────────────────────────────▲
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { openConnection } from './connection.ts'
import type { Server } from './connection.ts'
import type { Redis } from 'ioredis'

export interface Keeper {
  /** False while the last attempt to connect failed, and before the first one succeeded. */
  readonly isReachable: boolean
  /** Gives the connection up, answered or not, and opens another. */
  drop(): void
  stop(): Promise<void>
}

export interface KeeperUse {
  readonly server: Server
  readonly name: string
  /** A command that is not answered for so long ends the connection's preparation, or is refused. */
  readonly commandMs?: number | undefined
  /** Makes a new connection ready for use; when it rejects, the connection is given up. */
  prepare(redis: Redis): Promise<void>
  /** The connection that `prepare` was given is over. */
  ended(): void
  /** Connecting or preparing failed. Called for each attempt. */
  failed(error: unknown): void
}

/** When Redis is back, followers must have caught up within a second: no pause may be long. */
const LONGEST_PAUSE_MS = 500
const SHORTEST_PAUSE_MS = 20

export function keepConnected(use: KeeperUse): Keeper {
  const stopping = new AbortController()
  const isStopping = (): boolean => stopping.signal.aborted
  let isReachable = false
  let giveUp: () => void = () => undefined
  let failures = 0

  async function connectOnce(): Promise<void> {
    const connection = await openConnection(use, stopping.signal)
    const over = connection.ended.then(() => Promise.reject(new Error('the connection ended')))
    over.catch(() => undefined)
    giveUp = () => connection.destroy()
    try {
      await Promise.race([use.prepare(connection.redis), over])
      isReachable = true
      failures = 0
      await connection.ended
    } finally {
      connection.destroy()
      use.ended()
    }
  }

  async function keep(): Promise<void> {
    while (!isStopping()) {
      try {
        await connectOnce()
      } catch (error) {
        isReachable = false
        failures += 1
        if (!isStopping()) use.failed(error)
      }
      await sleep(pauseMs(failures), undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }

  const kept = keep()
  return {
    get isReachable() {
      return isReachable
    },
    drop: () => giveUp(),
    async stop() {
      stopping.abort()
      await kept
    },
  }
}

/** Jittered, so that the nodes of a cluster do not come back to Redis in step. */
function pauseMs(failures: number): number {
  const most = Math.min(LONGEST_PAUSE_MS, SHORTEST_PAUSE_MS * 2 ** failures)
  return most * (0.5 + Math.random() / 2)
}
