import type { Log } from '../core/log.ts'

const QUIET_MS = 30_000

/** @returns logs a failure of something that is tried again and again: once, and after half a minute how often since */
export function makeComplaints(log: Log): (what: string, error: unknown) => void {
  const last = new Map<string, { at: number; since: number }>()
  return (what, error) => {
    const now = performance.now()
    const told = last.get(what)
    if (told && now - told.at < QUIET_MS) {
      told.since++
      return
    }
    last.set(what, { at: now, since: 0 })
    log.warn({ err: error, ...(told && { failedSince: told.since }) }, `${what} failed`)
  }
}
