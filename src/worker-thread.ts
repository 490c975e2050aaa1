/** A worker in a thread of its own: the main thread asks, this answers. */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads'
import type { Config } from './config.ts'
import { secretsOf } from './config/show.ts'
import { makeRelayedBus } from './local/relayed.ts'
import { makeLog } from './log.ts'
import { makeMetrics } from './metrics.ts'
import type { Addresses } from './socket/server.ts'
import { startTracing, tracingSecrets } from './tracing.ts'
import type { RoomWish } from './surfaces/yjs/management.ts'
import { startWorker, type Worker } from './worker.ts'

export interface ThreadData {
  readonly config: Config
  readonly databaseUrl: string
  readonly process: string
  readonly worker: number
  readonly otel: NodeJS.ProcessEnv
  readonly version: string
  readonly ports: Addresses | undefined
  readonly relay: MessagePort
}

export type Question =
  | {
      readonly ticket: number
      readonly ask: 'readiness' | 'liveness' | 'figures' | 'drain' | 'hurry'
    }
  | { readonly ticket: number; readonly ask: 'document'; readonly id: string }
  | { readonly ticket: number; readonly ask: 'room'; readonly id: string; readonly wish: RoomWish }
export type Reply =
  | { readonly started: Addresses }
  | { readonly failed: string }
  | { readonly ticket: number; readonly answer: unknown }
  | { readonly ticket: number; readonly failed: string }

const port = parentPort!
const reply = (said: Reply) => port.postMessage(said)
const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

async function start(data: ThreadData): Promise<Worker> {
  const { config } = data
  const secrets = [...secretsOf(config), ...tracingSecrets(data.otel)]
  const node = `${data.process}.${data.worker}`
  const log = makeLog({ level: config.LOG_LEVEL, secrets }).child({ node, worker: data.worker })
  return startWorker({
    ...data,
    log,
    tracing: await startTracing({ env: data.otel, log, version: data.version, node }),
    metrics: makeMetrics({ thread: 'worker' }),
    localBus: makeRelayedBus({ port: data.relay, log }),
  })
}

function answer(worker: Worker, question: Question): Promise<unknown> {
  switch (question.ask) {
    case 'document':
      return worker.document(question.id)
    case 'room':
      return worker.room(question.id, question.wish)
    case 'drain':
      // The main thread tells of what it counted when it is no more.
      return worker.drain().then(() => worker.figures())
    default:
      return worker[question.ask]()
  }
}

function serve(worker: Worker): void {
  port.on('message', (question: Question) => {
    const { ticket } = question
    answer(worker, question).then(
      (given) => {
        reply({ ticket, answer: given })
        if (question.ask === 'drain') port.close()
      },
      (error: unknown) => reply({ ticket, failed: textOf(error) }),
    )
  })
  reply({ started: worker.addresses })
}

start(workerData as ThreadData).then(serve, (error: unknown) => {
  reply({ failed: textOf(error) })
  port.close()
})
