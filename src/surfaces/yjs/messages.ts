/**
 * The y-websocket protocol: messages ↔ bytes. Numbers are lib0 varUints, `bytes` a varUint and that many bytes.
 *
 *   sync       00 00 bytes        step 1, a state vector
 *              00 01 bytes        step 2, an update: the answer to a step 1
 *              00 02 bytes        an update
 *   awareness  01 bytes
 *   auth       02 00 bytes        permission denied, a text; the server's only
 *
 * The server sends one message a frame: clients up to 3.1.0 read no further.
 */
import { ByteReader } from './update/byte-reader.ts'
import { MalformedUpdate } from './update/malformed.ts'

const types = { sync: 0, awareness: 1, auth: 2, queryAwareness: 3 } as const
const syncTypes = { step1: 0, step2: 1, update: 2 } as const

export type Heard =
  | { readonly kind: 'step1'; readonly stateVector: Uint8Array }
  | { readonly kind: 'step2' | 'update'; readonly update: Uint8Array }
  | { readonly kind: 'awareness'; readonly update: Uint8Array }

/**
 * The messages of a frame; views of it. What a message of an unknown type is followed by is ignored.
 * @throws MalformedUpdate after those that are whole
 */
export function* readMessages(frame: Uint8Array): Generator<Heard> {
  const reader = new ByteReader(frame)
  do {
    const type = reader.varUint()
    if (type === types.sync) yield readSync(reader)
    else if (type === types.awareness) yield { kind: 'awareness', update: readBytes(reader) }
    else if (type !== types.queryAwareness) return
  } while (reader.at < frame.length)
}

function readSync(reader: ByteReader): Heard {
  const type = reader.varUint()
  switch (type) {
    case syncTypes.step1:
      return { kind: 'step1', stateVector: readBytes(reader) }
    case syncTypes.step2:
      return { kind: 'step2', update: readBytes(reader) }
    case syncTypes.update:
      return { kind: 'update', update: readBytes(reader) }
    default:
      throw new MalformedUpdate(`unknown kind of sync message ${type}`)
  }
}

function readBytes(reader: ByteReader): Uint8Array {
  const size = reader.varUint()
  const from = reader.at
  reader.skip(size)
  return reader.bytes.subarray(from, reader.at)
}

export const encodeStep1 = (stateVector: Uint8Array): Uint8Array =>
  encode([types.sync, syncTypes.step1], stateVector)

/** For who sends it at once: the bytes are lent until the next `lend`. */
export const lendStep2 = (update: Uint8Array): Uint8Array =>
  encode([types.sync, syncTypes.step2], update, lend)

/** Likewise. */
export const lendUpdate = (update: Uint8Array): Uint8Array =>
  encode([types.sync, syncTypes.update], update, lend)

export const encodeUpdate = (update: Uint8Array): Uint8Array =>
  encode([types.sync, syncTypes.update], update)

export const encodeAwarenessMessage = (update: Uint8Array): Uint8Array =>
  encode([types.awareness], update)

export const encodeDenied = (reason: string): Uint8Array =>
  encode([types.auth, 0], Buffer.from(reason))

/** Awareness of nobody: a client that hears nothing for 30 s takes its connection for dead (spec 6.5). */
export const KEEP_ALIVE = Uint8Array.of(types.awareness, 1, 0)

const MOST_LENT = 1024 * 1024
let lent = Buffer.allocUnsafeSlow(0)

/** What thousands of joins would leave behind for the garbage collector stays with the process for good. */
function lend(size: number): Buffer {
  if (size > MOST_LENT) return Buffer.allocUnsafe(size)
  if (size > lent.length) lent = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(size)))
  return lent.subarray(0, size)
}

function encode(
  head: readonly number[],
  bytes: Uint8Array,
  allocate: (size: number) => Buffer = (size) => Buffer.allocUnsafe(size),
): Uint8Array {
  const size: number[] = []
  let rest = bytes.length
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) size.push((rest % 0x80) + 0x80)
  size.push(rest)
  const out = allocate(head.length + size.length + bytes.length)
  out.set(head)
  out.set(size, head.length)
  out.set(bytes, head.length + size.length)
  return out
}
