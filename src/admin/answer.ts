/** What the admin port answers, and what asks it. */
import type { IncomingMessage } from 'node:http'

export interface Answer {
  readonly status: number
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
  /** An object becomes JSON. */
  readonly body: string | Uint8Array | object
}

export interface Route<Parts> {
  /** Needs no key, from anywhere. */
  readonly isOpen: boolean
  /** By method; HEAD is answered as GET is. */
  readonly methods: Readonly<
    Record<string, (parts: Parts, request: IncomingMessage) => Promise<Answer>>
  >
}

/** Thrown where it is easier than returned. */
export class Refusal extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export const refusal = (status: number, error: string): Answer => ({ status, body: { error } })

const BODY_BYTES = 64 * 1024

/** @throws Refusal */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > BODY_BYTES) throw new Refusal(413, `the body is larger than ${BODY_BYTES} bytes`)
    parts.push(part)
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString()) as unknown
  } catch {
    throw new Refusal(400, 'the body is not JSON')
  }
}
