/**
 * What nodes tell each other about a room's awareness.
 *
 *   message = kind:u8 size:u8 home entries      home: the node at which these clients are, ascii
 *
 * kind: 1 update, 2 announce (one client has come to `home`), 3 query (who is at your node?), 4 state (its answer),
 * 5 leaving (their connection has ended; they are removed after the grace), 6 relayed (an update which did not come
 * from the client's own connection, but from a tab beside it).
 */
import {
  type AwarenessEntry,
  decodeAwareness,
  encodeAwareness,
  MalformedAwareness,
} from './codec.ts'

export const messageKinds = {
  update: 1,
  announce: 2,
  query: 3,
  state: 4,
  leaving: 5,
  relayed: 6,
} as const
export type MessageKind = keyof typeof messageKinds
const kindNames = new Map<number, MessageKind>(
  Object.entries(messageKinds).map(([name, value]) => [value, name as MessageKind]),
)

export interface Message {
  readonly kind: MessageKind
  readonly home: string
  readonly entries: readonly AwarenessEntry[]
}

/** The other nodes have looked into the states. */
const unlimited = { entries: Infinity, stateBytes: Infinity, stateDepth: Infinity }

export function encodeMessage({ kind, home, entries }: Message): Uint8Array {
  return Buffer.concat([
    Buffer.of(messageKinds[kind], home.length),
    Buffer.from(home, 'latin1'),
    encodeAwareness(entries),
  ])
}

/** @returns undefined for a kind of another release, or for bytes that are no message */
export function decodeMessage(bytes: Uint8Array): Message | undefined {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const kind = kindNames.get(data[0] ?? 0)
  const end = 2 + (data[1] ?? 0)
  if (kind === undefined || data.length < end) return undefined
  try {
    const entries = decodeAwareness(bytes.subarray(end), unlimited)
    return { kind, home: data.toString('latin1', 2, end), entries }
  } catch (error) {
    if (error instanceof MalformedAwareness) return undefined
    throw error
  }
}
