/** How a worker leaves: in phases that each have a bound, so that the whole ends inside the pod's grace period. */
import { setTimeout as sleep } from 'node:timers/promises'

/** What comes after the connections are closed, in ms: appends under way, then leases, pools and the like. */
export const FINISH_MS = {
  appends: { most: 5_000, hurried: 500 },
  release: { most: 5_000, hurried: 1_000 },
} as const

/** Resolves early when it has to hurry. */
export async function wait(ms: number, hurry?: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { ...(hurry && { signal: hurry }) }).catch(() => undefined)
}

/**
 * Waits for work that may never end: with Postgres stalled, a connection to it cannot even be closed.
 * @returns whether it was done in time; who hurries leaves it less
 */
export async function isDoneWithin(
  { most, hurried }: { readonly most: number; readonly hurried: number },
  work: Promise<unknown>,
  hurry: AbortSignal,
): Promise<boolean> {
  const late = wait(most, hurry).then(() => (hurry.aborted ? wait(hurried) : undefined))
  return Promise.race([work.then(() => true), late.then(() => false)])
}
