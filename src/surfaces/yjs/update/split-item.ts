import {
  createEncoder,
  toUint8Array,
  writeUint8,
  writeUint8Array,
  writeVarUint,
} from 'lib0/encoding'
import { ByteReader, utf16Length } from './byte-reader.ts'
import { flags, kinds } from './struct-reader.ts'
import type { StructReader } from './struct-reader.ts'

export interface Part {
  readonly clock: number
  readonly bytes: Uint8Array
}

interface Slice {
  readonly from: number
  readonly to: number
  /** What is written before the bytes: bytes of a string, or elements. */
  readonly count: number
  /** Clock units. */
  readonly length: number
}

/** A varUint takes at most so many bytes. */
const MOST_VARINT = 8

/**
 * Cuts an item as Yjs does when something is inserted in its middle: what is right of the cut has the unit before it
 * as origin, and the item's own right origin.
 * @param reader has just read it
 * @param from where it begins, in bytes
 * @param most bytes of a part, where that is possible
 */
export function splitItem(
  reader: StructReader,
  { from, client, clock, most }: { from: number; client: number; clock: number; most: number },
): Part[] {
  const whole = { clock, bytes: reader.bytes.subarray(from, reader.at) }
  const firstHead = reader.bytes.subarray(from, reader.contentAt)
  // The clock that takes the most bytes, so that this is the longest head.
  const room =
    most - Math.max(firstHead.length, rightHead(reader, client, clock + reader.length).length)
  const slices = slicesOf(reader, room - MOST_VARINT)
  if (slices.length < 2) return [whole]
  let at = clock
  return slices.map(({ from, to, count, length }, i) => {
    const encoder = createEncoder()
    writeUint8Array(encoder, i === 0 ? firstHead : rightHead(reader, client, at - 1))
    writeVarUint(encoder, count)
    writeUint8Array(encoder, reader.bytes.subarray(from, to))
    const part = { clock: at, bytes: toUint8Array(encoder) }
    at += length
    return part
  })
}

function rightHead(reader: StructReader, client: number, originClock: number): Uint8Array {
  const encoder = createEncoder()
  writeUint8(encoder, reader.info | flags.origin)
  writeVarUint(encoder, client)
  writeVarUint(encoder, originClock)
  if ((reader.info & flags.rightOrigin) !== 0) {
    writeVarUint(encoder, reader.rightClient)
    writeVarUint(encoder, reader.rightClock)
  }
  return toUint8Array(encoder)
}

function slicesOf(item: StructReader, room: number): Slice[] {
  const reader = new ByteReader(item.bytes, item.contentAt)
  const count = reader.varUint()
  switch (item.kind) {
    case kinds.string:
      return slicesOfText(reader.bytes, reader.at, reader.at + count, room)
    case kinds.any:
      return slicesOfElements(reader, count, room, () => reader.skipAny())
    case kinds.json:
      return slicesOfElements(reader, count, room, () => reader.skipJsonOrUndefined())
    default:
      return []
  }
}

function slicesOfText(bytes: Uint8Array, from: number, to: number, room: number): Slice[] {
  const slices: Slice[] = []
  for (let at = from; at < to;) {
    const end = endOfSlice(bytes, at, to, room)
    slices.push({ from: at, to: end, count: end - at, length: utf16Length(bytes, at, end) })
    at = end
  }
  return slices
}

/** Between characters, so that no surrogate pair is cut; at least one character on. */
function endOfSlice(bytes: Uint8Array, at: number, to: number, room: number): number {
  let end = Math.min(to, at + Math.max(1, room))
  while (end > at && isInCharacter(bytes, end, to)) end -= 1
  if (end > at) return end
  end += 1
  while (isInCharacter(bytes, end, to)) end += 1
  return end
}

function isInCharacter(bytes: Uint8Array, at: number, to: number): boolean {
  return at < to && (bytes[at]! & 0xc0) === 0x80
}

function slicesOfElements(
  reader: ByteReader,
  count: number,
  room: number,
  skip: () => void,
): Slice[] {
  const slices: Slice[] = []
  let from = reader.at
  let held = 0
  for (let i = 0; i < count; i += 1) {
    const start = reader.at
    skip()
    if (held > 0 && reader.at - from > room) {
      slices.push({ from, to: start, count: held, length: held })
      from = start
      held = 0
    }
    held += 1
  }
  slices.push({ from, to: reader.at, count: held, length: held })
  return slices
}
