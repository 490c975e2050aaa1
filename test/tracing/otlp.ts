/** The two wires of OTLP over HTTP, read as far as the tests look: both give the same objects. */

export interface Value {
  stringValue?: string
  intValue?: number | string
  doubleValue?: number
  boolValue?: boolean
}
export type Pairs = { key: string; value: Value }[]

export interface Body {
  resourceSpans: {
    resource: { attributes: Pairs }
    scopeSpans: { spans: WireSpan[] }[]
  }[]
}
export interface WireSpan {
  name: string
  traceId: string
  spanId: string
  parentSpanId?: string
  links?: { traceId: string; spanId: string }[]
  attributes: Pairs
  startTimeUnixNano: string
  endTimeUnixNano: string
  status?: { code?: number }
}

/** @throws Error for another content type, or bytes that are none of it */
export function readBody(type: string | undefined, bytes: Buffer): Body {
  if (type === 'application/json') return JSON.parse(bytes.toString()) as Body
  if (type === 'application/x-protobuf') return requestIn(bytes)
  throw new Error(`${type} is not of OTLP`)
}

/** Values by the number of their field: of varints and of what is 8 bytes long, else bytes. */
type Fields = Map<number, (bigint | Buffer)[]>

const VARINT = 0n
const EIGHT_BYTES = 1n
const BYTES = 2n
const FOUR_BYTES = 5n

function fieldsOf(bytes: Buffer): Fields {
  const fields: Fields = new Map()
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = BigInt(bytes.readUInt8(at++))
      value |= (byte & 0x7fn) << shift
      if (byte < 0x80n) return value
    }
  }
  const piece = (size: number): Buffer => {
    if (at + size > bytes.length) throw new Error('a field is longer than its message')
    return bytes.subarray(at, (at += size))
  }
  const read = (wire: bigint): bigint | Buffer => {
    if (wire === VARINT) return varint()
    if (wire === EIGHT_BYTES) return piece(8).readBigUInt64LE()
    if (wire === BYTES) return piece(Number(varint()))
    if (wire === FOUR_BYTES) return BigInt(piece(4).readUInt32LE())
    throw new Error(`a field of the unknown kind ${wire}`)
  }
  while (at < bytes.length) {
    const tag = varint()
    const field = Number(tag >> 3n)
    fields.set(field, [...(fields.get(field) ?? []), read(tag & 7n)])
  }
  return fields
}

const messages = (fields: Fields, field: number): Fields[] =>
  (fields.get(field) ?? []).map((value) => fieldsOf(value as Buffer))
const bytesOf = (fields: Fields, field: number): Buffer =>
  (fields.get(field)?.at(-1) as Buffer | undefined) ?? Buffer.alloc(0)
const numberOf = (fields: Fields, field: number): bigint =>
  (fields.get(field)?.at(-1) as bigint | undefined) ?? 0n
const hex = (fields: Fields, field: number): string => bytesOf(fields, field).toString('hex')
const text = (fields: Fields, field: number): string => bytesOf(fields, field).toString()

/** Numbers of fields as in opentelemetry-proto 1.x: collector/trace, trace, resource and common. */
const requestIn = (bytes: Buffer): Body => ({
  resourceSpans: messages(fieldsOf(bytes), 1).map((of) => ({
    resource: { attributes: pairsIn(messages(of, 1)[0]!, 1) },
    scopeSpans: messages(of, 2).map((scope) => ({ spans: messages(scope, 2).map(spanIn) })),
  })),
})

const spanIn = (span: Fields): WireSpan => ({
  traceId: hex(span, 1),
  spanId: hex(span, 2),
  parentSpanId: hex(span, 4),
  name: text(span, 5),
  startTimeUnixNano: String(numberOf(span, 7)),
  endTimeUnixNano: String(numberOf(span, 8)),
  attributes: pairsIn(span, 9),
  links: messages(span, 13).map((link) => ({ traceId: hex(link, 1), spanId: hex(link, 2) })),
  status: { code: Number(numberOf(messages(span, 15)[0] ?? (new Map() as Fields), 3)) },
})

const pairsIn = (of: Fields, field: number): Pairs =>
  messages(of, field).map((pair) => ({ key: text(pair, 1), value: valueIn(messages(pair, 2)[0]!) }))

function valueIn(value: Fields): Value {
  if (value.has(1)) return { stringValue: text(value, 1) }
  if (value.has(2)) return { boolValue: numberOf(value, 2) === 1n }
  return { intValue: Number(numberOf(value, 3)) }
}
