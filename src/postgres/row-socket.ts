/**
 * A socket to Postgres that can take the one row of a result out of the stream before the driver sees it. The driver makes
 * a string of every value, from buffers that it makes for every message; here the bytes go straight to where they stay.
 */
import { Socket } from 'node:net'
import { makeRowReader, type Allocate, type RowReader } from './row-reader.ts'

const CHUNK_BYTES = 64 * 1024
/** Type and length. */
const HEAD_BYTES = 5
const DATA_ROW = 'D'.charCodeAt(0)

/** Not for TLS: there the bytes of this socket are no messages. */
export class RowSocket extends Socket {
  readonly #head = Buffer.alloc(HEAD_BYTES)
  #headSize = 0
  /** What is still to come of the message that has begun. */
  #left = 0
  #isTaken = false
  #reader: RowReader | undefined

  constructor() {
    const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
    const callback = (size: number): boolean => {
      this.#heard(chunk, size)
      return true
    }
    const onread = { buffer: chunk, callback }
    // The constructor takes it too; the types know it of `connect` only.
    super({ onread } as object)
  }

  /**
   * Takes the rows of what `work` asks for; there must be one at most, in binary format.
   * @returns its values, or undefined when none came
   */
  async takeRow(
    allocate: Allocate,
    work: () => Promise<unknown>,
  ): Promise<readonly (Uint8Array | null)[] | undefined> {
    const reader = makeRowReader(allocate)
    this.#reader = reader
    try {
      await work()
      return reader.values()
    } finally {
      this.#reader = undefined
    }
  }

  /** The chunk is used again for the next one: what the driver gets is a copy, because it keeps parts of messages. */
  #heard(chunk: Buffer, size: number): void {
    // Most of what comes is the inside of a row.
    const rest = Math.min(size, this.#left)
    if (this.#isTaken) this.#take(chunk, 0, rest)
    if (rest === size && this.#isTaken) return
    const others: Uint8Array[] = []
    let from = this.#isTaken ? rest : 0
    let at = from
    while (at < size) {
      if (this.#left > 0) {
        const end = Math.min(size, at + this.#left)
        if (this.#isTaken) {
          this.#take(chunk, at, end)
          from = end
        } else this.#left -= end - at
        at = end
        continue
      }
      const begin = at
      while (this.#headSize < HEAD_BYTES && at < size) this.#head[this.#headSize++] = chunk[at++]!
      const isWhole = at - begin === HEAD_BYTES
      if (this.#headSize === HEAD_BYTES) {
        this.#headSize = 0
        this.#left = this.#head.readInt32BE(1) - 4
        this.#isTaken = this.#reader !== undefined && this.#head[0] === DATA_ROW
        if (isWhole && !this.#isTaken) continue
      }
      // A head that came in parts is given on when it is known to be no row's.
      if (begin > from) others.push(chunk.subarray(from, begin))
      if (this.#headSize === 0 && !this.#isTaken) others.push(Buffer.from(this.#head))
      from = at
    }
    if (size > from) others.push(chunk.subarray(from, size))
    if (others.length > 0) this.emit('data', Buffer.concat(others))
  }

  #take(chunk: Buffer, from: number, to: number): void {
    this.#left -= to - from
    this.#reader?.push(chunk, from, to)
  }
}
