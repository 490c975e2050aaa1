import { ping } from '../postgres/cluster.ts'
import type { Pools } from '../postgres/pool.ts'

const EVERY_MS = 1_000

/** Whether Postgres answers, asked every second. */
export function watchHealth(pools: Pools): { readonly failure: string | undefined; stop(): void } {
  let failure: string | undefined
  const timer = setInterval(() => {
    ping(pools).then(
      () => (failure = undefined),
      (error: unknown) => (failure = error instanceof Error ? error.message : 'unknown error'),
    )
  }, EVERY_MS)
  return {
    get failure() {
      return failure
    },
    stop() {
      clearInterval(timer)
    },
  }
}
