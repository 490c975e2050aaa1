/**
 * Parameters of a management request (spec 13): a form body of either kind and the query string. Values are bytes,
 * because `contents` may be any; texts are decoded when they are asked for.
 */
import { Busboy } from '@fastify/busboy'
import type { HttpAnswer, HttpRequest } from '../surface.ts'
import { decodeText, problemOf } from './document-ids.ts'

/** A request that cannot be served, with its answer. Never leaves the management API. */
export class Refusal extends Error {
  readonly answer: HttpAnswer
  constructor(status: number, text: string) {
    super(text)
    this.answer = { status, headers: { Status: text } }
  }
}

export interface Form {
  /** '' when it is absent. @throws Refusal 400 when it cannot be stored as a text */
  text(name: string): string
  /** @throws Refusal 400 `Missing <name>` when it is absent or empty */
  required(name: string): string
  /** The bytes of a field, or if there are none of an uploaded file; empty when neither is there. */
  contents(name: string): Uint8Array
}

/** Room for the other parameters beside the contents. */
const OTHERS_BYTES = 64 * 1024
const MAX_PARTS = 100

/** The query arrives decoded: bytes that were not UTF-8 are lost, and must not be stored as something else. */
const LOST = Uint8Array.of(0xff)

type Values = Map<string, Uint8Array>

interface Multipart {
  readonly fields: Values
  readonly files: Values
}

/** @throws Refusal 400 for a broken form, 413 when a value is above `maxBytes`; what `request.body` throws */
export async function readForm(request: HttpRequest, maxBytes: number): Promise<Form> {
  const query = valuesOf(request.query)
  const type = request.headers.get('content-type') ?? ''
  switch (type.split(';', 1)[0]?.trim().toLowerCase()) {
    case 'application/x-www-form-urlencoded': {
      // A byte may be written as three.
      const body = parseUrlencoded(await request.body(3 * maxBytes + OTHERS_BYTES))
      return makeForm([body, query], new Map(), maxBytes)
    }
    case 'multipart/form-data': {
      const body = await request.body(maxBytes + OTHERS_BYTES)
      const { fields, files } = await parseMultipart(type, body, maxBytes)
      // The reference looks at the query string before a multipart body, but after the other kind.
      return makeForm([query, fields], files, maxBytes)
    }
    default:
      return makeForm([query], new Map(), maxBytes)
  }
}

function makeForm(sources: readonly Values[], files: Values, maxBytes: number): Form {
  const bytes = (name: string): Uint8Array =>
    sources.map((source) => source.get(name)).find((value) => value !== undefined) ??
    new Uint8Array()

  function text(name: string): string {
    const decoded = decodeText(bytes(name))
    if (decoded === undefined || decoded.includes('\0')) throw new Refusal(400, `Invalid ${name}`)
    return decoded
  }

  return {
    text,
    required(name) {
      const value = text(name)
      if (value === '') throw new Refusal(400, `Missing ${name}`)
      return value
    },
    contents(name) {
      const field = bytes(name)
      if (field === LOST) throw new Refusal(400, `Invalid ${name}`)
      const value = field.length > 0 ? field : (files.get(name) ?? field)
      if (value.length > maxBytes) throw new Refusal(413, `${name} is too large`)
      return value
    },
  }
}

/** A text that is stored as an id. @throws Refusal 400 when it is missing or cannot be one */
export function requiredId(form: Form, name: string): string {
  const id = form.required(name)
  if (problemOf(id) !== undefined) throw new Refusal(400, `Invalid ${name}`)
  return id
}

function valuesOf(query: URLSearchParams): Values {
  const values: Values = new Map()
  for (const [name, value] of query) {
    const bytes = value.includes('\ufffd') ? LOST : Buffer.from(value, 'utf8')
    if (!values.has(name)) values.set(name, bytes)
  }
  return values
}

function parseUrlencoded(body: Uint8Array): Values {
  const values: Values = new Map()
  // latin1: one character a byte, so that nothing is lost.
  for (const pair of Buffer.from(body).toString('latin1').split('&')) {
    const [name = '', ...rest] = pair.split('=')
    const key = unescape(name).toString('utf8')
    if (!values.has(key)) values.set(key, unescape(rest.join('=')))
  }
  return values
}

function unescape(text: string): Buffer {
  const bytes = text
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1')
}

function parseMultipart(type: string, body: Uint8Array, maxBytes: number): Promise<Multipart> {
  return new Promise((resolve, reject) => {
    const broken = (): void => reject(new Refusal(400, 'Malformed form'))
    try {
      const form: Multipart = { fields: new Map(), files: new Map() }
      const parser = new Busboy({
        headers: { 'content-type': type },
        // Every part as a file: fields would be decoded as text, and contents may be any bytes.
        isPartAFile: () => true,
        limits: { fileSize: maxBytes + 1, parts: MAX_PARTS },
      })
      parser.on('file', (name, stream, fileName: string | undefined) => {
        const pieces: Buffer[] = []
        stream.on('data', (piece: Buffer) => pieces.push(piece))
        stream.on('error', broken)
        stream.on('end', () => {
          const values = fileName === undefined ? form.fields : form.files
          if (!values.has(name)) values.set(name, Buffer.concat(pieces))
        })
      })
      parser.on('error', broken)
      parser.on('finish', () => resolve(form))
      parser.end(body)
    } catch {
      broken()
    }
  })
}
