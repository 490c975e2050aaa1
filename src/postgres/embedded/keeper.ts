/** Starts the embedded PostgreSQL again, at the same port, whenever it ends by itself: killed for its memory, say. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../core/log.ts'
import { startServer } from './server.ts'
import type { Server, ServerOptions } from './server.ts'

export interface Run extends ServerOptions {
  readonly server: Server
}

export interface Keeper {
  stop(): Promise<void>
}

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5_000

export function keepRunning(run: Run, log: Log): Keeper {
  let { server } = run
  const stopping = new AbortController()
  const isStopping = (): boolean => stopping.signal.aborted
  // A process that ends without stopping us (an uncaught error) leaves no server behind.
  const dismiss = (): void => server.dismiss()
  process.once('exit', dismiss)

  async function keep(): Promise<void> {
    for (;;) {
      await server.gone
      if (isStopping()) return
      log.error(
        { folder: run.folder },
        'the embedded PostgreSQL ended by itself: starting it again',
      )
      await startAgain()
      if (isStopping()) await server.stop()
    }
  }

  async function startAgain(): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined)
      if (isStopping()) return
      try {
        server = await startServer(run)
        return
      } catch (error) {
        log.error({ err: error }, 'the embedded PostgreSQL does not start again yet')
      }
    }
  }

  const kept = keep()
  return {
    async stop() {
      stopping.abort()
      await server.stop()
      await kept
      process.off('exit', dismiss)
    },
  }
}
