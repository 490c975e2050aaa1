/** What a surface is: one client protocol mapped to the core. `node.ts` lists them; `socket/` serves them. */
import type { ConnectionIds } from '../core/log.ts'
import type { Outlet } from '../core/ports.ts'

/** One client connection, as its surface sees it. */
export interface Connection {
  /** Unique on this node. */
  readonly id: number
  /** What every log line of this connection says. */
  readonly ids: ConnectionIds
  readonly outlet: Outlet
  /** Query string of the upgrade request, without `?`. */
  readonly query: URLSearchParams
  /** What the path says behind the surface's own and a slash, as it was sent: not decoded. */
  readonly room: string
  /** Of the upgrade request, lower-case names; empty unless the surface wants them. */
  readonly headers: ReadonlyMap<string, string>
  /** `traceparent` of the upgrade request, while tracing is on. */
  readonly traceParent?: string | undefined
  /** The client's address, as far as trusted proxies say: for logs and limits. */
  readonly address: string
  /** The handshake in the surface's own terms is done; a connection that never says so is dropped after a while. */
  established(): void
  /** It has joined this document, as this session: from now on its log lines say so. */
  joined(document: string, session: number): void
}

/** What a surface does with one connection. Calls never come after `closed`. */
export interface Conversation {
  /** One WebSocket message; `data` is only valid during the call. */
  message(data: Uint8Array, isBinary: boolean): void
  /** The socket's buffer has emptied: a paused session may go on. */
  drained(): void
  /** The connection is gone, however it ended. Never called from within a call to its outlet. */
  closed(): void
  /** The node drains: finish what is in flight, then end with 1012. */
  drain(): void
}

/** Thrown by `http` or by `body`: answered with this status. The message is for logs only. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly status: number
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

export interface HttpRequest {
  /** For logs: what a proxy calls it, or a number of this node's. */
  readonly id: string
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  /** Lower-case names. */
  readonly headers: ReadonlyMap<string, string>
  /** Reads the whole body. @throws HttpError 413 above `limit` bytes */
  body(limit: number): Promise<Uint8Array>
}

export interface HttpAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
}

export interface Surface {
  readonly name: string
  /** Where it sits on the shared port. On a port of its own it sits there and at `/`. */
  readonly path: string
  /** Paths below its own are its, too; on a port of its own all paths are. */
  readonly hasRooms?: boolean
  /** Its connections keep the headers of their upgrade. */
  readonly wantsHeaders?: boolean
  /** Which of the subprotocols that a client offers is answered; none if it is not said. */
  protocol?(offered: readonly string[]): string | undefined
  /** Whether this upgrade may use permessage-deflate, when the client offers it. */
  compresses(query: URLSearchParams): boolean
  /**
   * Asked before `connect`, about a connection that cannot send yet: the answer refuses the upgrade, nothing lets it in.
   * Surfaces without it let everybody in.
   */
  admit?(connection: Connection): Promise<HttpAnswer | undefined>
  connect(connection: Connection): Conversation
  http(request: HttpRequest): Promise<HttpAnswer>
  /** Bytes of the largest WebSocket message that a client may send; larger ones close it with 1009. */
  readonly maxMessageBytes: number
  /** How many times the messages that others may send at once its clients may send: it has rates of its own. 1 if it is not said. */
  readonly messageBurst?: number
}
