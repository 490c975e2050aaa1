/** How a worker leaves: in phases that each have a bound, so that the whole ends inside the pod's grace period. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config.ts'

/** What comes after the connections are closed, in ms: appends under way, then leases, pools and the like. */
export const FINISH_MS = {
  appends: { most: 5_000, hurried: 500 },
  release: { most: 5_000, hurried: 1_000 },
} as const

const SLACK_MS = 15_000

/**
 * All of a drain takes no longer: a pod's grace period is not less. Five seconds each for appends under way and for what is
 * released last, the rest for the process itself.
 */
export function drainLimitMs(config: Pick<Config, 'DRAIN_NOTICE_MS' | 'DRAIN_MS'>): number {
  return config.DRAIN_NOTICE_MS + config.DRAIN_MS + SLACK_MS
}

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
