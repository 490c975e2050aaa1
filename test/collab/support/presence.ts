import { StoreError, type StoreErrorCode } from '../../../src/core/errors.ts'
import type { Epoch, PresenceStore } from '../../../src/core/ports.ts'

export interface TestPresence extends PresenceStore {
  /** What each node has open. */
  readonly open: ReadonlyMap<string, ReadonlySet<Epoch>>
  /** Calls, as text. */
  readonly calls: string[]
  failNext(method: 'enter' | 'leave' | 'renew' | 'count', code: StoreErrorCode): void
  /** Somebody holds these documents' rows. */
  readonly locked: Set<Epoch>
  /** Documents that are not there. */
  readonly missing: Set<Epoch>
  /** A node was taken for dead: what it entered is gone, and it cannot enter any more. */
  remove(node: string): void
}

export function makePresence(): TestPresence {
  const open = new Map<string, Set<Epoch>>()
  const calls: string[] = []
  const failures: { method: string; error: StoreError }[] = []
  const locked = new Set<Epoch>()
  const missing = new Set<Epoch>()

  async function begin(method: string, node: string, what = ''): Promise<Set<Epoch>> {
    calls.push(`${method} ${node}${what}`)
    await new Promise((done) => setImmediate(done))
    const failure = failures.findIndex((each) => each.method === method)
    if (failure >= 0) throw failures.splice(failure, 1)[0]!.error
    return open.get(node) ?? new Set()
  }

  return {
    open,
    calls,
    locked,
    missing,
    failNext: (method, code) =>
      void failures.push({ method, error: new StoreError(code, 'as the test wants it') }),
    remove: (node) => void open.delete(node),
    async register(node) {
      await begin('register', node)
      open.set(node, new Set())
    },
    async renew(node) {
      await begin('renew', node)
      return open.has(node)
    },
    live: () => Promise.resolve([]),
    async enter(node, epochs) {
      const here = await begin('enter', node, ` ${epochs.join()}`)
      if (!open.has(node)) throw new StoreError('rejected', 'no such node')
      const busy = epochs.filter((epoch) => locked.has(epoch))
      const entered = epochs.filter((epoch) => !locked.has(epoch) && !missing.has(epoch))
      for (const epoch of entered) here.add(epoch)
      return { entered: new Set(entered), busy: new Set(busy) }
    },
    async leave(node, epochs) {
      const here = await begin('leave', node, ` ${epochs.join()}`)
      for (const epoch of epochs) here.delete(epoch)
    },
    async count(node, sessions) {
      await begin('count', node, ` ${[...sessions].map((each) => each.join('=')).join()}`)
    },
    touch: () => Promise.resolve(),
    reap: () => Promise.resolve(undefined),
    async unregister(node) {
      await begin('unregister', node)
      open.delete(node)
    },
    sessions: () => Promise.resolve([]),
    purge: () => Promise.resolve(0),
    bury: () => Promise.resolve(false),
  }
}
