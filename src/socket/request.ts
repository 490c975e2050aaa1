/** What a request says, to which surface, and from whom. */
import type { Surface } from '../surfaces/surface.ts'
import type { ClientAddress } from './client-address.ts'
import type { UwsRequest, UwsResponse } from './uws.ts'

/** By path. */
type Surfaces = ReadonlyMap<string, Surface>

export interface Sender {
  readonly address: string
  /** The host that it asked for, which a proxy may have replaced. */
  readonly host: string
}

export function senderOf(
  request: UwsRequest,
  response: UwsResponse,
  clientAddress: ClientAddress,
): Sender {
  const peer = textOf(response.getRemoteAddressAsText())
  // All lines of that name: of several, the proxy's own is the last, and uWebSockets gives the first.
  const headers = clientAddress.trusts(peer) ? headersOf(request) : undefined
  const told = (name: string): string => headers?.get(name) ?? ''
  const address = clientAddress.of({
    peer,
    proxied: textOf(response.getProxiedRemoteAddressAsText()),
    forwardedFor: told('x-forwarded-for'),
  })
  const host = told('x-forwarded-host').split(',', 1)[0]?.trim() ?? ''
  return { address, host: host === '' ? request.getHeader('host') : host }
}

const textOf = (bytes: ArrayBuffer): string => Buffer.from(bytes).toString()

export function headersOf(request: UwsRequest): Map<string, string> {
  const headers = new Map<string, string>()
  request.forEach((name, value) => {
    const earlier = headers.get(name)
    headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`)
  })
  return headers
}

export function surfaceAt(path: string, surfaces: Surfaces): Surface | undefined {
  return surfaces.get(path) ?? surfaces.get(mountOf(path, surfaces) ?? '')
}

/** @returns what follows the path of a surface that has rooms, and a slash; not decoded */
export function roomOf(path: string, surfaces: Surfaces): string {
  const mount = mountOf(path, surfaces)
  return mount === undefined ? '' : path.slice(withoutSlash(mount).length + 1)
}

function mountOf(path: string, surfaces: Surfaces): string | undefined {
  for (const [mount, { hasRooms }] of surfaces) {
    if (hasRooms && path.startsWith(`${withoutSlash(mount)}/`)) return mount
  }
  return undefined
}

export const withoutSlash = (path: string): string => path.replace(/\/$/, '')
