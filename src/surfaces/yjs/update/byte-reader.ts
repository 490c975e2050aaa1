/** lib0's primitives (spec 2), read strictly: nothing past the end, nothing over 2^53-1, no broken UTF-8. */
import { MalformedUpdate } from './malformed.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** Deeper values exhaust the stack of the clients that write them again. */
const MOST_DEPTH = 100
const MOST_VARINT_BYTES = 8

export class ByteReader {
  readonly bytes: Uint8Array
  /** Where the next read begins. */
  at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  uint8(): number {
    if (this.at >= this.bytes.length) throw new MalformedUpdate('ends too early')
    return this.bytes[this.at++]!
  }

  varUint(): number {
    const first = this.uint8()
    return first < 0x80 ? first : this.#varRest(first & 0x7f, 0x80)
  }

  skip(size: number): void {
    if (size > this.bytes.length - this.at) throw new MalformedUpdate('ends too early')
    this.at += size
  }

  skipVarBytes(): void {
    this.skip(this.varUint())
  }

  /** Passes over a string. @returns its length in UTF-16 code units */
  skipString(): number {
    const size = this.varUint()
    const from = this.at
    this.skip(size)
    return utf16Length(this.bytes, from, this.at)
  }

  /** Passes over a string that holds JSON. */
  skipJson(): void {
    this.#checkJson(this.#text())
  }

  /** Passes over one value of ContentJSON, which writes `undefined` by its name. */
  skipJsonOrUndefined(): void {
    const text = this.#text()
    if (text !== 'undefined') this.#checkJson(text)
  }

  /** Passes over one value in lib0's `any` encoding. @returns its first byte, which is its type */
  skipAny(depth = 0): number {
    const type = this.uint8()
    switch (type) {
      case anyTypes.undefined:
      case anyTypes.null:
      case anyTypes.true:
      case anyTypes.false:
        break
      case anyTypes.integer: {
        const first = this.uint8()
        if (first >= 0x80) this.#varRest(first & 0x3f, 0x40)
        break
      }
      case anyTypes.float32:
        this.skip(4)
        break
      case anyTypes.float64:
      case anyTypes.bigint:
        this.skip(8)
        break
      case anyTypes.string:
        this.skipString()
        break
      case anyTypes.bytes:
        this.skipVarBytes()
        break
      case anyTypes.object:
      case anyTypes.array: {
        if (depth >= MOST_DEPTH) throw new MalformedUpdate('a value nested too deep')
        const count = this.varUint()
        for (let i = 0; i < count; i += 1) {
          if (type === anyTypes.object) this.skipString()
          this.skipAny(depth + 1)
        }
        break
      }
      default:
        throw new MalformedUpdate(`unknown type of value ${type}`)
    }
    return type
  }

  #varRest(first: number, firstScale: number): number {
    let value = first
    let scale = firstScale
    for (let read = 1; read < MOST_VARINT_BYTES; read += 1) {
      const byte = this.uint8()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break
        return value
      }
      scale *= 0x80
    }
    throw new MalformedUpdate('a number over 2^53-1')
  }

  #text(): string {
    const size = this.varUint()
    const from = this.at
    this.skip(size)
    try {
      return utf8.decode(this.bytes.subarray(from, this.at))
    } catch (cause) {
      throw new MalformedUpdate('broken UTF-8', { cause })
    }
  }

  #checkJson(text: string): void {
    if (depthOfJson(text) > MOST_DEPTH) throw new MalformedUpdate('JSON nested too deep')
    try {
      JSON.parse(text)
    } catch (cause) {
      throw new MalformedUpdate('broken JSON', { cause })
    }
  }
}

/** First bytes of lib0's `any`. */
export const anyTypes = {
  undefined: 127,
  null: 126,
  integer: 125,
  float32: 124,
  float64: 123,
  bigint: 122,
  false: 121,
  true: 120,
  string: 119,
  object: 118,
  array: 117,
  bytes: 116,
} as const

/** @throws MalformedUpdate where a fatal TextDecoder throws */
export function utf16Length(bytes: Uint8Array, from: number, to: number): number {
  let units = 0
  let at = from
  while (at < to) {
    const lead = bytes[at]!
    if (lead < 0x80) {
      at += 1
      units += 1
      continue
    }
    const size = sequenceSize(bytes, at, to)
    at += size
    units += size === 4 ? 2 : 1
  }
  return units
}

/** Bytes of the character at `at`, which is no ASCII. The bounds of the second byte are Unicode's table 3-7. */
function sequenceSize(bytes: Uint8Array, at: number, to: number): number {
  const lead = bytes[at]!
  const size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  if (lead < 0xc2 || lead > 0xf4 || at + size > to) throw new MalformedUpdate('broken UTF-8')
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  const second = bytes[at + 1]!
  let isGood = second >= least && second <= most
  for (let i = at + 2; i < at + size; i += 1) isGood &&= (bytes[i]! & 0xc0) === 0x80
  if (!isGood) throw new MalformedUpdate('broken UTF-8')
  return size
}

function depthOfJson(text: string): number {
  if (text.length <= 2 * MOST_DEPTH) return 0
  let depth = 0
  let deepest = 0
  let isInString = false
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i]
    if (isInString) {
      if (char === '\\') i += 1
      else if (char === '"') isInString = false
    } else if (char === '"') isInString = true
    else if (char === '[' || char === '{') deepest = Math.max(deepest, (depth += 1))
    else if (char === ']' || char === '}') depth -= 1
  }
  return deepest
}
