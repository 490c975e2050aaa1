/**
 * One WebSocket: frames in and out, and the watch that notices when it has gone silent. A browser cannot ping, so silence
 * is tested with a message that the server answers (`probe`).
 */
import type { Bytes } from './bytes.ts'
import { ConnectionError, closeError } from './errors.ts'
import { makeAssembler, splitFrames } from './fragments.ts'
import type { Arrival } from './fragments.ts'

/** The part of the browser's WebSocket that is used; `ws` for Node has it too. */
export interface WebSocketLike {
  binaryType: string
  readonly bufferedAmount: number
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
  send(data: Bytes): void
  close(code?: number): void
}
export type WebSocketConstructor = new (url: string) => WebSocketLike

export interface LinkOptions {
  readonly url: string
  readonly WebSocket: WebSocketConstructor
  readonly init: Bytes
  readonly maxFrameBytes: number
  /** How long the server may take to let us in, to answer, and how long it may be silent unasked (0: for ever). */
  readonly joinMs: number
  readonly answerMs: number
  readonly heartbeatMs: number
  /** Whether the server owes us something. */
  readonly isOwed: () => boolean
  readonly probe: () => void
  /** May throw RangeError: the message breaks the protocol. */
  readonly arrived: (message: Arrival) => void
  /** Called once, unless `close` was called first. */
  readonly ended: (error: ConnectionError) => void
}

export interface Link {
  send(message: Bytes): void
  /** Bytes given to the socket and not sent yet. */
  readonly buffered: number
  close(): void
}

/** An error without a close event within this time is taken for the end. */
const ERROR_MS = 100

export function openLink(options: LinkOptions): Link {
  const { answerMs, heartbeatMs } = options
  const socket = new options.WebSocket(options.url)
  const assemble = makeAssembler()
  const watch = makeWatch(options, () => socket.bufferedAmount)
  const timer = setInterval(look, Math.max(10, Math.min(answerMs, heartbeatMs || answerMs) / 5))
  let isOpen = false
  let failing: ReturnType<typeof setTimeout> | undefined

  function look(): void {
    const sight = watch.look(Date.now())
    if (sight === 'idle') options.probe()
    if (sight === 'silent') {
      end(new ConnectionError('silent', 'nothing was heard from the server for too long'))
    }
  }

  function release(): void {
    isOpen = false
    clearInterval(timer)
    clearTimeout(failing)
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.onerror = () => undefined
    socket.close()
  }

  function end(error: ConnectionError): void {
    release()
    options.ended(error)
  }

  function send(message: Bytes): void {
    if (!isOpen) return
    for (const frame of splitFrames(message, options.maxFrameBytes)) socket.send(frame)
  }

  socket.binaryType = 'arraybuffer'
  socket.onopen = () => {
    isOpen = true
    send(options.init)
  }
  socket.onmessage = ({ data }: { data: unknown }) => {
    watch.heard(Date.now())
    try {
      if (!(data instanceof ArrayBuffer)) throw new RangeError('a frame that is not binary')
      const message = assemble(new Uint8Array(data))
      if (message) options.arrived(message)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      end(new ConnectionError('protocol', error.message))
    }
  }
  // A close event follows at once, and says more. That of Node 22 has none when it cannot connect.
  socket.onerror = () => {
    const failed = new ConnectionError('lost', 'the connection failed')
    failing ??= setTimeout(() => end(failed), ERROR_MS)
  }
  socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
    end(closeError(code, reason))
  }

  return {
    send,
    get buffered() {
      return socket.bufferedAmount
    },
    close: release,
  }
}

type WatchOptions = Pick<LinkOptions, 'joinMs' | 'answerMs' | 'heartbeatMs' | 'isOwed'>

/** Tells silence from slowness: while our bytes go out, or bytes come in, the connection lives. */
export function makeWatch(options: WatchOptions, buffered: () => number) {
  let lastSign = Date.now()
  let owedSince: number | undefined
  let lastBuffered = 0
  let isHeard = false

  return {
    heard(now: number): void {
      isHeard = true
      lastSign = now
    },
    look(now: number): 'fine' | 'idle' | 'silent' {
      const waiting = buffered()
      if (waiting < lastBuffered) lastSign = now
      lastBuffered = waiting
      owedSince = options.isOwed() ? (owedSince ?? now) : undefined
      if (!isHeard) return now - lastSign > options.joinMs ? 'silent' : 'fine'
      if (owedSince !== undefined) {
        return now - Math.max(lastSign, owedSince) > options.answerMs ? 'silent' : 'fine'
      }
      return options.heartbeatMs > 0 && now - lastSign > options.heartbeatMs ? 'idle' : 'fine'
    },
  }
}
