import { request } from 'node:http'
import { startAdmin } from '../../src/admin.ts'
import type { AdminParts, DocumentInfo } from '../../src/admin.ts'
import { causeOf, readinessOf } from '../../src/core/readiness.ts'

export const board: DocumentInfo = {
  id: 'zwibbler/my board/1',
  epoch: 7,
  length: 42,
  keysVersion: 3,
  sessions: [{ node: 'n1', sessions: 2 }],
}

export async function start(changes: Partial<AdminParts> = {}) {
  const errors: unknown[] = []
  const asked: string[] = []
  const admin = await startAdmin({
    host: '127.0.0.1',
    port: 0,
    key: undefined,
    metrics: { type: 'text/plain; version=0.0.4', page: () => Promise.resolve('a_total 1\n') },
    liveness: () => readinessOf([]),
    readiness: () => readinessOf([causeOf('redis_less')]),
    document: (id) => {
      asked.push(id)
      return Promise.resolve(id === board.id ? board : undefined)
    },
    room: () => Promise.resolve(undefined),
    onError: (error) => errors.push(error),
    ...changes,
  })
  return { ...admin, errors, asked, [Symbol.asyncDispose]: () => admin.close() }
}

export interface Heard {
  status: number
  headers: Readonly<Record<string, unknown>>
  body: unknown
}

/** `fetch` would tidy the path. */
export function get(
  port: number,
  path: string,
  headers = {},
  method = 'GET',
  sent?: string,
): Promise<Heard> {
  return new Promise((resolve, reject) => {
    const asking = request({ host: '127.0.0.1', port, path, headers, method }, (answer) => {
      let text = ''
      answer.on('data', (part: Buffer) => (text += part.toString()))
      answer.on('end', () => {
        const isJson = answer.headers['content-type'] === 'application/json' && text !== ''
        const body: unknown = isJson ? JSON.parse(text) : text
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body })
      })
    })
    asking.once('error', reject)
    asking.end(sent)
  })
}
