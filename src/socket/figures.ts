/** What there is to say of open WebSockets when somebody asks. */
import type { Sockets } from './sockets.ts'

interface Seen {
  readonly bySurface: Record<string, number>
  bytes: number
  halfFull: number
  full: number
}

export function watchSockets(sockets: Sockets): void {
  const { meter, limits } = sockets
  let seen: Seen | undefined
  /** One walk over the sockets serves all figures that are read in the same turn. */
  const look = (): Seen => {
    if (seen === undefined) setImmediate(() => (seen = undefined))
    return (seen ??= lookAt(sockets))
  }
  meter.gauge('connections', () => look().bySurface)
  meter.gauge('connections_handshaking', () => sockets.handshaking)
  meter.gauge('connections_limit', () => limits.maxConnections)
  meter.gauge('sockets_buffered_bytes', () => look().bytes)
  meter.gauge('sockets_half_full', () => look().halfFull)
  meter.gauge('sockets_full', () => look().full)
}

function lookAt(sockets: Sockets): Seen {
  const seen: Seen = { bySurface: { zwibbler: 0, yjs: 0 }, bytes: 0, halfFull: 0, full: 0 }
  const { fullBytes } = sockets.limits
  for (const connection of sockets.all()) {
    const { name } = connection.surface
    seen.bySurface[name] = (seen.bySurface[name] ?? 0) + 1
    const bytes = connection.buffered()
    seen.bytes += bytes
    if (bytes > fullBytes / 2) seen.halfFull += 1
    if (bytes > fullBytes) seen.full += 1
  }
  return seen
}
