/**
 * Tells systemd what a service of Type=notify owes it: that it is ready, that it lives (the watchdog), that it leaves. Node has
 * no Unix datagrams, so `systemd-notify` speaks for us (the unit needs NotifyAccess=all). Elsewhere nothing happens.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Log } from '../core/log.ts'

const run = promisify(execFile)
const SPEAK_MS = 5_000

/** @throws Error when it could not be told */
async function notify(state: string): Promise<void> {
  await run('systemd-notify', [state], { timeout: SPEAK_MS })
}

interface Parts {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Log
  /** Whether all event loops turn. */
  readonly isAlive: () => Promise<boolean>
  /** How systemd is told; a test listens. */
  readonly tell?: (state: string) => Promise<void>
}

/** From when clients are served. @returns what says that the node leaves */
export function tellSystemd({ env, log, isAlive, tell = notify }: Parts): () => void {
  if (env.NOTIFY_SOCKET === undefined || env.NOTIFY_SOCKET === '') return () => undefined
  const say = (state: string): void => {
    tell(state).catch((error: unknown) => log.warn({ err: error, state }, 'systemd is not told'))
  }
  say('READY=1')
  feed()
  return () => say('STOPPING=1')

  /** Until the process ends: a drain that hangs should be noticed too. */
  function feed(): void {
    const everyMs = Number(env.WATCHDOG_USEC ?? 0) / 1_000 / 3
    if (!(everyMs > 0)) return
    const timer = setInterval(() => {
      // A thread that does not answer gets no food: systemd ends the process, and starts it again.
      void isAlive().then((alive) => alive && say('WATCHDOG=1'))
    }, everyMs)
    timer.unref()
  }
}
