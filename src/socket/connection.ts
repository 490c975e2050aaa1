/**
 * One WebSocket. States: open → ending → closed, or open → closed.
 *   ending  `end` was called: nothing is sent or heard any more; the close frame goes when the rest has drained
 *   closed  uWebSockets has said so; touching the native socket would throw
 * The conversation hears `closed` once, soon after either began.
 *
 * There is one of these per client: methods instead of closures, and nothing is parsed or allocated before it is asked for.
 */
import { closeCodes } from '../core/errors.ts'
import { type Rate, TokenBucket } from '../core/limits.ts'
import type { ConnectionIds } from '../core/log.ts'
import type { Outlet } from '../core/ports.ts'
import type { Connection, Conversation, Surface } from '../surfaces/surface.ts'
import { Ending } from './ending.ts'
import { limitNames } from './limits.ts'
import type { Sockets } from './sockets.ts'
import type { Spoke } from './wheel.ts'
import type { UwsWebSocket } from './uws.ts'

/** What uWebSockets keeps with each socket for us. */
export interface SocketData {
  readonly connection: SocketConnection
}

/** What a connection keeps of its upgrade request. */
export interface Upgraded {
  readonly query: string
  readonly room: string
  readonly headers: ReadonlyMap<string, string> | undefined
  readonly address: string
  readonly traceParent: string | undefined
  readonly requestId: string | undefined
}

const NO_HEADERS: ReadonlyMap<string, string> = new Map()

/**
 * Pings that a client may send while it reads nothing: each is answered with a pong that waits in the buffer, which would
 * otherwise grow without a bound.
 */
const MAX_PINGS_UNREAD = 1_000

export class SocketConnection implements Connection, Outlet, Spoke {
  readonly id: number
  readonly address: string
  readonly room: string
  readonly headers: ReadonlyMap<string, string>
  readonly surface: Surface
  readonly traceParent: string | undefined
  /** Whether compression was negotiated. */
  compresses = false
  slot = 0
  place = 0
  private readonly sockets: Sockets
  private readonly queryText: string
  private native: UwsWebSocket<SocketData> | undefined
  private conversation: Conversation | undefined
  private ending: Ending | undefined
  private messages: TokenBucket | undefined
  private bytes: TokenBucket | undefined
  private isCorked = false
  private wasFull = false
  private isDropped = false
  private pingsUnread = 0
  private readonly requestId: string | undefined
  private document: string | undefined
  private session = 0

  constructor(sockets: Sockets, surface: Surface, id: number, upgraded: Upgraded) {
    this.sockets = sockets
    this.surface = surface
    this.id = id
    this.queryText = upgraded.query
    this.room = upgraded.room
    this.headers = upgraded.headers ?? NO_HEADERS
    this.address = upgraded.address
    this.traceParent = upgraded.traceParent
    this.requestId = upgraded.requestId
  }

  get outlet(): Outlet {
    return this
  }

  /** Parsed on each call: most surfaces ask once or never. */
  get query(): URLSearchParams {
    return new URLSearchParams(this.queryText)
  }

  get ids(): ConnectionIds {
    const { requestId: request, document, session } = this
    return {
      surface: this.surface.name,
      connection: this.id,
      address: this.address,
      ...(request !== undefined && { request }),
      ...(document !== undefined && { document, session }),
    }
  }

  joined(document: string, session: number): void {
    this.document = document
    this.session = session
    this.sockets.log.debug(this.ids, 'a connection joined')
  }

  established(): void {
    this.sockets.established(this)
  }

  send(message: Uint8Array): void {
    if (this.native === undefined || this.ending !== undefined) return
    // Never dropped, because maxBackpressure is 0: whoever sends watches isFull. What is not to be compressed goes out
    // past the socket's buffer, which would keep the size of the largest message for as long as the socket lives.
    this.native.send(message, true, this.compresses)
  }

  isFull(): boolean {
    if (this.native === undefined || this.ending !== undefined) return false
    const isFull = this.native.getBufferedAmount() > this.sockets.limits.fullBytes
    if (isFull) this.wasFull = true
    return isFull
  }

  cork(write: () => void): void {
    if (this.native === undefined || this.isCorked) {
      write()
      return
    }
    this.isCorked = true
    try {
      this.native.cork(write)
    } finally {
      this.isCorked = false
    }
    if (this.ending !== undefined) this.finish()
  }

  end(code: number, reason: string): void {
    if (this.native === undefined || this.ending !== undefined) return
    this.ending = new Ending(code, reason)
    this.leave()
    // Not within a cork: uWebSockets would not send the FIN afterwards, and wait for the client's.
    if (!this.isCorked) this.finish()
  }

  // From here on: what the rest of this folder calls.

