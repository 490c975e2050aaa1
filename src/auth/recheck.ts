/**
 * Asks the hook again while connections last. Connections with the same question share one call. While the hook does not answer
 * they stay, for a while.
 */
import type { Change } from './gate.ts'
import type { HookAnswer } from './hook.ts'
import { isSamePermission } from './permission.ts'
import type { Permission } from './permission.ts'

/** What one connection was told last. */
export interface Told {
  readonly user: string | undefined
  readonly permission: Permission
  readonly expiresAt: number | undefined
}

export interface RecheckOptions {
  readonly ask: (question: string) => Promise<HookAnswer>
  readonly everyMs: number
  /** How long after the last answer they stay. */
  readonly graceMs: number
  readonly now: () => number
}

export type Recheck = (
  question: string,
  told: Told,
  listener: (change: Change) => void,
) => () => void

interface Watcher {
  told: Told
  readonly listener: (change: Change) => void
}

interface Subject {
  readonly question: string
  readonly watchers: Set<Watcher>
  timer: NodeJS.Timeout | undefined
  answeredAt: number
  /** When the timer goes off. */
  dueAt: number
  /** The last answer is good no longer than that. */
  expiresAt: number
}

/** Between questions about an answer that is about to expire, or has. */
const LEAST_MS = 250

export function makeRecheck({ ask, everyMs, graceMs, now }: RecheckOptions): Recheck {
  const subjects = new Map<string, Subject>()

  function schedule(subject: Subject): void {
    clearTimeout(subject.timer)
    // Connections that came together must not ask together for ever.
    const jittered = everyMs * (0.8 + Math.random() * 0.4)
    const delay = Math.max(LEAST_MS, Math.min(jittered, subject.expiresAt - now()))
    subject.dueAt = now() + delay
    subject.timer = setTimeout(() => void look(subject), delay)
  }

  /** Never rejects, because `ask` does not. */
  async function look(subject: Subject): Promise<void> {
    const answer = await ask(subject.question)
    switch (answer.kind) {
      case 'granted':
        subject.answeredAt = now()
        subject.expiresAt = answer.expiresAt ?? Infinity
        for (const watcher of subject.watchers) compare(subject, watcher, answer)
        break
      case 'denied':
        end(subject, answer.reason === 'forbidden' ? 'forbidden' : 'revoked')
        return
      case 'unavailable':
        if (now() >= Math.min(subject.answeredAt + graceMs, subject.expiresAt)) {
          end(subject, 'unavailable')
          return
        }
    }
    // Everybody may have left meanwhile.
    if (subjects.get(subject.question) === subject) schedule(subject)
  }

  function compare(
    subject: Subject,
    watcher: Watcher,
    { user, permission, expiresAt }: HookAnswer & { kind: 'granted' },
  ): void {
    if (user !== watcher.told.user) {
      forget(subject, watcher)
      watcher.listener('revoked')
      return
    }
    const isSame = isSamePermission(permission, watcher.told.permission)
    watcher.told = { user, permission, expiresAt }
    if (!isSame) watcher.listener(permission)
  }

  function end(subject: Subject, change: Change): void {
    drop(subject)
    for (const { listener } of subject.watchers) listener(change)
  }

  function forget(subject: Subject, watcher: Watcher): void {
    subject.watchers.delete(watcher)
    if (subject.watchers.size === 0) drop(subject)
  }

  function drop(subject: Subject): void {
    clearTimeout(subject.timer)
    if (subjects.get(subject.question) === subject) subjects.delete(subject.question)
  }

  function subjectOf(question: string): Subject {
    const known = subjects.get(question)
    if (known) return known
    const subject: Subject = {
      question,
      watchers: new Set(),
      timer: undefined,
      dueAt: Infinity,
      answeredAt: now(),
      expiresAt: Infinity,
    }
    subjects.set(question, subject)
    return subject
  }

  return (question, told, listener) => {
    const subject = subjectOf(question)
    const watcher: Watcher = { told, listener }
    subject.watchers.add(watcher)
    subject.answeredAt = now()
    subject.expiresAt = told.expiresAt ?? Infinity
    if (subject.dueAt === Infinity || subject.expiresAt < subject.dueAt) schedule(subject)
    return () => forget(subject, watcher)
  }
}
