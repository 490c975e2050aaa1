/** Says once that somebody cannot be asked, and once that it works again. */
import type { Log } from '../core/log.ts'

export interface Trouble {
  failed(error: unknown): void
  over(): void
}

/** @param whom what cannot be reached, for the log */
export function makeTrouble(log: Log, whom: string): Trouble {
  let isFailing = false
  return {
    failed(error) {
      if (!isFailing) log.warn({ err: error }, `${whom} cannot be had: nobody new is let in`)
      isFailing = true
    },
    over() {
      if (isFailing) log.info({}, `${whom} can be had again`)
      isFailing = false
    },
  }
}
