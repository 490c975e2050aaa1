/** What a room may be called. Its name is what stands in the path, not decoded (spec 3). */

const MOST_BYTES = 1_024

export const PREFIX = 'yjs/'

export function isUsable(room: string): boolean {
  return Buffer.byteLength(room) <= MOST_BYTES && !/[\0\ufffd]/.test(room)
}

/**
 * The room that a client which is given this name asks for: URL parsers encode what may not stand in a path.
 * @returns undefined when no client can ask for it
 */
export function asAskedFor(name: string): string | undefined {
  if (/[?#]/.test(name) || !URL.canParse(`ws://host/${name}`)) return undefined
  const room = new URL(`ws://host/${name}`).pathname.slice(1)
  return isUsable(room) ? room : undefined
}
