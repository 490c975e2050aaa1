import type { IdSet } from './id-set.ts'
import { MalformedUpdate } from './malformed.ts'
import { kinds } from './struct-reader.ts'
import type { StructReader } from './struct-reader.ts'

/** The structs of one client in an update. */
export interface Block {
  readonly client: number
  readonly count: number
  /** Clock of its first struct, and where its last one ends. */
  readonly clock: number
  readonly endClock: number
  /** Bytes of the update: the block, and its first struct. */
  readonly from: number
  readonly firstStruct: number
  readonly to: number
  /** Of its last struct, if it has one: where that begins, in bytes, and its clock. */
  readonly lastStruct: number
  readonly lastClock: number
  readonly hasSkips: boolean
}

/**
 * Reads the structs of an update; the delete set comes next.
 * @param into gets what they are
 * @throws MalformedUpdate
 */
export function readBlocks(reader: StructReader, into?: IdSet): Block[] {
  const blocks: Block[] = []
  const clients = new Set<number>()
  const count = reader.varUint()
  for (let i = 0; i < count; i += 1) {
    const block = readBlock(reader, into)
    // Yjs would apply the last block only.
    if (clients.has(block.client)) throw new MalformedUpdate('two blocks of one client')
    clients.add(block.client)
    blocks.push(block)
  }
  return blocks
}

function readBlock(reader: StructReader, into?: IdSet): Block {
  const from = reader.at
  const count = reader.varUint()
  const client = reader.varUint()
  const clock = reader.varUint()
  const firstStruct = reader.at
  let runStart = clock
  let at = clock
  let lastStruct = firstStruct
  let lastClock = clock
  let hasSkips = false
  for (let i = 0; i < count; i += 1) {
    lastStruct = reader.at
    lastClock = at
    reader.read(client, at)
    if (reader.kind === kinds.skip) {
      hasSkips = true
      into?.add(client, runStart, at)
      runStart = at + reader.length
    }
    at += reader.length
  }
  into?.add(client, runStart, at)
  const to = reader.at
  return {
    client,
    count,
    clock,
    endClock: at,
    from,
    firstStruct,
    to,
    lastStruct,
    lastClock,
    hasSkips,
  }
}
