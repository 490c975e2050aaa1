/**
 * One bus for all workers of a process. The main thread owns it and knows which worker subscribed to what, so that a
 * message goes only to those; `relayed.ts` is the other end.
 */
import type { MessagePort } from 'node:worker_threads'
import type { Bus, BusStatus } from '../core/ports.ts'
import { makeEnd } from './post.ts'
import type { FromWorker, ToWorker } from './post.ts'

export interface Relay {
  /** Serves the worker at the other end until its port closes. The port is for this alone. */
  attach(port: MessagePort): void
}

/** @param bus the caller's, who closes it */
export function makeRelay({ bus }: { bus: Bus }): Relay {
  const workers = new Set<(said: ToWorker) => void>()
  const tellAll = (said: ToWorker): void => workers.forEach((tell) => tell(said))
  bus.onGap((cause) => tellAll({ kind: 'gap', cause }))
  bus.onStatus((status: BusStatus) => tellAll({ kind: 'status', status }))

  function attach(port: MessagePort): void {
    const ears = new Map<string, (message: Uint8Array) => void>()
    const worker = makeEnd<ToWorker, FromWorker>({
      port,
      hear,
      onRoom: () => worker.say({ kind: 'gap', cause: 'unpublished' }),
      onClose: () => {
        workers.delete(tell)
        for (const channel of [...ears.keys()]) unsubscribe(channel)
      },
    })
    const tell = (said: ToWorker): void => worker.say(said)

    function hear(said: FromWorker): void {
      if (said.kind === 'message') bus.publish(said.channel, said.message)
      else if (said.kind === 'subscribe') subscribe(said.channel, said.ticket)
      else unsubscribe(said.channel)
    }
    function subscribe(channel: string, ticket: number): void {
      const ear = ears.get(channel) ?? ((message) => void worker.pass(channel, message))
      ears.set(channel, ear)
      void bus.subscribe(channel, ear).then(() => worker.say({ kind: 'subscribed', ticket }))
    }
    function unsubscribe(channel: string): void {
      const ear = ears.get(channel)
      ears.delete(channel)
      if (ear) bus.unsubscribe(channel, ear)
    }

    workers.add(tell)
    tell({ kind: 'status', status: bus.status })
  }

  return { attach }
}
