/**
 * A room's log: `size:u32 update`, big endian, again and again. With the top bit of its size set a record is filler: its
 * bytes mean nothing, because they were broken and have been put aside.
 */
import { MalformedUpdate } from './malformed.ts'

const HEAD = 4
/** Larger updates are lent: until the next one is asked for. Ten clients that join a large room would otherwise leave ten of it behind. */
export const LENT_BYTES = 256 * 1024
const NOTHING = Buffer.alloc(0)
const FILLER = 2 ** 31
/** Larger ones are broken: what a client may send is far below. */
const MOST_BYTES = 2 ** 28

export function encodeRecords(updates: readonly Uint8Array[]): Uint8Array {
  const size = updates.reduce((sum, update) => sum + HEAD + update.length, 0)
  const records = Buffer.allocUnsafe(size)
  let at = 0
  for (const update of updates) {
    records.writeUInt32BE(update.length, at)
    records.set(update, at + HEAD)
    at += HEAD + update.length
  }
  return records
}

/** Cuts a log that arrives in any portions into its updates. */
export class RecordReader {
  readonly #most: number
  /** The part of a record that has come; with room for the rest once its size is known. */
  #held: Buffer = NOTHING
  #heldBytes = 0
  /** Where one that is lent is put together; there while one large record follows the other. */
  #lent: Buffer = NOTHING
  /** Bytes that are needed before the next look. */
  #wanted = HEAD
  #at = 0
  /** Where the next record begins. */
  #next = 0

  /** @param most bytes of an update */
  constructor(most = MOST_BYTES) {
    this.#most = most
  }

  /** Whether no part of a record is held. */
  get isWhole(): boolean {
    return this.#heldBytes === 0
  }

  /** Where the record begins that was given last, or that was refused; counted in bytes since the last reset. */
  get at(): number {
    return this.#at
  }

  /** Where the record begins that is to be given next; a part of it may be held. */
  get next(): number {
    return this.#next
  }

  /**
   * The updates that are complete now; they may be views of `bytes`, and those above `LENT_BYTES` are lent.
   * @throws MalformedUpdate for a record that is larger than any may be; until `reset` the reader is of no use then
   */
  *push(bytes: Uint8Array): Generator<Uint8Array> {
    let rest = asBuffer(bytes)
    while (!this.isWhole && rest.length > 0) {
      rest = this.#fill(rest)
      if (this.#heldBytes < this.#wanted) continue
      const held = this.#held.subarray(0, this.#heldBytes)
      this.#heldBytes = 0
      this.#wanted = HEAD
      yield* this.#cut(held)
    }
    if (!this.isWhole) return
    yield* this.#cut(rest)
    if (this.#heldBytes === 0) this.#held = this.#lent = NOTHING
  }

  /** Forgets the part of a record that it holds. @param at what `at` counts from */
  reset(at = 0): void {
    this.#held = this.#lent = NOTHING
    this.#heldBytes = 0
    this.#wanted = HEAD
    this.#next = this.#at = at
  }

  *#cut(all: Buffer): Generator<Uint8Array> {
    let from = 0
    while (all.length - from >= HEAD) {
      const head = all.readUInt32BE(from)
      const isFiller = head >= FILLER
      const size = isFiller ? head - FILLER : head
      this.#at = this.#next
      if (size > this.#most) throw new MalformedUpdate(`a record of ${size} bytes`)
      this.#wanted = HEAD + size
      if (all.length - from < this.#wanted) break
      const update = all.subarray(from + HEAD, from + HEAD + size)
      from += HEAD + size
      this.#next += HEAD + size
      this.#wanted = HEAD
      if (!isFiller) yield update
    }
    if (from < all.length) this.#hold(all.subarray(from))
  }

  /** A copy: the bytes may be a view of something large, or used again. */
  #hold(bytes: Buffer): void {
    this.#held = this.#roomFor(this.#wanted)
    this.#heldBytes = bytes.copy(this.#held)
  }

  #roomFor(size: number): Buffer {
    if (size <= HEAD + LENT_BYTES) {
      this.#lent = NOTHING
      // A new one each time: what was cut from the last one may still be in use.
      return Buffer.allocUnsafe(size)
    }
    if (this.#lent.length < size) this.#lent = Buffer.allocUnsafeSlow(size)
    return this.#lent.subarray(0, size)
  }

  /** @returns what is behind the record that is held, or behind its head while only that is wanted */
  #fill(bytes: Buffer): Buffer {
    const taken = bytes.copy(this.#held, this.#heldBytes, 0, this.#wanted - this.#heldBytes)
    this.#heldBytes += taken
    return bytes.subarray(taken)
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
