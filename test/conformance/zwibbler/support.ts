import { connectZwibbler } from '../../support/zwibbler.ts'
import type { ConnectOptions, ZwibblerClient } from '../../support/zwibbler.ts'
import type { TestNode } from '../../support/nodes.ts'
import { encodeInit } from '../../support/zwibblerFrames.ts'

/** What `manage` signs in with. */
export const secrets = { ZWIBBLER_SECRET_USER: 'u', ZWIBBLER_SECRET_PASSWORD: 'p' }
const authorization = `Basic ${Buffer.from('u:p').toString('base64')}`

/** One call of the management API, at this node. */
export async function manage(node: TestNode, fields: Record<string, string>): Promise<Response> {
  const body = new URLSearchParams(fields)
  return await fetch(`${node.httpUrl}/socket`, { method: 'POST', headers: { authorization }, body })
}

export interface TokenWish {
  token: string
  documentID: string
  permissions: string
  userID?: string
  contents?: string
  /** Milliseconds since 1970. */
  expires?: number
}

/** Registers a token, good for an hour if nothing else is said. */
export async function addToken(
  node: TestNode,
  { expires = Date.now() + 3_600_000, ...wish }: TokenWish,
): Promise<Response> {
  const expiration = new Date(expires).toUTCString()
  const userID = `user of ${wish.token}`
  return await manage(node, { method: 'addToken', userID, expiration, ...wish })
}

/** The error that a client was told, as `<code> <text>`. */
export function errorOf(client: ZwibblerClient): string | undefined {
  const error = client.received.find(({ kind }) => kind === 'error')
  return error?.kind === 'error' ? `${error.code} ${error.text}` : undefined
}

/** Whether a client is let in: `in`, or the error that it was told. It stays connected. */
export async function outcomeOf(client: ZwibblerClient): Promise<string> {
  await Promise.race([client.joined().catch(() => undefined), client.closed])
  return errorOf(client) ?? (client.isClosed ? 'dropped' : 'in')
}

/** Clients whose inits leave in one moment, one for each node named. */
export async function connectTogether(
  document: string,
  places: readonly { node: TestNode; options: ConnectOptions }[],
): Promise<ZwibblerClient[]> {
  const clients = places.map(({ node, options }) =>
    connectZwibbler(node.url, document, { ...options, raw: true }),
  )
  await Promise.all(
    clients.map(({ socket }) => new Promise((resolve) => socket.once('open', resolve))),
  )
  clients.forEach((client, i) => {
    client.send(encodeInit({ version: 3, document, ...places[i]!.options }))
  })
  return clients
}
