/**
 * Reads what happened and says what must not have: the invariants 1 to 4 of design.md over a recorded history. Every
 * append carries a tag that no other has, so that the final bytes of a document say which appends they are made of.
 */
export interface Attempt {
  document: string
  /** What its bytes begin with, `<tag>`; see `contentOf`. */
  tag: string
  offset: number
  bytes: Uint8Array
  /** `unanswered` may be stored or not, but never half. */
  outcome: 'acknowledged' | 'refused' | 'unanswered'
}

/** What one connection was given, in order: bytes received, and its own appends at the moment of their ack. */
export interface Stream {
  document: string
  reader: string
  from: number
  pieces: { offset: number; bytes: Uint8Array }[]
  /** It was still connected when everything had come to rest, so it must have everything. */
  isLast: boolean
}

export interface History {
  attempts: Attempt[]
  streams: Stream[]
  /** The documents as they are stored in the end. */
  final: Map<string, Uint8Array>
  /** What went wrong while it was recorded: a violation each. */
  complaints: string[]
}

/** Bytes that say whose they are: `<tag|…padding…>`. */
export function contentOf(tag: string, size: number): Uint8Array {
  const head = `<${tag}|`
  return Buffer.from(head.padEnd(Math.max(size, head.length + 1) - 1, '.') + '>')
}

/** @returns one sentence for each violation, none when all is well */
export function checkHistory(history: History): string[] {
  return [
    ...history.complaints,
    ...[...history.final].flatMap(([document, bytes]) => checkDocument(history, document, bytes)),
    ...history.streams.flatMap((stream) => checkStream(stream, history.final.get(stream.document))),
  ]
}

function checkDocument({ attempts }: History, document: string, bytes: Uint8Array): string[] {
  const own = attempts.filter((attempt) => attempt.document === document)
  const byTag = new Map(own.map((attempt) => [attempt.tag, attempt]))
  const { stored, violations } = readAppends(document, bytes, byTag)
  const winners = new Map<number, string>()
  for (const { tag, offset, outcome, bytes: sent } of own) {
    const times = stored.get(tag)?.length ?? 0
    const what = `${document}: append ${tag} at ${offset}`
    if (outcome === 'acknowledged') {
      if (times !== 1) violations.push(`[I2] ${what} was acknowledged and is stored ${times} times`)
      const rival = winners.get(offset)
      if (rival !== undefined && sent.length > 0) {
        violations.push(`[I3] ${what} and ${rival} were both acknowledged`)
      }
      winners.set(offset, tag)
    }
    if (outcome === 'refused' && times > 0)
      violations.push(`[I4] ${what} was refused and is stored`)
    if (times > 1) violations.push(`[I4] ${what} is stored ${times} times`)
    for (const at of stored.get(tag) ?? []) {
      if (at !== offset) violations.push(`[I3] ${what} is stored at ${at}`)
    }
  }
  return violations
}

/** Cuts a document into the appends it is made of: they must tile it, byte for byte. */
function readAppends(
  document: string,
  bytes: Uint8Array,
  byTag: ReadonlyMap<string, Attempt>,
): { stored: Map<string, number[]>; violations: string[] } {
  const stored = new Map<string, number[]>()
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 0; at < data.length;) {
    const end = data.indexOf('|', at)
    const tag = data.toString('latin1', at + 1, end)
    const attempt = data[at] === '<'.charCodeAt(0) && end > at ? byTag.get(tag) : undefined
    if (!attempt || attempt.bytes.length === 0) {
      return { stored, violations: [`[I3] ${document}: the bytes at ${at} are no append's`] }
    }
    if (Buffer.compare(data.subarray(at, at + attempt.bytes.length), attempt.bytes) !== 0) {
      return { stored, violations: [`[I3] ${document}: append ${tag} is not whole at ${at}`] }
    }
    stored.set(tag, [...(stored.get(tag) ?? []), at])
    at += attempt.bytes.length
  }
  return { stored, violations: [] }
}

function checkStream(stream: Stream, final: Uint8Array | undefined): string[] {
  const who = `${stream.document}: reader ${stream.reader} (from ${stream.from})`
  if (final === undefined) return [`${who} reads a document that is not there`]
  let at = stream.from
  for (const { offset, bytes } of stream.pieces) {
    if (offset !== at) return [`[I1] ${who} was given ${offset} when it stood at ${at}`]
    if (Buffer.compare(bytes, final.subarray(at, at + bytes.length)) !== 0) {
      return [`[I1] ${who} was given other bytes at ${at} than are stored`]
    }
    at += bytes.length
  }
  const isShort = stream.isLast && at < final.length
  return isShort ? [`[I1] ${who} ended at ${at} of ${final.length}`] : []
}
