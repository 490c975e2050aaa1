/** Spares the hook: one call for equal questions, answers kept for seconds, a bound to calls at a time and to those that wait. */
import { createHash } from 'node:crypto'
import type { HookAnswer } from './hook.ts'

export interface Asker {
  /** The answer that is kept, or a new one. */
  readonly ask: (question: string) => Promise<HookAnswer>
  /** An answer that is being given, or a new one. */
  readonly askAnew: (question: string) => Promise<HookAnswer>
}

export interface AskerOptions {
  readonly ask: (question: string) => Promise<HookAnswer>
  readonly cacheMs: number
  /** A question that has waited for so long is not asked any more. */
  readonly patienceMs: number
  readonly now: () => number
  /** Where an answer comes from. */
  readonly onQuestion?: (source: 'cache' | 'shared' | 'asked' | 'dropped') => void
  /** Calls at a time. */
  readonly most?: number
  readonly mostWaiting?: number
  readonly mostKept?: number
}

interface Kept {
  readonly answer: HookAnswer
  readonly until: number
}

const tooBusy: HookAnswer = {
  kind: 'unavailable',
  error: new Error('too many questions wait for the hook'),
}

export function makeAsker(options: AskerOptions): Asker {
  const { cacheMs, patienceMs, now, most = 64, mostWaiting = 5_000, mostKept = 10_000 } = options
  const kept = new Map<string, Kept>()
  const asked = new Map<string, Promise<HookAnswer>>()
  const waiting: (() => void)[] = []
  let calls = 0

  async function inTurn(question: string): Promise<HookAnswer> {
    if (calls < most) calls += 1
    else {
      if (waiting.length >= mostWaiting) return dropped()
      const since = now()
      await new Promise<void>((resolve) => waiting.push(resolve))
      if (now() - since >= patienceMs) {
        handOver()
        return dropped()
      }
    }
    try {
      options.onQuestion?.('asked')
      return await options.ask(question)
    } finally {
      handOver()
    }
  }

  function dropped(): HookAnswer {
    options.onQuestion?.('dropped')
    return tooBusy
  }

  function handOver(): void {
    const next = waiting.shift()
    if (next) next()
    else calls -= 1
  }

  function keep(question: string, answer: HookAnswer): void {
    if (answer.kind === 'unavailable') return
    const key = keyOf(question)
    kept.delete(key)
    const expiresAt = answer.kind === 'granted' ? answer.expiresAt : undefined
    kept.set(key, { answer, until: Math.min(now() + cacheMs, expiresAt ?? Infinity) })
    // The oldest come first.
    for (const oldest of kept.keys()) {
      if (kept.size <= mostKept) break
      kept.delete(oldest)
    }
  }

  async function askAnew(question: string): Promise<HookAnswer> {
    const shared = asked.get(question)
    if (shared) {
      options.onQuestion?.('shared')
      return shared
    }
    const answer = inTurn(question)
    asked.set(question, answer)
    try {
      keep(question, await answer)
      return await answer
    } finally {
      asked.delete(question)
    }
  }

  return {
    async ask(question) {
      const found = kept.get(keyOf(question))
      if (!found || now() >= found.until) return askAnew(question)
      options.onQuestion?.('cache')
      return found.answer
    },
    askAnew,
  }
}

/** Questions hold cookies and tokens, long ones at times: those that are over are not kept as they are. */
function keyOf(question: string): string {
  return createHash('sha256').update(question).digest('base64')
}
