/**
 * The Zwibbler wire format for tests (specs/zwibbler-v2.md 3 and 4), written from the spec and not shared with src/, so
 * that a mistake there cannot hide itself here.
 */
export type Version = 2 | 3

export interface Init {
  version: Version
  document: string | Uint8Array
  maxSize?: number
  mode?: number
  offset?: number
  initial?: Uint8Array
}

export interface KeyEntry {
  version: number
  name: string
  value: Uint8Array
}

export type ServerMessage =
  | { kind: 'append'; offset: number; data: Uint8Array }
  | { kind: 'ack'; result: number; length: number }
  | { kind: 'keys'; entries: KeyEntry[] }
  | { kind: 'keyAck'; result: number; request: number }
  | { kind: 'broadcast'; data: Uint8Array }
  | { kind: 'error'; code: number; text: string }
  | { kind: 'unknown'; bytes: Uint8Array }

export const CONTINUATION = 0xff

function uint(size: 1 | 2 | 4 | 8, value: number): Uint8Array {
  const bytes = Buffer.alloc(size)
  if (size === 8) bytes.writeBigUInt64BE(BigInt(value))
  else bytes.writeUIntBE(value, 0, size)
  return bytes
}

export function encodeInit(init: Init): Uint8Array {
  const { version, document, maxSize = 0, mode = 0, offset = 0, initial = new Uint8Array() } = init
  const id = typeof document === 'string' ? Buffer.from(document) : document
  const head = [Uint8Array.of(1, 0), uint(2, version), uint(4, maxSize), uint(1, mode)]
  const place =
    version === 2
      ? [uint(8, offset), uint(1, id.length)]
      : [uint(4, 0), uint(8, offset), uint(4, id.length)]
  return Buffer.concat([...head, ...place, id, initial])
}

export function encodeAppend(version: Version, offset: number, data: Uint8Array): Uint8Array {
  const head = version === 2 ? [Uint8Array.of(2, 0)] : [Uint8Array.of(5, 0), uint(4, 0)]
  return Buffer.concat([...head, uint(8, offset), data])
}

export interface KeyWish {
  request: number
  lifetime: number
  old: number
  new: number
  /** Text, or any bytes. */
  name: string | Uint8Array
  value: Uint8Array
}

export function encodeKey({ request, lifetime, old, new: next, name, value }: KeyWish): Uint8Array {
  const bytes = Buffer.from(name)
  const head = [
    Uint8Array.of(3, 0),
    uint(2, request),
    uint(1, lifetime),
    uint(4, old),
    uint(4, next),
  ]
  return Buffer.concat([...head, uint(4, bytes.length), bytes, uint(4, value.length), value])
}

export function encodeBroadcast(data: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(4, 0), uint(4, data.length), data])
}

/** One whole message, its fragments joined already. */
export function decodeMessage(message: Uint8Array): ServerMessage {
  const data = Buffer.from(message.buffer, message.byteOffset, message.length)
  const uint64 = (at: number): number => Number(data.readBigUInt64BE(at))
  switch (data[0]) {
    case 2:
      return { kind: 'append', offset: uint64(2), data: data.subarray(10) }
    case 5:
      return { kind: 'append', offset: uint64(6), data: data.subarray(14) }
    case 4:
      return { kind: 'broadcast', data: data.subarray(6) }
    case 0x80:
      return { kind: 'error', code: data.readUInt16BE(2), text: data.toString('utf8', 4) }
    case 0x81:
      return { kind: 'ack', result: data.readUInt16BE(2), length: uint64(4) }
    case 0x82:
      return { kind: 'keys', entries: decodeEntries(data.subarray(2)) }
    case 0x83:
      return { kind: 'keyAck', result: data.readUInt16BE(2), request: data.readUInt16BE(4) }
    default:
      return { kind: 'unknown', bytes: data }
  }
}

function decodeEntries(data: Buffer): KeyEntry[] {
  const entries: KeyEntry[] = []
  for (let at = 0; at < data.length;) {
    const nameAt = at + 8
    const valueAt = nameAt + data.readUInt32BE(at + 4) + 4
    const end = valueAt + data.readUInt32BE(valueAt - 4)
    entries.push({
      version: data.readUInt32BE(at),
      name: data.toString('utf8', nameAt, valueAt - 4),
      value: data.subarray(valueAt, end),
    })
    at = end
  }
  return entries
}

/** Puts fragmented messages together: feed frames, get whole messages. */
export function makeAssembler(): (frame: Uint8Array) => Uint8Array | undefined {
  let parts: Uint8Array[] = []
  return (frame) => {
    const isContinuation = frame[0] === CONTINUATION
    if (isContinuation !== parts.length > 0) throw new Error('fragments of two messages are mixed')
    if (parts.length === 0 && frame[1] === 0) return frame
    parts.push(isContinuation ? frame.subarray(2) : frame)
    if (frame[1] !== 0) return undefined
    const whole = Buffer.concat(parts)
    parts = []
    return whole
  }
}