  opened(native: UwsWebSocket<SocketData>): void {
    this.native = native
    try {
      this.sockets.meter.connectionAccepted(this.surface.name)
      this.sockets.log.debug(this.ids, 'a connection opened')
      this.conversation = this.surface.connect(this)
      if (this.isOver()) this.leave() // it ended while connecting
    } catch (error) {
      this.failed(error)
    }
  }

  heard(data: ArrayBuffer, isBinary: boolean): void {
    if (this.ending !== undefined) return
    this.sockets.meter.received(this.surface.name, data.byteLength)
    if (data.byteLength > this.surface.maxMessageBytes) {
      this.refuse(closeCodes.tooBig, limitNames.message, 'message too big')
      return
    }
    if (!this.isWithinRates(data.byteLength)) return
    try {
      this.conversation?.message(new Uint8Array(data), isBinary)
    } catch (error) {
      this.failed(error)
    }
  }

  pinged(): void {
    if (this.native === undefined || this.native.getBufferedAmount() === 0) {
      this.pingsUnread = 0
    } else if (++this.pingsUnread > MAX_PINGS_UNREAD) {
      this.sockets.meter.limit(limitNames.messages)
      this.drop()
    }
  }

  drained(): void {
    if (this.ending !== undefined) {
      this.finish()
    } else if (this.wasFull && this.buffered() <= this.sockets.limits.fullBytes / 4) {
      this.wasFull = false
      try {
        this.conversation?.drained()
      } catch (error) {
        this.failed(error)
      }
    }
  }

  /** Whether bytes wait for a peer that has not read those before. */
  get isBusy(): boolean {
    return this.buffered() > 0
  }

  /** The node drains. */
  drain(): void {
    try {
      this.conversation?.drain()
    } catch (error) {
      this.failed(error)
    }
  }

  /** Once per turn of the keep-alive wheel. */
  visited(now: number): void {
    if (this.ending === undefined) this.native?.ping()
    else if (this.ending.isStuck(this.buffered(), now, this.sockets.limits.deadMs)) this.drop()
  }

  /** Cuts the TCP connection. */
  drop(): void {
    this.isDropped = true
    this.native?.close()
  }

  /** uWebSockets says that it is gone, and with which code: the peer's, if it had one. */
  gone(code: number): void {
    this.native = undefined
    const by = this.ending === undefined && !this.isDropped ? 'client' : 'server'
    const told = this.ending?.code ?? (this.isDropped ? closeCodes.abnormal : code)
    this.sockets.meter.connectionClosed(this.surface.name, by, told)
    this.sockets.log.debug({ ...this.ids, code: told, by }, 'a connection closed')
    this.sockets.remove(this)
    if (this.ending === undefined) this.leave()
  }

  private isOver(): boolean {
    return this.native === undefined || this.ending !== undefined
  }

  /** Bytes that wait in its buffer. */
  buffered(): number {
    return this.native?.getBufferedAmount() ?? 0
  }

  /** Sends the close frame when everything before it has gone out, so that the socket counts as open until then. */
  private finish(): void {
    if (this.native === undefined || this.ending === undefined) return
    if (this.buffered() === 0) this.native.end(this.ending.code, this.ending.reason)
  }

  private leave(): void {
    const { conversation } = this
    if (conversation === undefined) return
    this.conversation = undefined
    this.sockets.established(this)
    queueMicrotask(() => {
      try {
        conversation.closed()
      } catch (error) {
        this.sockets.log.error({ ...this.ids, err: error }, 'a session failed to close')
      }
    })
  }

  private isWithinRates(size: number): boolean {
    const { messages, bytes } = this.sockets.limits
    const now = performance.now()
    if (messages !== undefined) {
      this.messages ??= new TokenBucket(withBurst(messages, this.surface.messageBurst), now)
      if (!this.messages.take(1, now)) {
        this.refuse(closeCodes.tryLater, limitNames.messages, 'too many messages')
        return false
      }
    }
    if (bytes !== undefined) {
      this.bytes ??= new TokenBucket(bytes, now)
      if (!this.bytes.take(size, now)) {
        this.refuse(closeCodes.tryLater, limitNames.bytes, 'too many bytes')
        return false
      }
    }
    return true
  }

  private refuse(code: number, limit: string, reason: string): void {
    this.sockets.meter.limit(limit)
    this.sockets.log.debug({ ...this.ids, limit }, 'a connection was closed at a limit')
    this.end(code, reason)
  }

  private failed(error: unknown): void {
    this.sockets.log.error({ ...this.ids, err: error }, 'a session failed')
    this.end(closeCodes.tryLater, 'internal error')
  }
}

const withBurst = (rate: Rate, times = 1): Rate =>
  times === 1 ? rate : { ...rate, burst: rate.burst * times }
