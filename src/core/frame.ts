/**
 * The fan-out frame: what one node tells the others about a document through Redis. All integers are big endian.
 *
 *   frame   = version:u8 kind:u8 epoch:u64 offset:u64 born:u64 origin parts:u32 part* payload
 *   born    = ms since 1970 by the origin's clock, when its client's message arrived; for figures only
 *   origin  = size:u8 name [";" trace]   ascii; a random name that a node keeps for its life
 *   trace   = W3C traceparent of the publishing, where somebody looks at it; nodes that know of none take it for a name
 *   part    = id:u64 size:u32        one append (chunk), or one sender (ephemeral: id is its session)
 *   keys    = to:u64 change*         payload of a keys frame; `offset` is the version before
 *   change  = flags:u8 version:u32 size:u32 name size:u32 value      flags: 1 session lifetime, 2 removed
 *
 * kind: 1 chunk, 2 empty append, 3 keys, 4 ephemeral, 6 control. A chunk or keys frame without payload only announces.
 */
import type { AppendId, Epoch, KeyChange } from './ports.ts'
import type { TraceParent } from './tracer.ts'

const VERSION = 1
const HEAD = 26

export interface Part {
  readonly id: AppendId
  /** In bytes. */
  readonly size: number
}

export const frameKinds = { chunk: 1, empty: 2, keys: 3, ephemeral: 4, control: 6 } as const
export type FrameKind = keyof typeof frameKinds
const kindNames = new Map<number, FrameKind>(
  Object.entries(frameKinds).map(([name, value]) => [value, name as FrameKind]),
)

export interface Frame {
  readonly kind: FrameKind
  readonly epoch: Epoch
  readonly offset: number
  /** Milliseconds since 1970. */
  readonly born: number
  readonly origin: string
  readonly trace?: TraceParent | undefined
  readonly parts: readonly Part[]
  readonly payload: Uint8Array
}

export function encodeFrame({
  kind,
  epoch,
  offset,
  born,
  origin: name,
  trace,
  parts,
  payload,
}: Frame): Uint8Array {
  const origin = trace === undefined ? name : `${name};${trace}`
  const size = HEAD + 1 + origin.length + 4 + parts.length * 12 + payload.length
  const out = Buffer.allocUnsafe(size)
  out[0] = VERSION
  out[1] = frameKinds[kind]
  writeUint64(out, epoch, 2)
  writeUint64(out, offset, 10)
  writeUint64(out, born, 18)
  out[HEAD] = origin.length
  let at = HEAD + 1 + out.write(origin, HEAD + 1, 'latin1')
  at = out.writeUInt32BE(parts.length, at)
  for (const part of parts) {
    writeUint64(out, part.id, at)
    at = out.writeUInt32BE(part.size, at + 8)
  }
  out.set(payload, at)
  return out
}

/** @returns undefined for a version or kind of another release, or for bytes that are no frame: a gap */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const kind = kindNames.get(data[1] ?? 0)
  if (data[0] !== VERSION || kind === undefined || data.length < HEAD + 5) return undefined
  let at = HEAD + 1 + data[HEAD]!
  if (data.length < at + 4) return undefined
  const named = data.toString('latin1', HEAD + 1, at)
  const end = named.indexOf(';')
  const origin = end < 0 ? named : named.slice(0, end)
  const trace = end < 0 ? undefined : named.slice(end + 1)
  const count = data.readUInt32BE(at)
  at += 4
  if (data.length < at + count * 12) return undefined
  const parts: Part[] = []
  let size = 0
  for (let i = 0; i < count; i++, at += 12) {
    const part = { id: readUint64(data, at), size: data.readUInt32BE(at + 8) }
    parts.push(part)
    size += part.size
  }
  const payload = data.subarray(at)
  // Cut short, it would be counted as given to sessions that never saw it (invariant 1).
  if (kind === 'chunk' && payload.length > 0 && payload.length !== size) return undefined
  const [epoch, offset, born] = [readUint64(data, 2), readUint64(data, 10), readUint64(data, 18)]
  return { kind, epoch, offset, born, origin, trace, parts, payload }
}

export interface KeysPayload {
  readonly to: number
  readonly changes: readonly KeyChange[]
}

export function encodeKeys({ to, changes }: KeysPayload): Uint8Array {
  const size = changes.reduce((sum, each) => sum + 13 + each.name.length + each.value.length, 8)
  const out = Buffer.allocUnsafe(size)
  writeUint64(out, to, 0)
  let at = 8
  for (const { lifetime, name, version, value, removed } of changes) {
    at = out.writeUInt8((lifetime === 'session' ? 1 : 0) | (removed ? 2 : 0), at)
    at = out.writeUInt32BE(version, at)
    at = out.writeUInt32BE(name.length, at)
    at += out.write(name, at, 'latin1')
    at = out.writeUInt32BE(value.length, at)
    out.set(value, at)
    at += value.length
  }
  return out
}

/** @returns undefined when the bytes are cut short */
export function decodeKeys(payload: Uint8Array): KeysPayload | undefined {
  const data = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  try {
    const changes: KeyChange[] = []
    for (let at = 8; at < data.length;) {
      const flags = data.readUInt8(at)
      const version = data.readUInt32BE(at + 1)
      const nameEnd = at + 9 + data.readUInt32BE(at + 5)
      const name = data.toString('latin1', at + 9, nameEnd)
      const end = nameEnd + 4 + data.readUInt32BE(nameEnd)
      if (end > data.length) return undefined
      const lifetime = flags & 1 ? 'session' : 'document'
      changes.push({
        lifetime,
        name,
        version,
        value: data.subarray(nameEnd + 4, end),
        removed: (flags & 2) > 0,
      })
      at = end
    }
    return { to: readUint64(data, 0), changes }
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function writeUint64(out: Buffer, value: number, at: number): void {
  out.writeUInt32BE(Math.floor(value / 2 ** 32), at)
  out.writeUInt32BE(value % 2 ** 32, at + 4)
}

function readUint64(data: Buffer, at: number): number {
  return data.readUInt32BE(at) * 2 ** 32 + data.readUInt32BE(at + 4)
}
