/** Whether a WebSocket handshake is accepted, and what it is answered if not. */

/** Everything a decision needs, read while the request is still valid. */
export interface Handshake {
  readonly method: string
  readonly connection: string
  readonly version: string
  readonly key: string
  readonly origin: string
  /** What the client asked for, as far as trusted proxies say. */
  readonly host: string
  /** The client's, as far as trusted proxies say. */
  readonly address: string
}

export interface Refusal {
  /** For metrics: a limit's name, or one of a few words. */
  readonly reason: string
  readonly status: number
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

/** The header may list several protocols, and its case does not matter. */
export const asksForWebSocket = (upgradeHeader: string): boolean =>
  /(^|[\s,])websocket\b/i.test(upgradeHeader)

/** RFC 6455, 4.2.1, answered as the reference server does (zwibbler 2). */
export function isWellFormed({ method, connection, version, key }: Handshake): boolean {
  return (
    method.toUpperCase() === 'GET' &&
    /(^|[\s,])upgrade\b/i.test(connection) &&
    version === '13' &&
    /^[A-Za-z0-9+/]{22}==$/.test(key)
  )
}

export const refusals = {
  malformed: {
    reason: 'malformed',
    status: 400,
    body: 'Bad Request',
    headers: { 'Sec-Websocket-Version': '13' },
  },
  origin: { reason: 'origin', status: 403, body: 'Forbidden', headers: {} },
} as const satisfies Record<string, Refusal>

let refusedBusy = 0

/** Tells those who are refused together to come back at different times. */
export function busy(reason: string): Refusal {
  refusedBusy += 1
  const seconds = 1 + (refusedBusy % 5)
  return {
    ...{ reason, status: 503, body: 'Service Unavailable' },
    headers: { 'Retry-After': String(seconds) },
  }
}
