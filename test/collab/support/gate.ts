import type { DocumentStore } from '../../../src/core/ports.ts'

export interface Gate {
  /** Put it between a node and its store. */
  readonly around: (store: DocumentStore) => DocumentStore
  /** Calls of this method wait: before they are made, or with an answer that grows old. */
  readonly hold: (method: keyof DocumentStore, when: 'before' | 'after') => void
  readonly open: () => void
}

export function makeGate(): Gate {
  const held = new Map<string, 'before' | 'after'>()
  let open = (): void => undefined
  let opened = Promise.resolve()

  async function pass<T>(method: string, work: () => Promise<T>): Promise<T> {
    if (held.get(method) === 'before') await opened
    const answer = await work()
    if (held.get(method) === 'after') await opened
    return answer
  }

  return {
    around: (store) =>
      new Proxy(store, {
        get(target, method: keyof DocumentStore) {
          const work = target[method].bind(target) as (...args: unknown[]) => Promise<unknown>
          return (...args: unknown[]) => pass(method, () => work(...args))
        },
      }),
    hold(method, when) {
      if (held.size === 0) opened = new Promise((resolve) => (open = resolve))
      held.set(method, when)
    },
    open() {
      held.clear()
      open()
    },
  }
}
