import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

/** A TCP proxy in front of Redis that can go bad in the ways that TCP does not tell of. */
export interface RedisProxy extends AsyncDisposable {
  readonly url: string
  /** Subscribers' connections stay, what the server says on them is swallowed. */
  deafen(which: 'present' | 'all'): void
  /** Half-open: nothing comes through in either direction. */
  stall(which: 'publishers' | 'present' | 'all'): void
  /** New bytes come through again, on connections that are made from now on. */
  heal(): void
  readonly connections: number
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
  isSubscriber: boolean
  isDeaf: boolean
  isStalled: boolean
}

export async function startProxy(redisUrl: string): Promise<RedisProxy> {
  const { hostname, port } = new URL(redisUrl)
  const pairs = new Set<Pair>()
  const future = { isDeaf: false, isStalled: false }

  const listener = createServer((client) => {
    const server = connect({ host: hostname, port: port === '' ? 6379 : Number(port) })
    const pair: Pair = { client, server, isSubscriber: false, ...future }
    pairs.add(pair)
    client.on('data', (data) => {
      pair.isSubscriber ||= /subscribe\r\n/i.test(data.toString('latin1'))
      if (!pair.isStalled) server.write(data)
    })
    server.on('data', (data) => {
      if (!pair.isStalled && !(pair.isDeaf && pair.isSubscriber)) client.write(data)
    })
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
    deafen(which) {
      future.isDeaf = which === 'all'
      for (const pair of pairs) pair.isDeaf = true
    },
    stall(which) {
      future.isStalled = which === 'all'
      for (const pair of pairs) pair.isStalled = which !== 'publishers' || !pair.isSubscriber
    },
    heal: () => void Object.assign(future, { isDeaf: false, isStalled: false }),
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
