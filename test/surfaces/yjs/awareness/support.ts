import {
  type AwarenessEntry,
  decodeAwareness,
  encodeAwareness,
} from '../../../../src/surfaces/yjs/awareness/codec.ts'
import { DEFAULT_LIMITS, type Out } from '../../../../src/surfaces/yjs/awareness/table.ts'

/** `x:3 {"a":1}` in short: id, clock, JSON text; `null` is gone. */
export type Said = readonly [id: number, clock: number, json: string]

export const toEntry = ([id, clock, json]: Said): AwarenessEntry => ({
  id,
  clock,
  state: json === 'null' ? null : new TextEncoder().encode(json),
})

export const toSaid = ({ id, clock, state }: AwarenessEntry): Said => [
  id,
  clock,
  state === null ? 'null' : new TextDecoder().decode(state),
]

export const update = (...said: Said[]): Uint8Array => encodeAwareness(said.map(toEntry))

export const readUpdate = (bytes: Uint8Array): Said[] =>
  decodeAwareness(bytes, DEFAULT_LIMITS).map(toSaid)

export const fannedOut = (out: Out): Said[] => out.fanOut.map(toSaid)
