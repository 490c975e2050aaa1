import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { GateRequest } from '../../src/auth/gate.ts'

interface Parts {
  document: string
  query: string
  headers: Record<string, string>
  protocols: readonly string[]
}

export function requestOf({
  document = 'plan',
  query = '',
  headers = {},
  protocols = [],
}: Partial<Parts> = {}): GateRequest {
  return {
    document,
    surface: 'yjs',
    query: new URLSearchParams(query),
    headers: new Map(Object.entries(headers)),
    protocols,
  }
}

export interface Heard {
  readonly headers: IncomingMessage['headers']
  readonly method: string
  readonly body: string
}

export interface FakeServer extends AsyncDisposable {
  readonly url: string
  readonly heard: Heard[]
  answer: (response: ServerResponse, heard: Heard) => void
  stop(): Promise<void>
}

/** An application's HTTP server that answers as the test says. */
export async function makeServer(answer: FakeServer['answer']): Promise<FakeServer> {
  const heard: Heard[] = []
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const { headers, method = '' } = request
      const now = { headers, method, body: Buffer.concat(parts).toString() }
      heard.push(now)
      fake.answer(response, now)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = async (): Promise<void> => {
    server.closeAllConnections()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  const fake: FakeServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    heard,
    answer,
    stop,
    [Symbol.asyncDispose]: stop,
  }
  return fake
}

export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
