/** Bytes whose memory is their own, as a browser's WebSocket.send asks for. */
export type Bytes = Uint8Array<ArrayBuffer>

export function concat(parts: readonly Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Whether the first `length` bytes of both are the same; both are at least that long. */
export function samePrefix(a: Uint8Array, b: Uint8Array, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false
  return true
}

export const same = (a: Uint8Array, b: Uint8Array) =>
  a.length === b.length && samePrefix(a, b, a.length)

export function u8(value: number): Bytes {
  return Uint8Array.of(value)
}

export function u16(value: number): Bytes {
  return Uint8Array.of(value >>> 8, value)
}

export function u32(value: number): Bytes {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
}

/** Lengths and offsets: exact up to 2^53, which is 8 PiB. */
export function u64(value: number): Bytes {
  return concat([u32(Math.floor(value / 0x1_0000_0000)), u32(value % 0x1_0000_0000)])
}

export interface Reader {
  u8(): number
  u16(): number
  u32(): number
  u64(): number
  bytes(length: number): Uint8Array
  rest(): Uint8Array
  readonly left: number
}

/** Reads big-endian fields from the front. @throws RangeError when the bytes end too early */
export function makeReader(source: Uint8Array): Reader {
  const view = new DataView(source.buffer, source.byteOffset, source.byteLength)
  let at = 0
  const step = (size: number) => {
    at += size
    return at - size
  }
  const reader: Reader = {
    u8: () => view.getUint8(step(1)),
    u16: () => view.getUint16(step(2)),
    u32: () => view.getUint32(step(4)),
    u64: () => reader.u32() * 0x1_0000_0000 + reader.u32(),
    bytes(length) {
      if (length > source.length - at) throw new RangeError('message too short for its lengths')
      return source.subarray(step(length), at)
    },
    rest: () => source.subarray(step(source.length - at)),
    get left() {
      return source.length - at
    },
  }
  return reader
}
