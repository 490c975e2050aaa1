import { existsSync } from 'node:fs'
import { MessageChannel, Worker } from 'node:worker_threads'
import type { Relay } from '../../src/local/relay.ts'
import type { Bus, BusStatus, GapCause } from '../../src/core/ports.ts'

const built = new URL('../../dist/local/relayed.js', import.meta.url)

export interface RemoteBus extends Bus {
  terminate(): Promise<unknown>
}

type Told =
  | { kind: 'gap'; cause: GapCause }
  | { kind: 'status'; status: BusStatus }
  | { kind: 'heard'; id: number; message: Uint8Array }
  | { kind: 'done'; ticket: number }

/** The bus of a real worker thread, as if it were here. */
export function remoteBus(relay: Relay): RemoteBus {
  if (!existsSync(built)) throw new Error('worker threads run what is built: npm run build')
  const { port1, port2 } = new MessageChannel()
  relay.attach(port1)
  const worker = new Worker(new URL('busWorker.mjs', import.meta.url), {
    workerData: { port: port2 },
    transferList: [port2],
  })
  const ids = new Map<(message: Uint8Array) => void, number>()
  const waiting = new Map<number, () => void>()
  const listeners = {
    gap: [] as ((cause: GapCause) => void)[],
    status: [] as ((status: BusStatus) => void)[],
  }
  let status: BusStatus = 'solo'
  let tickets = 0

  worker.on('message', (told: Told) => {
    if (told.kind === 'gap') listeners.gap.forEach((listener) => listener(told.cause))
    else if (told.kind === 'done') waiting.get(told.ticket)?.()
    else if (told.kind === 'heard') hearWith(told.id, told.message)
    else {
      status = told.status
      listeners.status.forEach((listener) => listener(told.status))
    }
  })
  function hearWith(id: number, message: Uint8Array): void {
    for (const [hear, known] of ids) if (known === id) hear(message)
  }
  function idOf(hear: (message: Uint8Array) => void): number {
    const id = ids.get(hear) ?? ids.size
    ids.set(hear, id)
    return id
  }
  const order = (what: object): void => worker.postMessage(what)
  const orderAndWait = (what: object): Promise<void> =>
    new Promise((resolve) => {
      tickets += 1
      waiting.set(tickets, resolve)
      order({ ...what, ticket: tickets })
    })

  return {
    subscribe: (channel, hear) =>
      orderAndWait({
        kind: 'subscribe',
        channel,
        id: idOf(hear),
        throws: hear.name === 'throwing',
      }),
    unsubscribe: (channel, hear) => order({ kind: 'unsubscribe', channel, id: idOf(hear) }),
    publish: (channel, message) =>
      order({ kind: 'publish', channel, message: new Uint8Array(message) }),
    get status() {
      return status
    },
    onGap: (listener) => void listeners.gap.push(listener),
    onStatus: (listener) => void listeners.status.push(listener),
    close: () => orderAndWait({ kind: 'close' }),
    terminate: () => worker.terminate(),
  }
}
