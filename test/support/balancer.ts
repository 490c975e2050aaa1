/** A load balancer as small as it gets: it asks each node's /readyz, and takes ready ones in turn. It never tries twice. */
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { TestNode } from './nodes.ts'
import { sleep, within } from './wait.ts'

const PROBE_MS = 100

export interface Balancer extends AsyncDisposable {
  readonly url: string
  readonly httpUrl: string
  /** Connections for which no node was ready, or which the node refused. */
  readonly refused: number
  /** Which nodes it takes for ready just now. */
  ready(): readonly TestNode[]
  [Symbol.asyncDispose](): Promise<void>
}

export async function startBalancer(nodes: readonly TestNode[]): Promise<Balancer> {
  const live = new Set<Socket>()
  let ready: readonly TestNode[] = []
  let turn = 0
  let refused = 0

  // Each by itself: one that does not answer must not hide what the others say.
  const isReady = async (node: TestNode): Promise<boolean> =>
    node.isRunning && (await within(PROBE_MS * 5, 'a probe', node.ready())).ready
  const probe = async (node: TestNode): Promise<void> => {
    const isIn = await isReady(node).catch(() => false)
    ready = nodes.filter((each) => (each === node ? isIn : ready.includes(each)))
  }
  const ending = new AbortController()
  const watch = async (node: TestNode): Promise<void> => {
    while (!ending.signal.aborted) {
      await probe(node)
      await sleep(PROBE_MS)
    }
  }
  await Promise.all(nodes.map(probe))
  const watching = nodes.map(watch)

  const listener = createServer({ noDelay: true }, (client) => {
    const node = ready[turn++ % Math.max(1, ready.length)]
    if (!node?.isRunning) {
      refused++
      client.destroy()
      return
    }
    const server = connect({ port: Number(new URL(node.url).port), host: '127.0.0.1' })
    server.setNoDelay(true)
    const turnedAway = (): void => {
      refused += 1
    }
    server.once('error', turnedAway)
    server.once('connect', () => server.off('error', turnedAway))
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      live.add(socket)
      socket.pipe(other)
      socket.on('error', () => undefined)
      socket.once('close', () => {
        live.delete(socket)
        other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as AddressInfo
  return {
    url: `ws://127.0.0.1:${port}/socket`,
    httpUrl: `http://127.0.0.1:${port}`,
    get refused() {
      return refused
    },
    ready: () => ready,
    async [Symbol.asyncDispose]() {
      ending.abort()
      await Promise.all(watching)
      for (const socket of live) socket.destroy()
      await new Promise<void>((resolve) => listener.close(() => resolve()))
    },
  }
}
