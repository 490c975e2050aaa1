import { createEncoder, toUint8Array, writeUint8Array, writeVarUint } from 'lib0/encoding'
import * as Y from 'yjs'
import { readBlocks } from './blocks.ts'
import { concatUpdates } from './concat.ts'
import type { StateVector } from './id-set.ts'
import { encodeStateVector } from './state-vector.ts'
import { StructReader } from './struct-reader.ts'

/** Flat merging of many updates is worse than linear (spec 10.5). */
const GROUP = 64
/** Of a state vector: so many clients are read again with every record at no cost that counts. */
const FEW_CLIENTS = 64

/** One update that holds what all of them hold. @throws MalformedUpdate */
export function mergeRecords(updates: readonly Uint8Array[]): Uint8Array {
  if (updates.length === 1) return inOrder(updates[0]!)
  return concatUpdates(updates) ?? mergeGroups(updates.map(inOrder))
}

/** The part of an update that the owner of a state vector lacks, and its whole delete set. */
export function diffRecord(update: Uint8Array, has: StateVector): Uint8Array {
  const looked = has.size > FEW_CLIENTS ? ofClientsIn(update, has) : has
  return Y.diffUpdate(update, encodeStateVector(looked))
}

function ofClientsIn(update: Uint8Array, has: StateVector): StateVector {
  const state: StateVector = new Map()
  for (const { client } of readBlocks(new StructReader(update))) {
    const clock = has.get(client)
    if (clock !== undefined) state.set(client, clock)
  }
  return state
}

/** `Y.mergeUpdates` in groups, for those that hold the same structs. */
function mergeGroups(updates: readonly Uint8Array[]): Uint8Array {
  if (updates.length <= GROUP) return Y.mergeUpdates([...updates])
  const groups: Uint8Array[] = []
  for (let i = 0; i < updates.length; i += GROUP) {
    groups.push(Y.mergeUpdates(updates.slice(i, i + GROUP)))
  }
  return mergeGroups(groups)
}

/**
 * The update with its blocks in descending order of clients. In another order, which Yjs 13.0 wrote and every Yjs
 * reads, `Y.mergeUpdates` may write two blocks of one client, of which applying then loses one.
 */
function inOrder(update: Uint8Array): Uint8Array {
  const reader = new StructReader(update)
  const blocks = readBlocks(reader)
  if (blocks.every(({ client }, i) => i === 0 || client < blocks[i - 1]!.client)) return update
  const encoder = createEncoder()
  writeVarUint(encoder, blocks.length)
  for (const { from, to } of blocks.sort((a, b) => b.client - a.client)) {
    writeUint8Array(encoder, update.subarray(from, to))
  }
  writeUint8Array(encoder, update.subarray(reader.at))
  return toUint8Array(encoder)
}
