/**
 * Zwibbler collaboration protocol, versions 2 and 3: messages ↔ bytes. Integers are unsigned and big endian; every
 * message begins with type:u8 more:u8; `body` is what follows them. Version 3 widens the id and adds a generation.
 *
 *   init 01       V2: version:u16=2 max:u32 mode:u8 offset:u64 size:u8 id initial
 *                 V3: version:u16=3 max:u32 mode:u8 generation:u32 offset:u64 size:u32 id initial
 *   append 02/05  V2: offset:u64 data          V3: generation:u32 offset:u64 data
 *   set key 03    request:u16 lifetime:u8 old:u32 new:u32 size:u32 name size:u32 value
 *   broadcast 04  size:u32 data                (size is ignored on input)
 *   error 80      code:u16 text                acknowledgement 81   result:u16 length:u64
 *   keys 82       (version:u32 size:u32 name size:u32 value)*       key answer 83   result:u16 request:u16
 */

export const types = {
  init: 0x01,
  append2: 0x02,
  setKey: 0x03,
  broadcast: 0x04,
  append3: 0x05,
  error: 0x80,
  appendAnswer: 0x81,
  keys: 0x82,
  keyAnswer: 0x83,
  continuation: 0xff,
} as const

export type Version = 2 | 3

/** Section 7 of the protocol; the texts are the reference server's. */
export const errors = {
  other: { code: 0, text: '' },
  missing: { code: 1, text: 'does not exist' },
  exists: { code: 2, text: 'already exists' },
  invalidOffset: { code: 3, text: 'invalid offset' },
  denied: { code: 4, text: 'access denied' },
} as const

/** `result` of 0x81. */
export const appendResults = { conflict: 0, stored: 1, denied: 2 } as const

export interface Init {
  readonly version: Version
  /** Bytes of the largest frame that the client wants; 0: the default. */
  readonly maxFrame: number
  readonly mode: number
  /** Larger ones than a number can hold are beyond any document: Infinity. */
  readonly offset: number
  readonly id: Uint8Array
  readonly initial: Uint8Array
}

export interface SetKey {
  readonly request: number
  readonly lifetime: number
  readonly oldVersion: number
  readonly version: number
  /** One character a byte. */
  readonly name: string
  readonly value: Uint8Array
}

/** @returns undefined when it is too short for its own lengths, or of another version */
export function decodeInit(body: Buffer): Init | undefined {
  if (body.length < 16) return undefined
  const version = body.readUInt16BE(0)
  const [idSizeAt, idSizeBytes] = version === 2 ? [15, 1] : [19, 4]
  if (version !== 2 && version !== 3) return undefined
  const idAt = idSizeAt + idSizeBytes
  if (body.length < idAt) return undefined
  const idEnd = idAt + body.readUIntBE(idSizeAt, idSizeBytes)
  if (body.length < idEnd) return undefined
  return {
    version,
    maxFrame: body.readUInt32BE(2),
    mode: body[6]!,
    offset: readOffset(body, version === 2 ? 7 : 11),
    id: body.subarray(idAt, idEnd),
    initial: body.subarray(idEnd),
  }
}

/** @returns undefined when there is no whole offset */
export function decodeAppend(
  type: number,
  body: Buffer,
): { offset: number; data: Buffer } | undefined {
  const at = type === types.append3 ? 4 : 0
  if (body.length < at + 8) return undefined
  return { offset: readOffset(body, at), data: body.subarray(at + 8) }
}

/** Bytes after the value are ignored. @returns undefined when it is too short for its own lengths */
export function decodeSetKey(body: Buffer): SetKey | undefined {
  if (body.length < 15) return undefined
  const nameEnd = 15 + body.readUInt32BE(11)
  if (body.length < nameEnd + 4) return undefined
  const end = nameEnd + 4 + body.readUInt32BE(nameEnd)
  if (body.length < end) return undefined
  return {
    request: body.readUInt16BE(0),
    lifetime: body[2]!,
    oldVersion: body.readUInt32BE(3),
    version: body.readUInt32BE(7),
    name: body.toString('latin1', 15, nameEnd),
    value: body.subarray(nameEnd + 4, end),
  }
}

/** @returns undefined when the length field is not whole */
export function decodeBroadcast(body: Buffer): Buffer | undefined {
  return body.length < 4 ? undefined : body.subarray(4)
}

/** The body's first bytes; the data follows them. */
export function appendHead(version: Version, generation: number, offset: number): Buffer {
  const head = Buffer.allocUnsafe(version === 2 ? 8 : 12)
  if (version === 3) head.writeUInt32BE(generation, 0)
  writeLength(head, offset, head.length - 8)
  return head
}

export function encodeAppend(
  version: Version,
  generation: number,
  offset: number,
  data: Uint8Array,
): Buffer {
  const type = version === 2 ? types.append2 : types.append3
  return Buffer.concat([Buffer.from([type, 0]), appendHead(version, generation, offset), data])
}

export function encodeError(code: number, text: string): Buffer {
  const out = Buffer.alloc(4 + Buffer.byteLength(text))
  out[0] = types.error
  out.writeUInt16BE(code, 2)
  out.write(text, 4)
  return out
}

/** @param length the document's, after the append when it was stored */
export function encodeAppendAnswer(result: number, length: number): Buffer {
  const out = Buffer.alloc(12)
  out[0] = types.appendAnswer
  out.writeUInt16BE(result, 2)
  writeLength(out, length, 4)
  return out
}

export function encodeKeyAnswer(isStored: boolean, request: number): Buffer {
  const out = Buffer.alloc(6)
  out[0] = types.keyAnswer
  out.writeUInt16BE(isStored ? 1 : 0, 2)
  out.writeUInt16BE(request, 4)
  return out
}

export function encodeKeys(
  keys: readonly { name: string; version: number; value: Uint8Array }[],
): Buffer {
  const size = keys.reduce((sum, { name, value }) => sum + 12 + name.length + value.length, 2)
  const out = Buffer.allocUnsafe(size)
  out[0] = types.keys
  out[1] = 0
  let at = 2
  for (const { name, version, value } of keys) {
    at = out.writeUInt32BE(version, at)
    at = out.writeUInt32BE(name.length, at)
    at += out.write(name, at, 'latin1')
    at = out.writeUInt32BE(value.length, at)
    out.set(value, at)
    at += value.length
  }
  return out
}

export function encodeBroadcast(data: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(6 + data.length)
  out[0] = types.broadcast
  out[1] = 0
  out.writeUInt32BE(data.length, 2)
  out.set(data, 6)
  return out
}

function readOffset(from: Buffer, at: number): number {
  const offset = from.readUInt32BE(at) * 2 ** 32 + from.readUInt32BE(at + 4)
  return Number.isSafeInteger(offset) ? offset : Infinity
}

function writeLength(out: Buffer, length: number, at: number): void {
  out.writeUInt32BE(Math.floor(length / 2 ** 32), at)
  out.writeUInt32BE(length % 2 ** 32, at + 4)
}
