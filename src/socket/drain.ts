import { setTimeout as sleep } from 'node:timers/promises'
import type { Sockets } from './sockets.ts'

const GROUP_MS = 100
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
  let deadline = performance.now() + withinMs
  const hasten = (): void => void (deadline = Math.min(deadline, performance.now() + HURRY_MS))
  if (hurry.aborted) hasten()
  hurry.addEventListener('abort', hasten)
  const everybody = sockets.all()
  const groups = Math.max(1, Math.floor((withinMs * 0.75) / GROUP_MS))
  const size = Math.ceil(everybody.length / groups)
  for (let at = 0; at < everybody.length; at += size) {
    if (at > 0 && !hurry.aborted) await sleep(GROUP_MS)
    for (const connection of everybody.slice(at, at + size)) connection.drain()
  }
  while (sockets.count > 0 && performance.now() < deadline) await sleep(20)
  const stubborn = sockets.all()
  for (const connection of stubborn) connection.drop()
  if (everybody.length > 0)
    await sleep(Math.min(SETTLE_MS, Math.max(0, deadline - performance.now())))
  return stubborn.length
}
