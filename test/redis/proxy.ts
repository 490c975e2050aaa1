import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

/** A TCP proxy in front of Redis whose connections go half-open one by one; for others see `support/faults.ts`. */
export interface StallingProxy extends AsyncDisposable {
  readonly url: string
  /** They stay, but nothing comes through in either direction, ever again. */
  stall(which: 'publishers' | 'present' | 'all'): void
  /** Connections that are made from now on are well. */
  heal(): void
  readonly connections: number
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
  isSubscriber: boolean
  isStalled: boolean
}

export async function startStallingProxy(redisUrl: string): Promise<StallingProxy> {
  const { hostname, port } = new URL(redisUrl)
  const pairs = new Set<Pair>()
  let areAllStalled = false

  // As when the other machine has gone: nobody answers the farewell either.
  const listener = createServer({ allowHalfOpen: true }, (client) => {
    const server = connect({ host: hostname, port: port === '' ? 6379 : Number(port) })
    const pair: Pair = { client, server, isSubscriber: false, isStalled: areAllStalled }
    pairs.add(pair)
    client.on('data', (data) => {
      pair.isSubscriber ||= /subscribe\r\n/i.test(data.toString('latin1'))
      if (!pair.isStalled) server.write(data)
    })
    server.on('data', (data) => {
      if (!pair.isStalled) client.write(data)
    })
    client.on('end', () => pair.isStalled || client.end())
    const end = (): void => {
      pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) socket.on('close', end).on('error', end)
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))

  return {
    url: `redis://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    stall(which) {
      areAllStalled = which === 'all'
      for (const pair of pairs) pair.isStalled = which !== 'publishers' || !pair.isSubscriber
    },
    heal: () => void (areAllStalled = false),
    get connections() {
      return pairs.size
    },
    async [Symbol.asyncDispose]() {
      for (const { client, server } of pairs) {
        client.destroy()
        server.destroy()
      }
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}
