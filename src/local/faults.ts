/** What can go wrong with the appends of an in-memory store, one verb each; for the tests of whoever appends. */
import { StoreError } from '../core/errors.ts'
import type { StoreErrorCode } from '../core/errors.ts'
import type { DocumentAppends, Epoch } from '../core/ports.ts'

export interface AppendFaults {
  /** The next `times` (1) statements fail with this; `afterCommit`: what they said is committed all the same. */
  failNext(code: StoreErrorCode, options?: { afterCommit?: boolean; times?: number }): void
  /** Somebody holds the document's row: it comes back busy, or is waited for. @returns how to let go of it */
  lock(epoch: Epoch): () => void
  /** Every statement with appends to this document is rejected as a whole. @returns how to cure it */
  poison(epoch: Epoch): () => void
  /** Statements wait until the returned function is called. */
  hold(): () => void
  /** The statements so far, in the order in which they came: how many documents and appends, and whether they waited. */
  readonly statements: readonly Statement[]

  /** For the store. */
  isLocked(epoch: Epoch): boolean
  /** For the store: resolves to what to throw after the commit. @throws StoreError instead of committing */
  before(batch: readonly DocumentAppends[], wait: boolean): Promise<StoreError | undefined>
}

export interface Statement {
  readonly epochs: readonly Epoch[]
  readonly appends: number
  readonly wait: boolean
}

/** @param lockMs how long a statement waits for a locked row */
export function makeAppendFaults({ lockMs = 500 } = {}): AppendFaults {
  const failures: { error: StoreError; afterCommit: boolean }[] = []
  const locks = new Map<Epoch, Promise<void>>()
  const poisoned = new Set<Epoch>()
  const statements: Statement[] = []
  let held: Promise<void> = Promise.resolve()

  return {
    failNext(code, { afterCommit = false, times = 1 } = {}) {
      for (let i = 0; i < times; i += 1) {
        failures.push({ error: new StoreError(code, 'as the test wants it'), afterCommit })
      }
    },
    lock(epoch) {
      const [released, release] = gate()
      locks.set(epoch, released)
      return () => {
        locks.delete(epoch)
        release()
      }
    },
    poison(epoch) {
      poisoned.add(epoch)
      return () => void poisoned.delete(epoch)
    },
    hold() {
      const [released, release] = gate()
      held = released
      return release
    },
    statements,
    isLocked: (epoch) => locks.has(epoch),
    async before(batch, wait) {
      const epochs = batch.map(({ epoch }) => epoch)
      const appends = batch.reduce((sum, { chunks }) => sum + chunks.length, 0)
      statements.push({ epochs, appends, wait })
      await held
      if (wait) await unlocked(epochs)
      const failure = failures.shift()
      if (failure?.afterCommit === false) throw failure.error
      if (epochs.some((epoch) => poisoned.has(epoch))) {
        throw new StoreError('rejected', 'a document of the batch is poisoned')
      }
      return failure?.error
    },
  }

  async function unlocked(epochs: readonly Epoch[]): Promise<void> {
    const waitedFor = epochs.flatMap((epoch) => locks.get(epoch) ?? [])
    if (waitedFor.length === 0) return
    let timer: NodeJS.Timeout | undefined
    const late = new Promise((_, reject) => {
      const error = new StoreError('retry', 'lock timeout')
      timer = setTimeout(() => reject(error), lockMs)
    })
    await Promise.race([Promise.all(waitedFor), late]).finally(() => clearTimeout(timer))
  }
}

function gate(): [opened: Promise<void>, open: () => void] {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return [opened, open]
}
