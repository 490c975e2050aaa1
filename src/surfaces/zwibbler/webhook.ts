/**
 * Tells a URL of documents that nobody has open any more (spec 14). Events are rows that one node claims, so each is
 * normally sent once; it is sent again, with the same id, until it is answered with 2xx, or ten tries have failed.
 */
import { makePoll } from '../../auth/poll.ts'
import type { IdleEvent, IdleEventStore } from '../../core/idle.ts'
import type { Log } from '../../core/log.ts'
import type { Meter } from '../../core/meter.ts'
import { PREFIX } from './document-ids.ts'
import type { Credentials } from './management-login.ts'
import { readWebhookTarget, webhookRequest } from './webhook-request.ts'

export interface WebhookOptions {
  readonly store: IdleEventStore
  readonly url: string
  readonly credentials: Credentials | undefined
  readonly log: Log
  readonly meter?: Pick<Meter, 'callback'>
  readonly fetch?: typeof globalThis.fetch
  readonly pollMs?: number
  /** How long one request may take; well below `claimMs`, after which another node tries. */
  readonly timeoutMs?: number
  readonly claimMs?: number
  /** How long `close` waits for requests under way before it ends them. */
  readonly closeMs?: number
}

/** From the last session's leave, or the delete, to the event (spec 14). */
export const IDLE_DELAY_MS = 10_000

const MAX_TRIES = 10
const FIRST_RETRY_MS = 30_000
const MAX_RETRY_MS = 3_600_000
/** Requests at a time. */
const AT_ONCE = 8

/** Half a minute, then twice as long each time, at most an hour: ten tries in about three hours. */
export function retryDelayMs(attempt: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** (attempt - 1), MAX_RETRY_MS)
}

export interface Webhook {
  close(): Promise<void>
}

/** Starts at once. @throws Error for an unusable URL */
export function makeWebhook(options: WebhookOptions): Webhook {
  const { store, log, fetch = globalThis.fetch, timeoutMs = 10_000, claimMs = 60_000 } = options
  const target = readWebhookTarget(options.url, options.credentials)
  const closing = new AbortController()
  let isStopping = false

  const poll = makePoll({
    everyMs: options.pollMs ?? 1_000,
    work: sendDue,
    onFailure: (error) => log.warn({ err: error }, 'idle events cannot be read'),
    onRecovery: () => log.info({}, 'idle events can be read again'),
  })

  async function sendDue(): Promise<void> {
    for (;;) {
      const events = await store.claim(AT_ONCE, claimMs)
      const handled = await Promise.allSettled(events.map((event) => handle(event)))
      // What could not be written down stays claimed, and is anybody's again after `claimMs`.
      const failure = handled.find((each) => each.status === 'rejected')
      if (failure) throw failure.reason
      if (events.length < AT_ONCE || isStopping) return
    }
  }

  async function handle(event: IdleEvent): Promise<void> {
    // Somebody joined after all; the next leave schedules an event of its own.
    if (event.isOpen) {
      await store.finish(event)
      return
    }
    // The last try was made by a node that did not live to write down how it ended.
    const began = performance.now()
    const problem = event.attempt > MAX_TRIES ? 'no answer was recorded' : await send(event)
    const fields = { event: event.id, document: event.documentId, attempt: event.attempt, problem }
    const isOver = problem === undefined || event.attempt >= MAX_TRIES
    const outcome = problem === undefined ? 'told' : isOver ? 'given_up' : 'retried'
    options.meter?.callback('zwibbler', outcome, (performance.now() - began) / 1000)
    if (problem === undefined) {
      log.info(fields, 'idle event sent')
      await store.finish(event)
    } else if (event.attempt >= MAX_TRIES) {
      log.error(fields, 'idle event given up: the webhook has not taken it')
      await store.finish(event)
    } else {
      log.debug(fields, 'idle event not taken by the webhook, to be sent again')
      await store.retry(event, retryDelayMs(event.attempt))
    }
  }

  /** @returns why the event was not taken; undefined when it was */
  async function send({ id, documentId }: IdleEvent): Promise<string | undefined> {
    const event = { id, documentId: documentId.slice(PREFIX.length) }
    const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), closing.signal])
    try {
      const answer = await fetch(target.url, webhookRequest(target, event, signal))
      // Nothing in the answer matters, and an unread body would keep its connection.
      await answer.body?.cancel()
      return answer.ok ? undefined : `answered with ${answer.status}`
    } catch (error) {
      return reasonOf(error)
    }
  }

  return {
    async close() {
      isStopping = true
      const timer = setTimeout(() => closing.abort(), options.closeMs ?? 2_000)
      await poll.close()
      clearTimeout(timer)
    },
  }
}

/** `fetch` says only that it failed; why is in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  return cause instanceof Error ? `${error.message}: ${cause.message}` : error.message
}
