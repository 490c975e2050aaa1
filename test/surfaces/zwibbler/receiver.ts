import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  method: string | undefined
  path: string | undefined
  headers: Record<string, unknown>
  body: string
}

export interface Receiver extends AsyncDisposable {
  readonly url: string
  readonly received: Received[]
  /** What the next requests are answered with; `hang` never answers. */
  answer: number | 'hang' | ((response: ServerResponse) => void)
  [Symbol.asyncDispose](): Promise<void>
}

/** Something that a webhook may call. */
export async function makeReceiver(): Promise<Receiver> {
  const received: Received[] = []
  const server = createServer((request, response) => void hear(request, response))
  async function hear(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const { method, url: path, headers } = request
    received.push({ method, path, headers, body: Buffer.concat(pieces).toString() })
    const { answer } = self
    if (typeof answer === 'function') answer(response)
    else if (answer !== 'hang') response.writeHead(answer).end('ignored')
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const self: Receiver = {
    url: `http://127.0.0.1:${port}/hook`,
    received,
    answer: 200,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
  return self
}
