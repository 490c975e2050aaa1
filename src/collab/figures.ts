/** What there is to say of the followers of a node and their sessions when somebody asks. */
import type { Meter } from '../core/meter.ts'
import type { Follower } from './follower.ts'
import type { Session } from './session.ts'

export function watchFollowers(
  meter: Meter,
  followers: { readonly size: number; values(): Iterable<Follower> },
): void {
  meter.gauge('followers', () => followers.size)
  meter.gauge('documents_open', () =>
    bySurface(({ sessions }) => (sessions.size > 0 ? 1 : 0), followers.values()),
  )
  meter.gauge('sessions', () => bySurface(({ sessions }) => sessions.size, followers.values()))
  meter.gauge('sessions_paused', () => bySurface(countPaused, followers.values()))
  meter.gauge('sessions_behind_bytes', () => {
    let total = 0
    for (const bytes of behind(followers.values())) total += bytes
    return total
  })
  meter.gauge('sessions_behind_most_bytes', () => {
    let most = 0
    for (const bytes of behind(followers.values())) most = Math.max(most, bytes)
    return most
  })
}

function bySurface(
  of: (follower: Follower) => number,
  followers: Iterable<Follower>,
): Readonly<Record<string, number>> {
  const sums: Record<string, number> = { zwibbler: 0, yjs: 0 }
  for (const follower of followers) {
    sums[follower.surface] = (sums[follower.surface] ?? 0) + of(follower)
  }
  return sums
}

function countPaused({ sessions }: Follower): number {
  let paused = 0
  for (const { state } of sessions) if (state === 'paused') paused += 1
  return paused
}

function* behind(followers: Iterable<Follower>): Iterable<number> {
  for (const { head, sessions } of followers) {
    for (const session of sessions) yield behindBytes(session, head)
  }
}

function behindBytes({ position }: Session, head: number): number {
  return Math.max(0, head - position)
}
