/** A server that was found: `url` may create databases (Postgres). */
export interface Found {
  url: string
  /** For the line that says what the tests use. */
  description: string
  stop?: () => Promise<void>
}

/** One way to come by the two servers; `undefined` says that this way leads nowhere here. */
export interface Way {
  name: WayName
  findPostgres(): Promise<Found | undefined>
  findRedis(): Promise<Found | undefined>
}

export const wayNames = ['env', 'docker', 'local', 'embedded'] as const
export type WayName = (typeof wayNames)[number]
