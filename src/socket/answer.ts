import { STATUS_CODES } from 'node:http'
import type { HttpAnswer } from '../surfaces/surface.ts'
import type { UwsResponse } from './uws.ts'

/** What cannot stand in a header: it would end the line. */
const LINE_ENDS = /[\r\n\u0000]+/g

/**
 * Writes a whole answer; `response` must not be touched afterwards.
 * @param head without the body, but with its length
 */
export function writeAnswer(
  response: UwsResponse,
  { status, headers = {}, body = '' }: HttpAnswer,
  { head = false, close = false }: { head?: boolean; close?: boolean } = {},
): void {
  response.cork(() => {
    response.writeStatus(`${status} ${STATUS_CODES[status] ?? 'Unknown'}`)
    for (const [name, value] of Object.entries(headers)) {
      // uWebSockets writes the length itself.
      if (name.toLowerCase() === 'content-length') continue
      response.writeHeader(name, value.replace(LINE_ENDS, ' '))
    }
    if (status === 304) {
      // It has no body, and a length would be that of the body it does not have.
      response.endWithoutBody()
    } else if (head) {
      // Not as an argument of endWithoutBody: with arguments it leaves the response open.
      response.writeHeader('Content-Length', String(Buffer.byteLength(body)))
      response.endWithoutBody()
    } else {
      response.end(body, close)
    }
  })
}

/** An answer that says no more than its status. */
export const plainAnswer = (status: number, headers: Record<string, string> = {}): HttpAnswer => ({
  status,
  headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers },
  body: STATUS_CODES[status] ?? '',
})
