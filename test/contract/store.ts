import { afterAll, beforeAll, describe } from 'vitest'
import { appendSuite } from './store/appends.ts'
import type { Bench } from './store/bench.ts'
import { keySuite } from './store/keys.ts'
import { openSuite } from './store/opens.ts'
import { readSuite } from './store/reads.ts'
import { rivalSuite } from './store/rivals.ts'

/** What `core/ports.ts` promises of every DocumentStore. All tests share one bench, each with documents of its own. */
export function documentStoreContract(name: string, make: () => Promise<Bench>): void {
  describe(`the ${name} store`, () => {
    let bench: Bench | undefined
    beforeAll(async () => {
      bench = await make()
    })
    afterAll(async () => {
      await bench?.[Symbol.asyncDispose]()
    })
    const use = (): Bench => {
      if (!bench) throw new Error('the bench is not there')
      return bench
    }
    openSuite(use)
    appendSuite(use)
    readSuite(use)
    keySuite(use)
    rivalSuite(use)
  })
}
