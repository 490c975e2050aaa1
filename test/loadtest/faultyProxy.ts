import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'

/** One connection through the proxy, as its fault sees it. */
export interface Line {
  readonly toClient: (message: Buffer) => void
  readonly toServer: (message: Buffer) => void
  /** Ends it without a farewell. */
  readonly cut: () => void
}

/** What is done to whole messages; without a function they are passed on. */
export interface Fault {
  fromServer?: (message: Buffer, line: Line) => void
  fromClient?: (message: Buffer, line: Line) => void
}

export interface FaultyProxy extends AsyncDisposable {
  readonly url: string
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Stands between clients and a node.
 * @param target `ws://host:port`
 * @param faultOf called with the number, from 0, of each connection
 */
export async function makeFaultyProxy(
  target: string,
  faultOf: (connection: number) => Fault,
): Promise<FaultyProxy> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
  let connections = 0
  server.on('connection', (client, request) => {
    const upstream = new WebSocket(target + (request.url ?? ''), { perMessageDeflate: false })
    pass(client, upstream, faultOf(connections++))
  })
  await once(server, 'listening')
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const client of server.clients) client.terminate()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function pass(client: WebSocket, upstream: WebSocket, fault: Fault): void {
  const early: Buffer[] = []
  const line: Line = {
    toClient: (message) => client.send(message),
    toServer: (message) => {
      if (upstream.readyState === WebSocket.OPEN) upstream.send(message)
      else early.push(message)
    },
    cut() {
      client.terminate()
      upstream.terminate()
    },
  }
  const { fromClient = line.toServer, fromServer = line.toClient } = fault
  client.on('message', (message) => fromClient(message as Buffer, line))
  upstream.on('message', (message) => fromServer(message as Buffer, line))
  upstream.on('open', () => {
    for (const message of early.splice(0)) upstream.send(message)
  })
  for (const [one, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    one.on('error', () => other.terminate())
    one.on('close', () => other.close())
  }
}

/** Does something to the messages from the server that count, from the `nth` of them on; `then` gets each of those and its number, from 0. */
export function fromNth(
  counts: (message: Buffer) => boolean,
  nth: number,
  then: (message: Buffer, line: Line, since: number) => void,
): Fault {
  let seen = 0
  return {
    fromServer(message, line) {
      const since = counts(message) ? seen++ - nth : -1
      if (since < 0) line.toClient(message)
      else then(message, line, since)
    },
  }
}

/** The faults of a network that no protocol should have to bear, each once. */
export const faults = {
  drop: (counts: (message: Buffer) => boolean) =>
    fromNth(counts, 2, (message, line, since) => {
      if (since > 0) line.toClient(message)
    }),
  double: (counts: (message: Buffer) => boolean) =>
    fromNth(counts, 2, (message, line, since) => {
      line.toClient(message)
      if (since === 0) line.toClient(message)
    }),
  swap(counts: (message: Buffer) => boolean) {
    let held: Buffer | undefined
    return fromNth(counts, 2, (message, line, since) => {
      if (since === 0) held = Buffer.from(message)
      else line.toClient(message)
      if (since === 1 && held) line.toClient(held)
    })
  },
  cut: (counts: (message: Buffer) => boolean) => fromNth(counts, 2, (_message, line) => line.cut()),
}
