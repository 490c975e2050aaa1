/**
 * Tells a URL of the contents of rooms that have changed (spec 9): each node tells of those that it could claim, so each
 * call is normally made once in the cluster. One that fails is made again, with the contents of then, until it is answered
 * with 2xx or ten tries have failed.
 */
import { withoutUser } from '../../../auth/http.ts'
import { makePoll } from '../../../auth/poll.ts'
import type { Callback, CallbackStore, Waits } from '../../../core/callbacks.ts'
import type { Log } from '../../../core/log.ts'
import type { Meter } from '../../../core/meter.ts'
import { bodyOf, RoomTooLarge } from './body.ts'
import type { BodyParts } from './body.ts'
import { makeNotes } from './notes.ts'
import type { Notes, NotesOptions } from './notes.ts'

export interface CallbacksOptions
  extends Omit<BodyParts, 'mostBytes'>, Pick<NotesOptions, 'open' | 'now' | 'sweepMs'> {
  readonly store: CallbackStore
  readonly url: string
  readonly waits: Waits
  readonly timeoutMs: number
  readonly log: Log
  readonly meter?: Pick<Meter, 'callback'>
  /** Rooms above are not told of. */
  readonly mostBytes?: number
  readonly retryMs?: (attempt: number) => number
  /** How long `close` waits for calls under way before it ends them. */
  readonly closeMs?: number
}

export interface Callbacks extends Pick<Notes, 'changed'> {
  close(): Promise<void>
}

const MOST_BYTES = 64 * 1024 * 1024
const MAX_TRIES = 10
const FIRST_RETRY_MS = 2_000
const MAX_RETRY_MS = 600_000
const AT_ONCE = 8
/** Reading a room and making it JSON, those before it in the queue included. */
const PREPARING_MS = 60_000
const POLL_MS = { most: 1_000, least: 50 }

/** Two seconds, then twice as long each time, at most ten minutes: ten tries in about half an hour. */
export function retryDelayMs(attempt: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** (attempt - 1), MAX_RETRY_MS)
}

export function makeCallbacks(options: CallbacksOptions): Callbacks {
  const { store, waits, timeoutMs, log, mostBytes = MOST_BYTES } = options
  const { retryMs = retryDelayMs, closeMs = 2_000 } = options
  const target = withoutUser(options.url)
  const headers = { ...target.headers, 'content-type': 'application/json' }
  const closing = new AbortController()
  const notes = makeNotes(options)
  let isStopping = false
  let isFailing = false
  let turn: Promise<unknown> = Promise.resolve()

  const poll = makePoll({
    everyMs: Math.min(POLL_MS.most, Math.max(POLL_MS.least, waits.quietMs / 4)),
    work: tellDue,
    onFailure: (error) => log.warn({ err: error }, 'callbacks that are due cannot be read'),
    onRecovery: () => log.info({}, 'callbacks that are due can be read again'),
  })

  async function tellDue(): Promise<void> {
    for (;;) {
      const due = await store.claim(AT_ONCE, PREPARING_MS + timeoutMs)
      const handled = await Promise.allSettled(due.map((callback) => handle(callback)))
      // What could not be written down is anybody's again after a while.
      const failure = handled.find((each) => each.status === 'rejected')
      if (failure) throw failure.reason
      if (due.length < AT_ONCE || isStopping) return
    }
  }

  async function handle(callback: Callback): Promise<void> {
    const { documentId, attempt } = callback
    const began = performance.now()
    const count = (outcome: 'told' | 'retried' | 'given_up') =>
      options.meter?.callback('yjs', outcome, (performance.now() - began) / 1000)
    try {
      await send(await inTurn(() => bodyOf({ ...options, mostBytes }, callback)))
    } catch (error) {
      if (isStopping) {
        await store.retry(callback, 0)
        return
      }
      const fields = { document: documentId, attempt, err: error }
      if (attempt >= MAX_TRIES || error instanceof RoomTooLarge) {
        count('given_up')
        log.error(fields, 'a room is not told of until it changes again')
        await store.giveUp(callback)
        return
      }
      count('retried')
      log[isFailing ? 'debug' : 'warn'](fields, 'the callback failed, and is tried again')
      isFailing = true
      await store.retry(callback, retryMs(attempt))
      return
    }
    if (isFailing) log.info({}, 'the callback works again')
    isFailing = false
    count('told')
    log.debug({ document: documentId, attempt }, 'told of a room')
    await store.told(callback, waits)
  }

  /** One room at a time is in memory, and in a thread: those may be large. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work)
    turn = mine.catch(() => undefined)
    return mine
  }

  async function send(body: string): Promise<void> {
    const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), closing.signal])
    // A redirect would carry the contents somewhere else; it counts as a failure.
    const request = { method: 'POST', headers, body, redirect: 'manual', signal } as const
    const answer = await fetch(target.url, request)
    // Nothing in the answer matters, and an unread body would keep its connection.
    await answer.body?.cancel()
    if (!answer.ok) throw new Error(`answered with ${answer.status}`)
  }

  return {
    changed: (epoch) => notes.changed(epoch),
    async close() {
      isStopping = true
      const timer = setTimeout(() => closing.abort(), closeMs)
      await Promise.all([notes.close(), poll.close()])
      clearTimeout(timer)
    },
  }
}
