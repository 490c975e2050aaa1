/**
 * Updates of one connection on their way to the log: looked at, in their order, and written if they bring anything. What
 * has come is stored although its connection may be gone meanwhile.
 */
import type { AppendResult } from '../../collab/append-queue.ts'
import type { Meter } from '../../core/meter.ts'
import type { Author, Room } from './room.ts'
import type { UpdateMeta } from './update/read-update.ts'

/** An update as it goes to the log. */
export interface Inspected {
  readonly meta: UpdateMeta
  /** The same in pieces that no client has trouble with. */
  readonly pieces: readonly Uint8Array[]
}

/** At once, or for a large one later. @throws MalformedUpdate */
export type Inspect = (update: Uint8Array) => Inspected | Promise<Inspected>

/** Smaller updates are written without a look at what the room has: they are what somebody has just typed. */
const LARGE_BYTES = 4 * 1024

export interface UploadsOptions {
  readonly room: Room
  readonly inspect: Inspect
  readonly traceParent?: string | undefined
  readonly meter: Meter
  /** Bytes; `room` 0: no limit. */
  readonly limits: {
    readonly update: number
    readonly room: number
    readonly unansweredBytes: number
  }
  readonly onTooLarge: (what: 'update too large' | 'room too large') => void
  readonly onTooMuch: () => void
  readonly onFailed: (error: unknown) => void
  /** An update that is no answer brings nothing: all of it is stored already. */
  readonly onKnown: (pieces: readonly Uint8Array[]) => void
  /** An update was not stored. The client does not send it again, but when it reconnects. */
  readonly onNotStored: (result: AppendResult) => void
}

export class Uploads implements Author {
  readonly #options: UploadsOptions
  #bytes = 0
  /** Large updates are looked at elsewhere: those behind them wait. */
  #inspecting: Promise<void> | undefined

  constructor(options: UploadsOptions) {
    this.#options = options
  }

  get traceParent(): string | undefined {
    return this.#options.traceParent
  }

  /** Bytes whose fate is not known. */
  get bytes(): number {
    return this.#bytes
  }

  /** All that has come by now is on its way to the log. */
  async inspected(): Promise<void> {
    await this.#inspecting
  }

  /** @param isAnswer to a step 1 of ours: it may bring nothing */
  hear(frame: Uint8Array, isAnswer: boolean): void {
    const { limits, meter, inspect } = this.#options
    const update = Uint8Array.from(frame) // a copy: the frame is the socket's
    if (update.length > limits.update) {
      meter.limit('YJS_MAX_UPDATE')
      return this.#options.onTooLarge('update too large')
    }
    if (this.#bytes > 0 && this.#bytes + update.length > limits.unansweredBytes + limits.update)
      return this.#options.onTooMuch()
    const inspected = this.#inspecting ? undefined : inspect(update)
    if (inspected && !(inspected instanceof Promise)) return this.#take(inspected, isAnswer)
    this.#inspectLater(inspected ?? (() => inspect(update)), update.length, isAnswer)
  }

  #inspectLater(
    work: Promise<Inspected> | (() => Inspected | Promise<Inspected>),
    size: number,
    isAnswer: boolean,
  ): void {
    const before = this.#inspecting
    this.#bytes += size
    const inspect = async (): Promise<void> => {
      await before
      try {
        this.#take(await (typeof work === 'function' ? work() : work), isAnswer)
      } catch (error) {
        this.#options.onFailed(error)
      }
      this.#bytes -= size
    }
    const mine = inspect().then(() => {
      if (this.#inspecting === mine) this.#inspecting = undefined
    })
    this.#inspecting = mine
  }

  #take({ meta, pieces }: Inspected, isAnswer: boolean): void {
    if (meta.isEmpty) return
    const bytes = sizeOf(pieces)
    // Whoever ever deleted something sends all of that again when it reconnects (spec 10.4), and a page that keeps a copy of
    // its own (y-indexeddb) sends all of it when it has read that before it was told what is here.
    if (!isAnswer && bytes < LARGE_BYTES) return this.#write(pieces)
    this.#bytes += bytes
    this.#options.room.state
      .contains(meta)
      .then((isKnown) => {
        if (!isKnown) return this.#write(pieces)
        this.#options.meter.redundantUpdate()
        if (!isAnswer) this.#options.onKnown(pieces)
      })
      .catch(() => this.#options.onNotStored({ kind: 'unavailable' }))
      .finally(() => (this.#bytes -= bytes))
  }

  #write(pieces: readonly Uint8Array[]): void {
    const { limits, meter, room } = this.#options
    const bytes = sizeOf(pieces)
    const { tail, folded } = room.state.size
    if (limits.room > 0 && tail + folded + bytes > limits.room) {
      meter.limit('YJS_MAX_ROOM')
      return this.#options.onTooLarge('room too large')
    }
    this.#bytes += bytes
    room.write(pieces, this)
  }

  settled(bytes: number, result: AppendResult): void {
    this.#bytes -= bytes
    if (result.kind !== 'stored') this.#options.onNotStored(result)
  }
}

function sizeOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0)
}
