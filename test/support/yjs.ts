import { createDecoder, readVarString, readVarUint, readVarUint8Array } from 'lib0/decoding'
import { encode, writeVarString, writeVarUint, writeVarUint8Array } from 'lib0/encoding'
import { WebSocket } from 'ws'
import type { ClientOptions } from 'ws'
import * as Y from 'yjs'
import type { TestNode } from './nodes.ts'
import { until } from './wait.ts'
import type { WaitOptions } from './wait.ts'

/** The address that a provider is given. */
export const roomsOf = (node: TestNode): string => node.httpUrl.replace('http', 'ws') + '/yjs'

/** A message of the y-websocket wire, cut up without the product's code. */
export interface YjsMessage {
  readonly kind: 'step1' | 'step2' | 'update' | 'awareness' | 'denied' | 'unknown'
  /** A state vector, an update, an awareness update, or a reason. */
  readonly payload: Uint8Array
  /** The whole frame. */
  readonly hex: string
  readonly at: number
}

/** A client of our own on the bytes of the wire: it sends nothing by itself and keeps everything. */
export interface YjsClient extends AsyncDisposable {
  readonly socket: WebSocket
  readonly received: readonly YjsMessage[]
  /** Those of one kind, so far. */
  of(kind: YjsMessage['kind']): YjsMessage[]
  readonly isClosed: boolean
  readonly closed: Promise<{ code: number; reason: string }>
  opened(): Promise<YjsClient>
  send(...frames: (string | Uint8Array)[]): void
  /** Waits until it has been sent this frame, byte for byte. */
  hears(hex: string, options?: WaitOptions): Promise<void>
  /** Asks with a step 1. @returns the step 2 that answers it */
  asks(stateVector?: string): Promise<YjsMessage>
  /** What all updates that it was given make. */
  doc(): Y.Doc
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** @param rooms where they are: `roomsOf(node)`. @param room as in a URL */
export function connectYjs(rooms: string, room: string, options?: ClientOptions): YjsClient {
  const socket = new WebSocket(`${rooms}/${room}`, {
    perMessageDeflate: false,
    maxPayload: 0,
    ...options,
  })
  const received: YjsMessage[] = []
  let isClosed = false
  socket.on('message', (data: Buffer) => received.push(cut(data)))
  socket.on('error', () => undefined)
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.once('close', (code, reason) => {
      isClosed = true
      resolve({ code, reason: reason.toString() })
    })
  })
  const open = new Promise<void>((resolve) => socket.once('open', () => resolve()))
  const of = (kind: YjsMessage['kind']) => received.filter((message) => message.kind === kind)
  return {
    socket,
    received,
    of,
    closed,
    get isClosed() {
      return isClosed
    },
    async opened() {
      await Promise.race([open, closed])
      return this
    },
    send(...frames) {
      for (const frame of frames)
        socket.send(typeof frame === 'string' ? Buffer.from(frame, 'hex') : frame)
    },
    async hears(hex, wait) {
      await until(`${room}: ${hex}`, () => received.some((each) => each.hex === hex), wait)
    },
    async asks(stateVector = '00') {
      const before = of('step2').length
      socket.send(stepOne(Buffer.from(stateVector, 'hex')))
      return await until(`${room}: an answer`, () => of('step2')[before])
    },
    doc() {
      const doc = new Y.Doc()
      for (const { kind, payload } of received)
        if (kind === 'step2' || kind === 'update') Y.applyUpdate(doc, payload)
      return doc
    },
    async close() {
      socket.close()
      await closed
    },
    async [Symbol.asyncDispose]() {
      socket.terminate()
      await closed
    },
  }
}

const kinds = [['step1', 'step2', 'update'], ['awareness'], ['denied']] as const

/** Only the first message of a frame, as clients up to 3.1.0 do; that there is no second one is checked here. */
function cut(bytes: Buffer): YjsMessage {
  const decoder = createDecoder(bytes)
  const type = readVarUint(decoder)
  const sub = type === 1 ? 0 : readVarUint(decoder)
  const kind = kinds[type]?.[sub] ?? 'unknown'
  const payload = readVarUint8Array(decoder)
  if (decoder.pos < bytes.length) throw new Error(`two messages in a frame: ${hexOf(bytes)}`)
  return { kind, payload, hex: hexOf(bytes), at: Date.now() }
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function frame(head: readonly number[], payload: Uint8Array): Uint8Array {
  return encode((encoder) => {
    for (const number of head) writeVarUint(encoder, number)
    writeVarUint8Array(encoder, payload)
  })
}

export const stepOne = (stateVector: Uint8Array): Uint8Array => frame([0, 0], stateVector)
export const stepTwo = (update: Uint8Array): Uint8Array => frame([0, 1], update)
export const updateOf = (update: Uint8Array): Uint8Array => frame([0, 2], update)

export interface Presence {
  readonly id: number
  readonly clock: number
  /** null: gone. */
  readonly state: unknown
}

export function awarenessOf(...entries: readonly Presence[]): Uint8Array {
  const update = encode((encoder) => {
    writeVarUint(encoder, entries.length)
    for (const { id, clock, state } of entries) {
      writeVarUint(encoder, id)
      writeVarUint(encoder, clock)
      writeVarString(encoder, JSON.stringify(state))
    }
  })
  return frame([1], update)
}

/** The entries of an awareness message. */
export function presencesIn({ payload }: YjsMessage): Presence[] {
  const decoder = createDecoder(payload)
  return Array.from({ length: readVarUint(decoder) }, () => ({
    id: readVarUint(decoder),
    clock: readVarUint(decoder),
    state: JSON.parse(readVarString(decoder)) as unknown,
  }))
}
