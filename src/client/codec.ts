/**
 * Messages of the Zwibbler collaboration protocol in their V3 layout, bytes ↔ fields. Pure.
 *
 *   init         := 01 more version:u16=3 largest:u32 mode:u8 generation:u32 offset:u64 id data
 *   set key      := 03 more request:u16 lifetime:u8 old:u32 new:u32 name value
 *   broadcast    := 04 more length:u32 data
 *   append       := 05 more generation:u32 offset:u64 data           (V2: 02 more offset:u64 data)
 *   error        := 80 more code:u16 text
 *   answer       := 81 more result:u16 length:u64                    to an append: 0 refused, 1 stored, 2 denied
 *   keys         := 82 more (version:u32 name value)*
 *   key answer   := 83 more result:u16 request:u16                   0 refused, 1 stored
 *   continuation := ff more part                                     (fragments.ts)
 *
 * id, name and value are a u32 length and that many bytes; data and text go to the end of the message; integers are
 * big endian. For example "!" appended at 11, then its answer "stored, the document is now 12 bytes long":
 *   05 00 00000000 000000000000000b 21
 *   81 00 0001 000000000000000c
 */
import { concat, makeReader, u16, u32, u64, u8 } from './bytes.ts'
import type { Bytes, Reader } from './bytes.ts'

export const creation = { 'if-missing': 0, never: 1, always: 2 } as const
export type Creation = keyof typeof creation

export interface Init {
  readonly type: 'init'
  /** Largest frame the client wants to receive, in bytes; 0 leaves it to the server. */
  readonly largest: number
  readonly mode: number
  readonly generation: number
  readonly offset: number
  readonly id: string
  readonly data: Uint8Array
}
export interface Append {
  readonly type: 'append'
  /** Low 32 bits of the document's epoch where the server was asked for it, else 0. */
  readonly generation: number
  readonly offset: number
  readonly data: Uint8Array
}
export interface SetKey {
  readonly type: 'set-key'
  readonly request: number
  readonly lifetime: number
  readonly oldVersion: number
  readonly newVersion: number
  readonly name: string
  readonly value: Uint8Array
}
export interface Broadcast {
  readonly type: 'broadcast'
  readonly data: Uint8Array
}
export interface ErrorMessage {
  readonly type: 'error'
  readonly code: number
  readonly text: string
}
export interface Answer {
  readonly type: 'answer'
  readonly result: number
  readonly length: number
}
export interface KeyEntry {
  readonly version: number
  readonly name: string
  readonly value: Uint8Array
}
export interface Keys {
  readonly type: 'keys'
  readonly entries: readonly KeyEntry[]
}
export interface KeyAnswer {
  readonly type: 'key-answer'
  readonly result: number
  readonly request: number
}
/** A type this version does not know; to be ignored (spec section 3). */
export interface Unknown {
  readonly type: 'unknown'
}
export type ClientMessage = Init | Append | SetKey | Broadcast
export type ServerMessage = Append | Broadcast | ErrorMessage | Answer | Keys | KeyAnswer | Unknown

export const code = {
  init: 0x01,
  appendV2: 0x02,
  setKey: 0x03,
  broadcast: 0x04,
  append: 0x05,
  error: 0x80,
  answer: 0x81,
  keys: 0x82,
  keyAnswer: 0x83,
  continuation: 0xff,
} as const

const utf8 = new TextEncoder()
const text = new TextDecoder()
const counted = (bytes: Uint8Array) => concat([u32(bytes.length), bytes])
const name = (value: string) => counted(utf8.encode(value))
const readCounted = (reader: Reader) => reader.bytes(reader.u32())
const readName = (reader: Reader) => text.decode(readCounted(reader))
const message = (type: number, ...fields: Uint8Array[]) => concat([u8(type), u8(0), ...fields])

export function writeInit(m: Init): Bytes {
  const head = [u16(3), u32(m.largest), u8(m.mode), u32(m.generation), u64(m.offset)]
  return message(code.init, ...head, name(m.id), m.data)
}

