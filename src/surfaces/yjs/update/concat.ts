/**
 * Joins updates that do not overlap, which most are, without an object for each struct. What one client typed in many
 * updates becomes one struct, as in a document that has applied them: the inverse of `split-item.ts`.
 */
import {
  createEncoder,
  type Encoder,
  toUint8Array,
  writeUint8,
  writeUint8Array,
  writeVarUint,
} from 'lib0/encoding'
import { type Block, readBlocks } from './blocks.ts'
import { ByteReader } from './byte-reader.ts'
import { IdSet } from './id-set.ts'
import { flags, kinds, StructReader } from './struct-reader.ts'

/** Of fewer the structs stay what they are: the result is then, byte for byte, what `Y.mergeUpdates` makes. */
const JOINED_RUNS = 8

/** Some structs of one client in one of the updates. */
interface Run extends Block {
  readonly reader: StructReader
}

/** @returns undefined when two of them hold the same struct, or one has a Skip. @throws MalformedUpdate */
export function concatUpdates(updates: readonly Uint8Array[]): Uint8Array | undefined {
  const runs = new Map<number, Run[]>()
  const deletes: IdSet[] = []
  for (const update of updates) {
    const reader = new StructReader(update)
    for (const block of readBlocks(reader)) {
      if (block.hasSkips) return undefined
      if (block.count > 0) addRun(runs, { ...block, reader })
    }
    deletes.push(IdSet.read(reader))
  }
  const encoder = createEncoder()
  writeVarUint(encoder, runs.size)
  for (const [client, some] of [...runs].sort(([a], [b]) => b - a)) {
    some.sort((a, b) => a.clock - b.clock)
    if (some.some(({ clock }, i) => i > 0 && clock < some[i - 1]!.endClock)) return undefined
    writeRuns(encoder, client, some)
  }
  writeUint8Array(encoder, IdSet.union(deletes).encode())
  return toUint8Array(encoder)
}

function addRun(runs: Map<number, Run[]>, run: Run): void {
  const known = runs.get(run.client)
  if (known) known.push(run)
  else runs.set(run.client, [run])
}

function writeRuns(encoder: Encoder, client: number, runs: readonly Run[]): void {
  const body = createEncoder()
  const chain = new Chain(body, runs.length >= JOINED_RUNS)
  let clock = runs[0]!.clock
  for (const run of runs) {
    if (run.clock > clock) chain.skip(run.clock - clock)
    chain.add(run)
    clock = run.endClock
  }
  chain.end()
  writeVarUint(encoder, chain.count)
  writeVarUint(encoder, client)
  writeVarUint(encoder, runs[0]!.clock)
  writeUint8Array(encoder, toUint8Array(body))
}

/** The last struct so far: the next one may go on where it ends. */
interface Open {
  readonly kind: number
  readonly info: number
  readonly rightClient: number
  readonly rightClock: number
  /** Before the content. */
  readonly head: Uint8Array
  /** What is written before the content: bytes of a string, or clock units. */
  size: number
  readonly content: Uint8Array[]
}

class Chain {
  readonly #encoder: Encoder
  readonly #joinsItems: boolean
  #open: Open | undefined
  count = 0

  constructor(encoder: Encoder, joinsItems: boolean) {
    this.#encoder = encoder
    this.#joinsItems = joinsItems
  }

  skip(length: number): void {
    this.end()
    writeUint8(this.#encoder, kinds.skip)
    writeVarUint(this.#encoder, length)
    this.count++
  }

  add({ reader, client, count, clock, firstStruct, lastStruct, lastClock, to }: Run): void {
    reader.at = firstStruct
    reader.read(client, clock)
    const isOne = count === 1
    const afterFirst = reader.at
    if (!this.#goesOn(reader, client, clock)) {
      this.end()
      if (isOne) return this.#begin(reader, firstStruct)
      writeUint8Array(this.#encoder, reader.bytes.subarray(firstStruct, lastStruct))
      this.count += count - 1
    } else {
      this.#extend(reader)
      if (isOne) return
      this.end()
      writeUint8Array(this.#encoder, reader.bytes.subarray(afterFirst, lastStruct))
      this.count += count - 2
    }
    reader.at = lastStruct
    reader.read(client, lastClock)
    if (reader.at === to) this.#begin(reader, lastStruct)
  }

  /** Whether the struct is what is left of a cut of the open one right of its end (spec 2.2). */
  #goesOn(next: StructReader, client: number, clock: number): boolean {
    const open = this.#open
    if (open?.kind !== next.kind) return false
    if (next.kind === kinds.gc) return true
    if (!this.#joinsItems || !isJoinable(next.kind)) return false
    const isBehind = next.originClient === client && next.originClock === clock - 1
    const isSameRight = next.rightClient === open.rightClient && next.rightClock === open.rightClock
    return isBehind && isSameRight && ((next.info | open.info) & flags.key) === 0
  }

  #begin(reader: StructReader, from: number): void {
    const { bytes, kind, info, rightClient, rightClock } = reader
    const contentAt = kind === kinds.gc ? from + 1 : reader.contentAt
    const head = Uint8Array.from(bytes.subarray(from, contentAt))
    // As Yjs writes it again: who has an origin has its key from there.
    if ((info & (flags.origin | flags.rightOrigin)) !== 0) head[0] = info & ~flags.key
    this.#open = { kind, info, rightClient, rightClock, head, size: 0, content: [] }
    this.#extend(reader)
  }

  #extend(reader: StructReader): void {
    const open = this.#open!
    if (reader.kind === kinds.gc || reader.kind === kinds.deleted) open.size += reader.length
    else if (reader.kind === kinds.string) {
      const content = new ByteReader(reader.bytes, reader.contentAt)
      open.size += content.varUint()
      open.content.push(reader.bytes.subarray(content.at, reader.at))
    } else open.content.push(reader.bytes.subarray(reader.contentAt, reader.at))
  }

  end(): void {
    const open = this.#open
    if (!open) return
    this.#open = undefined
    this.count++
    writeUint8Array(this.#encoder, open.head)
    if (open.kind === kinds.gc || isJoinable(open.kind)) writeVarUint(this.#encoder, open.size)
    for (const bytes of open.content) writeUint8Array(this.#encoder, bytes)
  }
}

const isJoinable = (kind: number): boolean => kind === kinds.string || kind === kinds.deleted
