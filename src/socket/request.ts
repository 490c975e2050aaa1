/** What a request says, and to which surface. */
import type { Surface } from '../surfaces/surface.ts'
import type { UwsRequest } from './uws.ts'

/** By path. */
type Surfaces = ReadonlyMap<string, Surface>

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
