/** The bus as a worker thread has it: the main thread's (see `relay.ts`), at the other end of a port. */
import type { MessagePort } from 'node:worker_threads'
import { makeChannels } from '../core/channels.ts'
import type { Log } from '../core/log.ts'
import type { Bus, BusStatus, GapCause } from '../core/ports.ts'
import { makeEnd } from './post.ts'
import type { FromWorker, ToWorker } from './post.ts'

export interface RelayedBusOptions {
  /** Its other end is attached to the main thread's relay, and it is for this alone. */
  readonly port: MessagePort
  readonly log: Log
}

/** `status` is `solo` until the main thread has told its bus's, a moment later. */
export function makeRelayedBus({ port, log }: RelayedBusOptions): Bus {
  const channels = makeChannels(log)
  /** Subscriptions that the main thread has not confirmed. */
  const waiting = new Map<number, () => void>()
  const listeners = {
    gap: [] as ((cause: GapCause) => void)[],
    status: [] as ((status: BusStatus) => void)[],
  }
  let status: BusStatus = 'solo'
  let tickets = 0
  let isClosed = false

  const main = makeEnd<FromWorker, ToWorker>({
    port,
    hear,
    // What this thread published was dropped: others find out by the next frame or the sweep.
    onRoom: () => undefined,
    onClose: () => {
      isClosed = true
      waiting.forEach((resolve) => resolve())
    },
  })

  function hear(said: ToWorker): void {
    if (said.kind === 'message') channels.deliver(said.channel, said.message)
    else if (said.kind === 'gap') listeners.gap.forEach((listener) => listener(said.cause))
    else if (said.kind === 'subscribed') confirm(said.ticket)
    else change(said.status)
  }

  function confirm(ticket: number): void {
    waiting.get(ticket)?.()
    waiting.delete(ticket)
  }

  function change(to: BusStatus): void {
    if (to === status) return
    status = to
    listeners.status.forEach((listener) => listener(to))
  }

  return {
    async subscribe(channel, hear) {
      if (isClosed) return
      channels.add(channel, hear)
      tickets += 1
      const ticket = tickets
      main.say({ kind: 'subscribe', channel, ticket })
      await new Promise<void>((resolve) => waiting.set(ticket, resolve))
    },
    unsubscribe(channel, hear) {
      if (channels.remove(channel, hear)) main.say({ kind: 'unsubscribe', channel })
    },
    publish: (channel, message) => void main.pass(channel, message),
    get status() {
      return status
    },
    onGap: (listener) => void listeners.gap.push(listener),
    onStatus: (listener) => void listeners.status.push(listener),
    close() {
      port.close()
      return Promise.resolve()
    },
  }
}
