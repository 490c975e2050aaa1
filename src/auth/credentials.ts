/** Where clients put their tokens: browsers cannot set headers of a WebSocket, so there are several places. */
import type { GateRequest } from './gate.ts'

const PROTOCOL = 'yauth-'

/**
 * The first token found in: query `token`, query `yauth` (y-redis), subprotocol `yauth-<token>`, `Authorization: Bearer`, the cookie.
 * The cookie is last, because browsers send it without being asked.
 */
export function tokenOf(request: GateRequest, cookieName: string): string | undefined {
  const { query, headers, protocols } = request
  const found = [
    query.get('token'),
    query.get('yauth'),
    protocols.find(isToken)?.slice(PROTOCOL.length),
    bearerOf(headers.get('authorization')),
    cookieOf(headers.get('cookie'), cookieName),
  ]
  return found.find((token) => token !== undefined && token !== null && token !== '') ?? undefined
}

/** The subprotocol to answer, also with a refusal: a client that offers some fails on an answer without one. */
export function protocolFor(offered: readonly string[]): string | undefined {
  return offered.find(isToken) ?? offered[0]
}

function isToken(protocol: string): boolean {
  return protocol.startsWith(PROTOCOL)
}

function bearerOf(authorization = ''): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(authorization)?.[1]
}

function cookieOf(cookies = '', name: string): string | undefined {
  const pair = cookies
    .split(';')
    .map((text) => text.trim())
    .find((text) => text.startsWith(`${name}=`))
  return pair?.slice(name.length + 1).replace(/^"(.*)"$/, '$1')
}
