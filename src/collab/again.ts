/** Work that a short absence of Postgres must not fail: a restart or a failover is over in seconds. */
import { StoreError } from '../core/errors.ts'

const DEADLINE_MS = 5_000
const REST_MS = 50

/**
 * Repeats work until it gives something, or its failure is not a passing one, or time is over.
 * @param work safe to be done again; undefined: once more
 */
export async function again<T>(work: () => Promise<T | undefined>): Promise<T> {
  for (const due = performance.now() + DEADLINE_MS; ;) {
    try {
      const result = await work()
      if (result !== undefined) return result
    } catch (error) {
      const isPassing = error instanceof StoreError && error.code !== 'rejected'
      if (!isPassing || performance.now() > due) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, REST_MS * (0.5 + Math.random())))
  }
}
