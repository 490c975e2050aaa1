/** State vectors on the wire (spec 2.1). */
import { createEncoder, toUint8Array, writeVarUint } from 'lib0/encoding'
import { ByteReader } from './byte-reader.ts'
import type { StateVector } from './id-set.ts'
import { MalformedUpdate } from './malformed.ts'

export function encodeStateVector(state: StateVector): Uint8Array {
  const encoder = createEncoder()
  writeVarUint(encoder, state.size)
  for (const [client, clock] of [...state].sort(([a], [b]) => b - a)) {
    writeVarUint(encoder, client)
    writeVarUint(encoder, clock)
  }
  return toUint8Array(encoder)
}

/** @param mostEntries more are refused @throws MalformedUpdate */
export function decodeStateVector(bytes: Uint8Array, mostEntries: number): StateVector {
  const reader = new ByteReader(bytes)
  const count = reader.varUint()
  if (count > mostEntries) throw new MalformedUpdate(`a state vector of ${count} entries`)
  const state: StateVector = new Map()
  for (let i = 0; i < count; i += 1) {
    const client = reader.varUint()
    state.set(client, reader.varUint())
  }
  return state
}
