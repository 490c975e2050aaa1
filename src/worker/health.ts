/** What a worker says of its readiness, and why. */
import { blockersOf, causeOf, type Cause, type Readiness, readinessOf } from '../core/readiness.ts'
import type { Meter } from '../core/meter.ts'
import type { Bus } from '../core/ports.ts'
import { heapUsedRatio, type Overload } from './overload.ts'

const EVERY_MS = 1_000
/** One lost connection is replaced; Postgres is away when the next ping fails, too. */
const FAILURES = 2

export interface PostgresWatch {
  /** Why it is taken to be away. */
  readonly failure: string | undefined
  stop(): void
}

/** Whether Postgres answers, asked every second. */
export function watchPostgres(ping: () => Promise<void>, everyMs = EVERY_MS): PostgresWatch {
  let failure: string | undefined
  let failures = 0
  let isAsking = false
  const failed = (why: string): void => {
    failures += 1
    if (failures >= FAILURES) failure = why
  }
  const ask = async (): Promise<void> => {
    isAsking = true
    try {
      await ping()
      failures = 0
      failure = undefined
    } catch (error) {
      failed(error instanceof Error ? error.message : 'unknown error')
    }
    isAsking = false
  }
  // Turns are counted, not time: after a stop of this process the answer may be here and unread.
  const timer = setInterval(() => {
    if (isAsking) failed('no answer')
    else void ask() // never rejects
  }, everyMs)
  return {
    get failure() {
      return failure
    },
    stop: () => clearInterval(timer),
  }
}

export interface HealthParts {
  readonly meter: Meter
  readonly postgres: PostgresWatch
  readonly overload: Overload
  readonly bus: Pick<Bus, 'status'>
  readonly isDraining: () => boolean
  /** Whether the other nodes are heard through the sweep alone. */
  readonly isRedisLess: () => boolean
}

/** @returns asks */
export function makeHealth(parts: HealthParts): () => Readiness {
  const { meter } = parts
  const look = (): Readiness => readinessOf(causesOf(parts))
  meter.gauge('ready', () => (look().ready ? 1 : 0))
  meter.gauge('not_ready', () => blockersOf(look().details))
  meter.gauge('heap_used_ratio', heapUsedRatio)
  return look
}

function causesOf(parts: HealthParts): Cause[] {
  const { postgres, overload, bus } = parts
  const isDeaf = bus.status === 'deaf'
  return [
    parts.isDraining() && causeOf('draining'),
    postgres.failure !== undefined && causeOf('postgres_away', postgres.failure),
    isDeaf && causeOf('redis_deaf'),
    overload.state === 'out' && causeOf('overloaded'),
    overload.state === 'kept' && causeOf('overloaded_with_others'),
    parts.isRedisLess() && !isDeaf && causeOf('redis_less'),
  ].filter((cause) => cause !== false)
}
