/** What is written to the log: fields for machines, one sentence for people. A pino logger is one. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** What every line about a client's connection says of it. */
export interface ConnectionIds {
  readonly surface: string
  /** Unique on its node. */
  readonly connection: number
  /** The client's, as far as trusted proxies say. */
  readonly address: string
  /** What a proxy calls its upgrade request (`x-request-id`). */
  readonly request?: string
  /** Once it has joined. */
  readonly document?: string
  readonly session?: number
}

/** @returns a log that says these in each line */
export function withFields(log: Log, fields: object): Log {
  return {
    debug: (more, message) => log.debug({ ...fields, ...more }, message),
    info: (more, message) => log.info({ ...fields, ...more }, message),
    warn: (more, message) => log.warn({ ...fields, ...more }, message),
    error: (more, message) => log.error({ ...fields, ...more }, message),
  }
}

const REQUEST_ID = /^[\w.:+/=@-]{1,128}$/

/** @returns the value of an `x-request-id` header, if it is one that may stand in a log */
export function requestIdOf(header: string): string | undefined {
  return REQUEST_ID.test(header) ? header : undefined
}
