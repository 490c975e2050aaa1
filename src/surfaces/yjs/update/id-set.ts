/** Sets of (client, clock), as ranges; on the wire they are delete sets (spec 2.2). */
import { createEncoder, toUint8Array, writeVarUint } from 'lib0/encoding'
import { ByteReader } from './byte-reader.ts'
import { MalformedUpdate } from './malformed.ts'
import { addRange, coversRanges, mergedRanges, normalized } from './ranges.ts'

/** Client → next clock. */
export type StateVector = Map<number, number>

/** About what V8 takes for a client (map entry, array) and for a range (two doubles, slack). */
const BYTES = { set: 100, client: 120, range: 24 } as const

export class IdSet {
  /** Client → [from, to, from, to …): sorted, disjoint, not touching. */
  readonly clients = new Map<number, number[]>()

  get isEmpty(): boolean {
    return this.clients.size === 0
  }

  /** An estimate of the memory it takes. */
  get byteSize(): number {
    let size = BYTES.set + this.clients.size * BYTES.client
    for (const ranges of this.clients.values()) size += (ranges.length / 2) * BYTES.range
    return size
  }

  /** Adds the clocks [from, to). */
  add(client: number, from: number, to: number): void {
    if (from >= to) return
    const ranges = this.clients.get(client)
    if (ranges === undefined) this.clients.set(client, [from, to])
    else addRange(ranges, from, to)
  }

  addAll(other: IdSet): void {
    for (const [client, theirs] of other.clients) {
      const ours = this.clients.get(client)
      if (ours === undefined) this.clients.set(client, theirs.slice())
      else if (theirs.length === 2) addRange(ours, theirs[0]!, theirs[1]!)
      else this.clients.set(client, mergedRanges(ours, theirs))
    }
  }

  /** Of many at once: adding one after the other would move what is there each time. */
  static union(sets: readonly IdSet[]): IdSet {
    const all = new Map<number, number[][]>()
    for (const { clients } of sets) {
      for (const [client, ranges] of clients) {
        const known = all.get(client)
        if (known) known.push(ranges)
        else all.set(client, [ranges])
      }
    }
    const union = new IdSet()
    for (const [client, lists] of all)
      union.clients.set(client, lists.length === 1 ? lists[0]! : normalized(lists.flat()))
    return union
  }

  covers(other: IdSet): boolean {
    for (const [client, theirs] of other.clients) {
      const ours = this.clients.get(client)
      if (ours === undefined || !coversRanges(ours, theirs)) return false
    }
    return true
  }

  /** How far each client is known from 0 without a hole; clients of which 0 is unknown are left out. */
  stateVector(): StateVector {
    const state: StateVector = new Map()
    for (const [client, ranges] of this.clients) if (ranges[0] === 0) state.set(client, ranges[1]!)
    return state
  }

  /** The end of the last range of each client. */
  ends(): Map<number, number> {
    const ends = new Map<number, number>()
    for (const [client, ranges] of this.clients) ends.set(client, ranges.at(-1)!)
    return ends
  }

  /** Its bytes as a V1 delete set. */
  encode(): Uint8Array {
    const encoder = createEncoder()
    writeVarUint(encoder, this.clients.size)
    for (const [client, ranges] of [...this.clients].sort(([a], [b]) => b - a)) {
      writeVarUint(encoder, client)
      writeVarUint(encoder, ranges.length / 2)
      for (let i = 0; i < ranges.length; i += 2) {
        writeVarUint(encoder, ranges[i]!)
        writeVarUint(encoder, ranges[i + 1]! - ranges[i]!)
      }
    }
    return toUint8Array(encoder)
  }

  /** @throws MalformedUpdate */
  static decode(bytes: Uint8Array): IdSet {
    return IdSet.read(new ByteReader(bytes))
  }

  /** Reads a delete set; ranges that overlap, touch or are out of order are put right, as Yjs does. */
  static read(reader: ByteReader): IdSet {
    const set = new IdSet()
    const unordered = new Set<number>()
    const clients = reader.varUint()
    for (let i = 0; i < clients; i += 1) {
      const client = reader.varUint()
      const ranges = set.clients.get(client) ?? []
      if (!readRanges(reader, ranges)) unordered.add(client)
      if (ranges.length > 0) set.clients.set(client, ranges)
    }
    for (const client of unordered) set.clients.set(client, normalized(set.clients.get(client)!))
    return set
  }
}

/** Appends to `ranges`. @returns whether they are still in order */
function readRanges(reader: ByteReader, ranges: number[]): boolean {
  let isOrdered = true
  let last = ranges.length > 0 ? ranges.at(-1)! : -1
  const count = reader.varUint()
  for (let i = 0; i < count; i += 1) {
    const from = reader.varUint()
    const to = from + reader.varUint()
    if (to > Number.MAX_SAFE_INTEGER) throw new MalformedUpdate('a clock over 2^53-1')
    // Yjs throws on it where the structs are not there yet.
    if (to === from) throw new MalformedUpdate('an empty range')
    if (from === last) {
      ranges[ranges.length - 1] = to
    } else {
      if (from < last) isOrdered = false
      ranges.push(from, to)
    }
    last = to
  }
  return isOrdered
}
