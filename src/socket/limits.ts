import type { Rate } from '../core/limits.ts'

export interface SocketLimits {
  /** Open sockets of this server; more are answered 503. Infinity for no limit, as undefined is for rates. */
  readonly maxConnections: number
  /** WebSocket handshakes of this server; more are answered 503. */
  readonly handshakes: Rate | undefined
  /** Of one client address (IPv6: of 64 bits of it); more are answered 503. Infinity for no limit. */
  readonly connectionsPerAddress: number
  readonly handshakesPerAddress: Rate | undefined
  /** Of one connection; over it that connection is closed with 1013. */
  readonly messages: Rate | undefined
  /** Bytes received by one connection; over it that connection is closed with 1013. */
  readonly bytes: Rate | undefined
  /** From the upgrade until the surface says `established`; then the connection is dropped. */
  readonly handshakeMs: number
  /** Each connection is pinged so often, and at least three times within `deadMs`. */
  readonly pingMs: number
  /** Nothing heard and nothing drained for so long (up to 4 s more): dead. From 4 s to 956 s. */
  readonly deadMs: number
  /** An outlet with more bytes than this waiting is full. */
  readonly fullBytes: number
  /** The largest body of an HTTP request, whatever its surface would take. */
  readonly maxBodyBytes: number
  /** From the head of an HTTP request to the end of its body. */
  readonly bodyMs: number
}

const MIB = 1024 * 1024

export const defaultSocketLimits: SocketLimits = {
  maxConnections: 100_000,
  handshakes: { perSecond: 1_000, burst: 2_000 },
  connectionsPerAddress: Infinity,
  handshakesPerAddress: undefined,
  messages: { perSecond: 5_000, burst: 10_000 },
  bytes: { perSecond: 32 * MIB, burst: 64 * MIB },
  handshakeMs: 30_000,
  pingMs: 25_000,
  deadMs: 90_000,
  fullBytes: 64 * 1024,
  maxBodyBytes: 64 * MIB,
  bodyMs: 30_000,
}

/** Names under which the meter counts limits that were hit: the settings', where there is one. */
export const limitNames = {
  maxConnections: 'MAX_CONNECTIONS',
  handshakes: 'MAX_HANDSHAKES',
  connectionsPerAddress: 'MAX_CONNECTIONS_PER_ADDRESS',
  handshakesPerAddress: 'MAX_HANDSHAKES_PER_ADDRESS',
  messages: 'MAX_MESSAGES',
  bytes: 'MAX_BYTES_PER_SECOND',
  message: 'MAX_MESSAGE_BYTES',
  handshakeTime: 'HANDSHAKE_MS',
  body: 'MAX_BODY_BYTES',
  bodyTime: 'BODY_MS',
} as const