function readInit(reader: Reader): Init {
  if (reader.u16() !== 3) throw new RangeError('only the V3 layout of init is read here')
  const [largest, mode, generation] = [reader.u32(), reader.u8(), reader.u32()]
  const [offset, id] = [reader.u64(), readName(reader)]
  return { type: 'init', largest, mode, generation, offset, id, data: reader.rest() }
}

export function writeAppend(m: Append): Bytes {
  return message(code.append, u32(m.generation), u64(m.offset), m.data)
}

function readAppend(reader: Reader, hasGeneration: boolean): Append {
  const generation = hasGeneration ? reader.u32() : 0
  return { type: 'append', generation, offset: reader.u64(), data: reader.rest() }
}

export function writeSetKey(m: SetKey): Bytes {
  const versions = [u32(m.oldVersion), u32(m.newVersion)]
  return message(
    code.setKey,
    u16(m.request),
    u8(m.lifetime),
    ...versions,
    name(m.name),
    counted(m.value),
  )
}

function readSetKey(reader: Reader): SetKey {
  const [request, lifetime] = [reader.u16(), reader.u8()]
  const [oldVersion, newVersion] = [reader.u32(), reader.u32()]
  const [key, value] = [readName(reader), readCounted(reader)]
  return { type: 'set-key', request, lifetime, oldVersion, newVersion, name: key, value }
}

export function writeBroadcast(m: Broadcast): Bytes {
  return message(code.broadcast, u32(m.data.length), m.data)
}

/** The length field is ignored on input: everything after it is the data (spec section 4.4). */
function readBroadcast(reader: Reader): Broadcast {
  reader.u32()
  return { type: 'broadcast', data: reader.rest() }
}

export function writeError(m: ErrorMessage): Bytes {
  return message(code.error, u16(m.code), utf8.encode(m.text))
}

export function writeAnswer(m: Answer): Bytes {
  return message(code.answer, u16(m.result), u64(m.length))
}

export function writeKeys(m: Keys): Bytes {
  const entries = m.entries.map((e) => concat([u32(e.version), name(e.name), counted(e.value)]))
  return message(code.keys, ...entries)
}

function readKeys(reader: Reader): Keys {
  const entries: KeyEntry[] = []
  while (reader.left > 0) {
    entries.push({ version: reader.u32(), name: readName(reader), value: readCounted(reader) })
  }
  return { type: 'keys', entries }
}

export function writeKeyAnswer(m: KeyAnswer): Bytes {
  return message(code.keyAnswer, u16(m.result), u16(m.request))
}

/** Reads one whole message from a server. @throws RangeError when it is too short for its lengths */
export function readServerMessage(bytes: Uint8Array): ServerMessage {
  const reader = makeReader(bytes)
  const type = reader.u8()
  reader.u8()
  switch (type) {
    case code.append:
    case code.appendV2:
      return readAppend(reader, type === code.append)
    case code.broadcast:
      return readBroadcast(reader)
    case code.error:
      return { type: 'error', code: reader.u16(), text: text.decode(reader.rest()) }
    case code.answer:
      return { type: 'answer', result: reader.u16(), length: reader.u64() }
    case code.keys:
      return readKeys(reader)
    case code.keyAnswer:
      return { type: 'key-answer', result: reader.u16(), request: reader.u16() }
    default:
      return { type: 'unknown' }
  }
}

/** Reads one whole message from a client: what a server, or a test's stand-in for one, needs. @throws RangeError */
export function readClientMessage(bytes: Uint8Array): ClientMessage | Unknown {
  const reader = makeReader(bytes)
  const type = reader.u8()
  reader.u8()
  switch (type) {
    case code.init:
      return readInit(reader)
    case code.append:
    case code.appendV2:
      return readAppend(reader, type === code.append)
    case code.setKey:
      return readSetKey(reader)
    case code.broadcast:
      return readBroadcast(reader)
    default:
      return { type: 'unknown' }
  }
}
