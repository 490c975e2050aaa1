/** Settings as the parts of a worker want them. */
import type { Config } from '../config.ts'
import type { OverloadLimits } from '../core/overload.ts'
import { rateOf } from '../core/limits.ts'
import type { SocketLimits } from '../socket/limits.ts'
import { PREFIX as YJS } from '../surfaces/yjs/room-name.ts'
import { PREFIX as ZWIBBLER } from '../surfaces/zwibbler/document-ids.ts'

const DAY_MS = 86_400_000

/** uWebSockets counts idle time up to this. */
const MOST_DEAD_MS = 956_000

/** Of `total` connections, about a quarter each for appends, reads and the rest, and a sixth for locked rows. */
export function poolSizes(total: number): {
  appends: number
  alone: number
  reads: number
  others: number
} {
  const share = (part: number) => Math.max(1, Math.floor((total * part) / 11))
  const [appends, alone, reads] = [Math.min(3, share(3)), share(2), share(3)]
  return { appends, alone, reads, others: Math.max(1, total - appends - alone - reads) }
}

/** Of the management API and the webhook. */
export function credentialsOf(config: Config): { user: string; password: string } | undefined {
  const user = config.ZWIBBLER_SECRET_USER
  return user === undefined ? undefined : { user, password: config.ZWIBBLER_SECRET_PASSWORD ?? '' }
}

/** Ports of surfaces that have one of their own, by name. */
export function ownPorts(config: Config): ReadonlyMap<string, number> {
  const ports = { zwibbler: config.ZWIBBLER_PORT, yjs: config.YJS_PORT }
  const wanted = new Map<string, number>()
  for (const name of config.SURFACES) {
    if (ports[name] !== undefined) wanted.set(name, ports[name])
  }
  return wanted
}

/** Documents that vanish when nobody has accessed them for so long, by what their ids begin with. */
export function expiriesOf(
  config: Config,
): { readonly prefix: string; readonly expiryMs: number }[] {
  const seconds = { [ZWIBBLER]: config.ZWIBBLER_EXPIRATION, [YJS]: config.YJS_EXPIRATION }
  return Object.entries(seconds).flatMap(([prefix, after]) =>
    after === 'never' ? [] : [{ prefix, expiryMs: after * 1_000 }],
  )
}

/** How old a note of an access to an open document may get: it is what is left when the whole cluster is killed. */
export function touchMsOf(config: Config): number {
  const soonest = Math.min(DAY_MS, ...expiriesOf(config).map(({ expiryMs }) => expiryMs))
  return Math.max(60_000, soonest / 4)
}

export function tlsOf(config: Config): { cert: string; key: string } | undefined {
  const { TLS_CERT_FILE: cert, TLS_KEY_FILE: key } = config
  return cert !== undefined && key !== undefined ? { cert, key } : undefined
}

export function overloadLimits(config: Config): OverloadLimits {
  return { delayMs: config.OVERLOAD_DELAY_MS, heapRatio: config.OVERLOAD_HEAP_PERCENT / 100 }
}

/** What a node may take is shared by its workers. */
export function socketLimits(config: Config): Partial<SocketLimits> {
  const share = (limit: number) => Math.ceil(limit / config.WORKERS)
  return {
    maxConnections: share(config.MAX_CONNECTIONS) || Infinity,
    handshakes: rateOf(share(config.MAX_HANDSHAKES)),
    // Not shared out: the kernel does not spread one address evenly, and nobody is to be refused below the limit.
    connectionsPerAddress: config.MAX_CONNECTIONS_PER_ADDRESS || Infinity,
    handshakesPerAddress: rateOf(config.MAX_HANDSHAKES_PER_ADDRESS),
    messages: rateOf(config.MAX_MESSAGES),
    handshakeMs: config.HANDSHAKE_MS,
    pingMs: config.KEEP_ALIVE_MS,
    // Three pings may be lost, and some.
    deadMs: Math.min(MOST_DEAD_MS, Math.max(90_000, config.KEEP_ALIVE_MS * 3.6)),
    fullBytes: config.SOCKET_BUFFER,
    // The management API's forms have the contents of a document in them.
    maxBodyBytes: config.MAX_INITIAL + 1024 * 1024,
  }
}
