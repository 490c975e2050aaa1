import {
  createEncoder,
  toUint8Array,
  writeUint8,
  writeUint8Array,
  writeVarUint,
} from 'lib0/encoding'

/** An update that is being put together from structs of a larger one. */
export interface Piece {
  readonly isEmpty: boolean
  /**
   * Adds the client's next struct, whose bytes are those from `at` to `to`.
   * @returns false when it has no room for it
   */
  add(struct: { client: number; clock: number; at: number }, to: number): boolean
  /** The client's next struct is a Skip. It becomes part of the piece when a struct follows it there. */
  skip(client: number): void
  encode(): Uint8Array
}

/** Consecutive bytes of the source: structs of one client. */
interface Run {
  readonly clock: number
  readonly from: number
  to: number
  count: number
  skips: number
}

/** The most that number of structs, client and clock take. */
const RUN_HEAD = 4 + 8 + 8
/** Number of runs, and the empty delete set. */
const PIECE_HEAD = 4 + 1
/** What an update of one struct takes beside its bytes. */
export const RUN_OVERHEAD = RUN_HEAD + PIECE_HEAD

export function makePiece(source: Uint8Array, most: number): Piece {
  const runs = new Map<number, Run>()
  let size = PIECE_HEAD

  return {
    get isEmpty() {
      return runs.size === 0
    },
    add({ client, clock, at }, to) {
      const run = runs.get(client)
      const grown = size + (run === undefined ? RUN_HEAD + to - at : to - run.to)
      if (grown > most) return false
      size = grown
      if (run === undefined) {
        runs.set(client, { clock, from: at, to, count: 1, skips: 0 })
      } else {
        run.count += run.skips + 1
        run.skips = 0
        run.to = to
      }
      return true
    },
    skip(client) {
      const run = runs.get(client)
      if (run !== undefined) run.skips += 1
    },
    encode() {
      const encoder = createEncoder()
      writeVarUint(encoder, runs.size)
      for (const [client, run] of [...runs].sort(([a], [b]) => b - a)) {
        writeVarUint(encoder, run.count)
        writeVarUint(encoder, client)
        writeVarUint(encoder, run.clock)
        writeUint8Array(encoder, source.subarray(run.from, run.to))
      }
      writeUint8(encoder, 0)
      return toUint8Array(encoder)
    },
  }
}
