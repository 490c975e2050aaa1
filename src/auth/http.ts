/** What calls to other people's servers have in common: credentials within the URL, and answers that are not read without end. */

import type { ReadableStream } from 'node:stream/web'

/** `fetch` refuses URLs that hold a user's name; they become a header. */
export function withoutUser(text: string): {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
} {
  const url = new URL(text)
  const user = decodeURIComponent(url.username)
  const password = decodeURIComponent(url.password)
  if (user === '' && password === '') return { url: text, headers: {} }
  url.username = ''
  url.password = ''
  const credentials = Buffer.from(`${user}:${password}`).toString('base64')
  return { url: url.href, headers: { authorization: `Basic ${credentials}` } }
}

/** @throws Error when the body is longer than `most` bytes; the rest is not read then */
export async function textOf(response: Response, most: number): Promise<string> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of (response.body as ReadableStream<Uint8Array> | null) ?? []) {
    length += part.length
    if (length > most) throw new Error(`the answer is longer than ${most} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}
