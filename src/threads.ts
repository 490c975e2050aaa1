/** Worker threads as the main thread sees them: each one a `Worker` that answers by messages. */
import { MessageChannel, Worker as Thread } from 'node:worker_threads'
import type { DocumentInfo } from './admin.ts'
import { type Readiness, readinessOf } from './core/readiness.ts'
import type { Relay } from './local/relay.ts'
import type { Figures } from './metrics.ts'
import type { Addresses } from './socket/server.ts'
import type { RoomOutcome } from './surfaces/yjs/management.ts'
import type { Question, Reply, ThreadData } from './worker-thread.ts'
import type { Worker } from './worker.ts'

/** A thread that does not answer a probe for so long is stuck. */
const PROBE_MS = 2_000

export interface ThreadOptions extends Omit<ThreadData, 'relay'> {
  readonly relay: Relay
  /** The thread ended although nobody asked it to. */
  readonly onDeath: (error: Error) => void
}

type Asked = { readonly settle: (answer: unknown) => void; readonly fail: (error: Error) => void }
type Ask = {
  readonly [Each in Question['ask']]: Omit<Extract<Question, { ask: Each }>, 'ticket' | 'ask'>
}

/** @throws Error when the worker could not start */
export async function startThread({ relay, onDeath, ...data }: ThreadOptions): Promise<Worker> {
  const channel = new MessageChannel()
  relay.attach(channel.port1)
  const thread = new Thread(new URL('./worker-thread.js', import.meta.url), {
    workerData: { ...data, relay: channel.port2 } satisfies ThreadData,
    transferList: [channel.port2],
  })
  const asked = new Map<number, Asked>()
  let tickets = 0
  let isLeaving = false
  /** What it said when it had left. */
  let final: Figures | undefined

  function ask<Each extends Question['ask']>(what: Each, more: Ask[Each]): Promise<unknown> {
    return new Promise((settle, fail) => {
      asked.set(++tickets, { settle, fail })
      thread.postMessage({ ticket: tickets, ask: what, ...more })
    })
  }

  const addresses = await new Promise<Addresses>((started, failed) => {
    thread.on('message', (reply: Reply) => {
      if ('started' in reply) return started(reply.started)
      if (!('ticket' in reply)) return failed(new Error(reply.failed))
      const waiting = asked.get(reply.ticket)
      asked.delete(reply.ticket)
      if ('answer' in reply) waiting?.settle(reply.answer)
      else waiting?.fail(new Error(reply.failed))
    })
    thread.on('error', onDeath)
    thread.on('exit', () => {
      const gone = new Error('a worker thread ended')
      failed(gone)
      for (const { fail } of asked.values()) fail(gone)
      if (!isLeaving) onDeath(gone)
    })
  })

  return {
    addresses,
    readiness: () => soon(ask('readiness', {}) as Promise<Readiness>),
    liveness: () =>
      final ? Promise.resolve(readinessOf([])) : soon(ask('liveness', {}) as Promise<Readiness>),
    figures: () => (final ? Promise.resolve(final) : soon(ask('figures', {}) as Promise<Figures>)),
    document: (id) => ask('document', { id }) as Promise<DocumentInfo | undefined>,
    room: (id, wish) => ask('room', { id, wish }) as Promise<RoomOutcome | undefined>,
    async drain() {
      isLeaving = true
      final = (await ask('drain', {})) as Figures
      await thread.terminate()
    },
    async hurry() {
      await ask('hurry', {})
    },
  }
}

async function soon<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error('a worker thread does not answer')), PROBE_MS)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
