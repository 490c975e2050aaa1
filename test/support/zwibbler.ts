import { WebSocket } from 'ws'
import type { ClientOptions } from 'ws'
import { until, within } from './wait.ts'
import type { WaitOptions } from './wait.ts'
import {
  decodeMessage,
  encodeAppend,
  encodeBroadcast,
  encodeInit,
  encodeKey,
  makeAssembler,
} from './zwibblerFrames.ts'
import type { Init, KeyWish, ServerMessage } from './zwibblerFrames.ts'

export type Received = ServerMessage & { at: number }

/** `unanswered`: the connection ended first, so nobody knows. */
export type AppendAnswer =
  { kind: 'stored' | 'refused' | 'denied'; length: number } | { kind: 'unanswered' }

export interface ConnectOptions extends Partial<Omit<Init, 'document'>> {
  /** Sees every message at once, before anything that waits for it. */
  onMessage?: (message: Received) => void
  /** Keep every message in `received`; switch off for long runs. Default true. */
  record?: boolean
  socket?: ClientOptions
  /** Do not send the init; the test does it. */
  raw?: boolean
}

/** A client of our own on the bytes of the wire: it believes nothing and keeps everything. */
export interface ZwibblerClient extends AsyncDisposable {
  readonly socket: WebSocket
  readonly received: readonly Received[]
  /** Raw frames, in the order received. */
  readonly frames: readonly Uint8Array[]
  /** End of what it has: bytes received, and its own appends at the moment of their ack. */
  readonly position: number
  /** Those bytes, from the offset it joined at; empty without `record`. */
  text(): string
  /** Resolves with the first append: it is in. @throws Error when it is refused or dropped */
  joined(): Promise<ZwibblerClient>
  /** Appends at `offset` (default: where it stands), after what is unanswered already. */
  append(data: Uint8Array | string, offset?: number): Promise<AppendAnswer>
  setKey(wish: Omit<KeyWish, 'request' | 'value'> & { value: string }): Promise<boolean | undefined>
  broadcast(data: Uint8Array | string): void
  send(bytes: Uint8Array): void
  /** Waits until its text contains this. */
  hears(text: string, options?: WaitOptions): Promise<void>
  /** What every key is now, as far as it was told. */
  keys(): Map<string, { version: number; value: string }>
  /** Resolves with the close code when the connection ends, however it ends. */
  readonly closed: Promise<number>
  readonly isClosed: boolean
  close(code?: number): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

interface Waiting {
  data: Uint8Array
  settle: (answer: AppendAnswer) => void
}

/** Opens a socket, and sends the init as soon as it is open. @param url of a node, `ws://…/socket` */
export function connectZwibbler(
  url: string,
  document: string,
  options: ConnectOptions = {},
): ZwibblerClient {
  const { version = 3, record = true, onMessage } = options
  const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 0, ...options.socket })
  const assemble = makeAssembler()
  const received: Received[] = []
  const frames: Uint8Array[] = []
  const pieces: Uint8Array[] = []
  const appends: Waiting[] = []
  const keyWishes = new Map<number, (stored: boolean | undefined) => void>()
  let position = options.offset ?? 0
  let hasJoined = false
  let enter: () => void = () => undefined
  const entered = new Promise<void>((resolve) => (enter = resolve))
  let nextRequest = 1
  let isClosed = false
  let brokenBy: string | undefined

  const take = (frame: Uint8Array): void => {
    if (record) frames.push(frame)
    const whole = assemble(frame)
    if (whole === undefined) return
    const message = { ...decodeMessage(whole), at: Date.now() }
    if (record) received.push(message)
    apply(message)
  }
  const apply = (message: Received): void => {
    if (message.kind === 'append') {
      // A client that made the document is told where it stands (spec 5.6).
      if (!hasJoined) position = message.offset
      if (message.offset !== position)
        brokenBy = `append at ${message.offset}, expected ${position}`
      advance(message.data)
      hasJoined = true
      enter()
    }
    const answered = message.kind === 'ack' ? appends.shift() : undefined
    if (message.kind === 'ack' && message.result === 1 && answered) {
      advance(answered.data)
      if (message.length !== position) brokenBy = `ack of ${message.length}, expected ${position}`
    }
    onMessage?.(message)
    if (message.kind === 'ack') {
      const kind = message.result === 1 ? 'stored' : message.result === 0 ? 'refused' : 'denied'
      answered?.settle({ kind, length: message.length })
    }
    if (message.kind === 'keyAck') {
      keyWishes.get(message.request)?.(message.result === 1)
      keyWishes.delete(message.request)
    }
  }
  const advance = (data: Uint8Array): void => {
    position += data.length
    if (record) pieces.push(data)
  }
  const checkStream = (): void => {
    if (brokenBy !== undefined)
      throw new Error(`[I1] the stream of ${document} is broken: ${brokenBy}`)
  }

  socket.on('message', (data: Buffer) => {
    if (!isClosed) take(data)
  })
  const closed = new Promise<number>((resolve) => {
    socket.once('close', (code) => {
      isClosed = true
      for (const { settle } of appends.splice(0)) settle({ kind: 'unanswered' })
      for (const settle of keyWishes.values()) settle(undefined)
      resolve(code)
    })
  })
  // A refused connection also closes, and that is what callers look at.
  socket.on('error', () => undefined)
  socket.once('open', () => {
    if (options.raw !== true) socket.send(encodeInit({ ...options, version, document }))
  })

  const client: ZwibblerClient = {
    socket,
    received,
    frames,
    closed,
    get position() {
      return position
    },
    get isClosed() {
      return isClosed
    },
    text: () => Buffer.concat(pieces).toString(),
    async joined() {
      await within(20_000, `joining ${document}`, Promise.race([entered, closed]))
      if (!hasJoined) throw new Error(`not let in: ${JSON.stringify(received.at(-1) ?? 'dropped')}`)
      return client
    },
    append(data, offset) {
      const bytes = typeof data === 'string' ? Buffer.from(data) : data
      const ahead = appends.reduce((sum, each) => sum + each.data.length, 0)
      return new Promise((settle) => {
        if (isClosed) {
          settle({ kind: 'unanswered' })
          return
        }
        appends.push({ data: bytes, settle })
        socket.send(encodeAppend(version, offset ?? position + ahead, bytes))
      })
    },
    setKey(wish) {
      const request = nextRequest++ % 0x10000
      return new Promise((settle) => {
        if (isClosed) {
          settle(undefined)
          return
        }
        keyWishes.set(request, settle)
        socket.send(encodeKey({ ...wish, value: Buffer.from(wish.value), request }))
      })
    },
    broadcast: (data) =>
      socket.send(encodeBroadcast(typeof data === 'string' ? Buffer.from(data) : data)),
    send: (bytes) => socket.send(bytes),
    hears: async (text, wait) => {
      await until(`${document} has ${text}`, () => client.text().includes(text), wait)
      checkStream()
    },
    keys() {
      const now = new Map<string, { version: number; value: string }>()
      for (const message of received) {
        if (message.kind !== 'keys') continue
        for (const { name, version: v, value } of message.entries) {
          now.set(name, { version: v, value: Buffer.from(value).toString() })
        }
      }
      return now
    },
    async close(code = 1000) {
      if (isClosed) return
      socket.close(code)
      setTimeout(() => socket.terminate(), 1_000).unref()
      await closed
    },
    async [Symbol.asyncDispose]() {
      socket.terminate()
      await closed
      checkStream()
    },
  }
  return client
}
