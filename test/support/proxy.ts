import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

/** One connection through a proxy, as its filter sees it. */
export interface Pair {
  toServer(bytes: Uint8Array): void
  toClient(bytes: Uint8Array): void
  /** Ends both sides at once, without a farewell. */
  cut(): void
  /** Ends the side of the node only; what was sent to the server goes on. */
  cutClient(): void
  /** The server is told that nothing follows what was sent to it. */
  endServer(): void
}

/** What a proxy does with the bytes of one connection. */
export interface Filter {
  fromClient(bytes: Buffer): void
  fromServer(bytes: Buffer): void
}

export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  connections(): number
  /** Half-open: connections stay, and new ones are accepted, but no byte moves in either direction. */
  stall(): void
  /** The server is gone: what is connected is cut, and who comes is turned away. */
  refuse(): void
  /** Cuts what is connected; who comes again is served. */
  cut(): void
  /** Ends `stall` and `refuse`. Stalled bytes arrive, late. */
  heal(): void
  [Symbol.asyncDispose](): Promise<void>
}

interface Live {
  client: Socket
  server: Socket
}

/** Listens at a free port of 127.0.0.1 and passes everything to `target`, through a filter for each connection. */
export async function startProxy(
  target: { host: string; port: number },
  makeFilter: (pair: Pair) => Filter,
): Promise<TcpProxy> {
  const live = new Set<Live>()
  let isStalled = false
  let isRefusing = false

  const listener = createServer({ noDelay: true }, (client) => {
    if (isRefusing) {
      client.destroy()
      return
    }
    const server = connect({ ...target, noDelay: true })
    const pair = { client, server }
    live.add(pair)
    const end = (): void => {
      live.delete(pair)
      client.destroy()
      server.destroy()
    }
    const filter = makeFilter({
      toServer: (bytes) => void server.write(bytes),
      toClient(bytes) {
        if (!client.destroyed) client.write(bytes)
      },
      cut: end,
      cutClient: () => {
        client.removeListener('close', end)
        client.resetAndDestroy()
      },
      endServer: () => void server.end(),
    })
    client.on('data', (bytes) => filter.fromClient(bytes))
    server.on('data', (bytes) => filter.fromServer(bytes))
    for (const socket of [client, server]) socket.on('close', end).on('error', () => undefined)
    if (isStalled) hold(pair)
  })
  const hold = ({ client, server }: Live): void => {
    client.pause()
    server.pause()
  }
  const cut = (): void => {
    for (const { client, server } of live) {
      client.resetAndDestroy()
      server.destroy()
    }
  }
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))

  return {
    port: (listener.address() as AddressInfo).port,
    connections: () => live.size,
    stall() {
      isStalled = true
      for (const pair of live) hold(pair)
    },
    refuse() {
      isRefusing = true
      cut()
    },
    cut,
    heal() {
      isStalled = false
      isRefusing = false
      for (const { client, server } of live) {
        client.resume()
        server.resume()
      }
    },
    async [Symbol.asyncDispose]() {
      isRefusing = true
      cut()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}

export function targetOf(url: string, standardPort: number): { host: string; port: number } {
  const { hostname, port } = new URL(url)
  return { host: hostname, port: port === '' ? standardPort : Number(port) }
}
