import { setTimeout as sleep } from 'node:timers/promises'
import { closeCodes } from '../core/errors.ts'
import type { Sockets } from './sockets.ts'

/** So often some are told. A reconnection costs far more than a tick. */
const STEP_MS = 50
/** What is left of the time is for conversations that wait for answers, and for peers that read slowly. */
const SPREAD = 0.75
/** How much faster than planned it may go for a while. */
const CATCH_UP = 3
/** For the peers' answers to our close frames: what comes after the process has gone resets their connection. */
const SETTLE_MS = 250
/** For what is in flight when everybody has to leave at once. */
const HURRY_MS = 1_000

/** See `SocketServer.closeInGroups`. */
export async function closeInGroups(
  sockets: Sockets,
  withinMs: number,
  hurry: AbortSignal = new AbortController().signal,
): Promise<number> {
  const began = performance.now()
  let deadline = began + withinMs
  const hasten = (): void => void (deadline = Math.min(deadline, performance.now() + HURRY_MS))
  if (hurry.aborted) hasten()
  hurry.addEventListener('abort', hasten)
  // Those for whom bytes wait come first: their close frame waits behind them.
  const all = sockets.all()
  const busy = new Set(all.filter(({ isBusy }) => isBusy))
  const everybody = [...busy, ...all.filter((connection) => !busy.has(connection))]

  // By the clock, not by counting steps: what a group costs the event loop must not add up past the deadline.
  const spreadMs = withinMs * SPREAD
  // What a stall of the process has left undone is made up for gradually: a bunch is what this is to avoid.
  const most = Math.ceil(((everybody.length * STEP_MS) / spreadMs) * CATCH_UP)
  const due = (at: number): number => {
    const share = (performance.now() - began) / spreadMs
    if (hurry.aborted || !(share < 1)) return everybody.length
    return Math.min(at + most, Math.ceil(everybody.length * share))
  }
  for (let at = 0; at < everybody.length;) {
    const next = Math.max(at + 1, due(at))
    for (const connection of everybody.slice(at, next)) connection.drain()
    at = next
    if (at < everybody.length && !hurry.aborted)
      await sleep(STEP_MS, undefined, { signal: hurry }).catch(() => undefined)
  }
  const left = () => deadline - performance.now()
  while (sockets.count > 0 && left() > SETTLE_MS) await sleep(20)
  // Postgres does not answer, or not in time: nothing was promised, and clients are told to go elsewhere all the same.
  for (const connection of sockets.all()) connection.end(closeCodes.draining, 'draining')
  while (sockets.count > 0 && left() > 0) await sleep(20)
  const stubborn = sockets.all()
  for (const connection of stubborn) connection.drop()
  if (everybody.length > 0) await sleep(Math.max(0, Math.min(SETTLE_MS, left())))
  return stubborn.length
}
