/** Why a node is not ready, or what is to be known although it is. Codes are stable: machines read them. */

const causes = {
  starting: { isReady: false, message: 'starting' },
  schema_old: { isReady: false, message: 'the database schema is not new enough yet' },
  draining: { isReady: false, message: 'draining' },
  postgres_away: { isReady: false, message: 'Postgres does not answer' },
  redis_deaf: { isReady: false, message: 'Redis takes messages but delivers none' },
  overloaded: { isReady: false, message: 'overloaded: new connections are better made elsewhere' },
  worker_stuck: { isReady: false, message: 'a worker thread does not answer' },
  overloaded_with_others: {
    isReady: true,
    message: 'overloaded, but other nodes are out for that already: this one stays in',
  },
  redis_less: {
    isReady: true,
    message: 'Redis-less mode: changes made on other nodes arrive later',
  },
} as const satisfies Record<string, { readonly isReady: boolean; readonly message: string }>

export type CauseCode = keyof typeof causes

export interface Cause {
  readonly code: CauseCode
  /** A sentence for people. */
  readonly message: string
  /** False for what is only to be known. */
  readonly blocks: boolean
}

export interface Readiness {
  readonly ready: boolean
  /** The messages of `details`. */
  readonly reasons: readonly string[]
  readonly details: readonly Cause[]
}

/** @param more what came with it, for people */
export function causeOf(code: CauseCode, more?: string): Cause {
  const { isReady, message } = causes[code]
  return { code, message: more === undefined ? message : `${message}: ${more}`, blocks: !isReady }
}

/** The same cause given by several threads counts once. */
export function readinessOf(given: readonly Cause[]): Readiness {
  const details = [...new Map(given.map((cause) => [cause.message, cause])).values()]
  return {
    ready: !details.some(({ blocks }) => blocks),
    reasons: details.map(({ message }) => message),
    details,
  }
}

/** Every cause that blocks, by code: 1 for those given, else 0. */
export function blockersOf(given: readonly Cause[]): Record<string, 0 | 1> {
  const codes = given.map(({ code }) => code)
  const blocking = Object.entries(causes).filter(([, { isReady }]) => !isReady)
  return Object.fromEntries(
    blocking.map(([code]) => [code, codes.includes(code as CauseCode) ? 1 : 0]),
  )
}
