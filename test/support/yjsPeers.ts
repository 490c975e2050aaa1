import { WebSocket } from 'ws'
import type { WebsocketProvider } from 'y-websocket'
import { WebsocketProvider as Version3 } from 'y-websocket'
import { WebsocketProvider as Version1 } from 'y-websocket-1'
import { WebsocketProvider as Version2 } from 'y-websocket-2'
import * as Y from 'yjs'
import { until } from './wait.ts'
import type { WaitOptions } from './wait.ts'

// Each provider listens for the end of the process.
process.setMaxListeners(0)

export type Version = '1.5.4' | '2.1.0' | '3.1.0'

/** They differ in nothing that a test uses, but their types do. */
const providers: Record<Version, typeof WebsocketProvider> = {
  '1.5.4': Version1 as unknown as typeof WebsocketProvider,
  '2.1.0': Version2 as unknown as typeof WebsocketProvider,
  '3.1.0': Version3,
}
export const versions = Object.keys(providers) as Version[]

export interface PeerOptions {
  version?: Version
  /** Default: a new one, which ends with the peer. */
  doc?: Y.Doc
  params?: Record<string, string>
  protocols?: string[]
  /** Default: the provider's, `{}`. null: not shown to others. */
  state?: Record<string, unknown> | null
}

/** What happened to the connections of one peer. */
export interface Traffic {
  /** How many connections were made. */
  opens: number
  /** Codes, as the server gave them. */
  readonly closes: number[]
  /** Frames of all connections. */
  readonly heard: Buffer[]
  readonly sent: Uint8Array[]
}

/** A page with an unmodified y-websocket client. */
export interface YjsPeer extends AsyncDisposable {
  readonly doc: Y.Doc
  readonly text: Y.Text
  readonly provider: WebsocketProvider
  readonly traffic: Traffic
  synced(options?: WaitOptions): Promise<YjsPeer>
  /** Waits until its text contains this. */
  hears(text: string, options?: WaitOptions): Promise<void>
  /** Waits until a client is shown, or not. */
  sees(id: number, isThere: boolean, options?: WaitOptions): Promise<void>
  /** The connection is lost, without a farewell. */
  drop(): void
  [Symbol.asyncDispose](): Promise<void>
}

/** @param rooms where they are: `roomsOf(node)` */
export function makePeer(rooms: string, room: string, options: PeerOptions = {}): YjsPeer {
  const { version = '3.1.0', doc = new Y.Doc(), params = {}, protocols = [], state } = options
  const traffic: Traffic = { opens: 0, closes: [], heard: [], sent: [] }
  const provider = new providers[version](rooms, room, doc, {
    disableBc: true,
    WebSocketPolyfill: recording(traffic),
    params,
    protocols,
    connect: false,
  })
  if (state !== undefined) provider.awareness.setLocalState(state)
  provider.connect()
  const text = doc.getText('t')
  const peer: YjsPeer = {
    doc,
    text,
    provider,
    traffic,
    async synced(wait) {
      await until(`${room} is synced`, () => provider.synced, wait)
      return peer
    },
    async hears(words, wait) {
      await until(`${room} has ${words}`, () => text.toJSON().includes(words), wait)
    },
    async sees(id, isThere, wait) {
      const states = provider.awareness.getStates()
      await until(`${id} is ${isThere ? 'here' : 'gone'}`, () => states.has(id) === isThere, wait)
    },
    drop: () => socketOf(provider)?.terminate(),
    async [Symbol.asyncDispose]() {
      const socket = socketOf(provider)
      provider.destroy()
      provider.awareness.destroy()
      if (!options.doc) doc.destroy()
      if (socket) await until('it is closed', () => socket.readyState === WebSocket.CLOSED)
    },
  }
  return peer
}

export const socketOf = (provider: WebsocketProvider): WebSocket | null =>
  provider.ws as unknown as WebSocket | null

function recording(traffic: Traffic): typeof globalThis.WebSocket {
  class Recording extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols, { perMessageDeflate: false, maxPayload: 0 })
      this.on('open', () => traffic.opens++)
      this.on('message', (data: Buffer | ArrayBuffer) =>
        traffic.heard.push(Buffer.from(data as Buffer)),
      )
      this.on('close', (code) => traffic.closes.push(code))
    }

    override send(data: Uint8Array): void {
      traffic.sent.push(data)
      super.send(data)
    }
  }
  return Recording as unknown as typeof globalThis.WebSocket
}

/** Whether they hold the same: ids, deletions, contents. */
export function areEqual(docs: readonly Y.Doc[]): boolean {
  const [first, ...others] = docs
  return others.every(
    (doc) =>
      Y.equalSnapshots(Y.snapshot(doc), Y.snapshot(first!)) &&
      JSON.stringify(doc.getText('t').toDelta()) === JSON.stringify(first!.getText('t').toDelta()),
  )
}
