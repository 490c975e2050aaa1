/**
 * Sends and forgets, within bounds: what is published while the server is away, or faster than it takes, is dropped
 * and counted, never queued. Followers find what they missed in Postgres (invariant 5).
 *
 * The publishes of one event-loop turn share a pipeline. That is ioredis' auto-pipelining, but it does not wait for
 * the answers to the turn before, it knows how much is unanswered, and it costs less.
 */
import type { Redis } from 'ioredis'
import type { Server } from './connection.ts'
import { keepConnected } from './keeper.ts'
import { isMoved } from './verbs.ts'
import type { Verbs } from './verbs.ts'

export type LossReason = 'away' | 'full' | 'refused'

export interface Publisher {
  publish(channel: string, message: Buffer): void
  /** Publishes, and tells whether the server took it. */
  ask(channel: string, message: Buffer): Promise<boolean>
  readonly isReachable: boolean
  /** @returns false after dropping a connection that left publishes unanswered. To be called now and then. */
  check(): boolean
  /** Waits a moment for what is unanswered. */
  close(): Promise<void>
}

export interface PublisherOptions {
  readonly server: Server
  readonly name: string
  readonly verb: Verbs['publish']
  now(): number
  /** Connecting failed. */
  failed(error: unknown): void
  lost(messages: number, why: LossReason): void
  /** The server no longer owns the slot of a message. */
  onMoved(): void
}

const MOST_MESSAGES = 10_000
const MOST_BYTES = 16 * 1024 * 1024
const ANSWER_MS = 2_000
const CLOSE_MS = 500

/** What was published in one turn. */
interface Turn {
  readonly messages: (readonly [channel: string, message: Buffer])[]
  bytes: number
  sentAt: number
}

export function makePublisher(options: PublisherOptions): Publisher {
  let redis: Redis | undefined
  let current: Turn | undefined
  const unanswered = new Set<Turn>()
  const waiting = { messages: 0, bytes: 0 }

  const keeper = keepConnected({
    server: options.server,
    name: options.name,
    prepare: (connected) => {
      redis = connected
      return Promise.resolve()
    },
    ended: () => (redis = undefined),
    failed: (error) => options.failed(error),
  })

  function publish(channel: string, message: Buffer): void {
    const isFull = waiting.messages >= MOST_MESSAGES || waiting.bytes + message.length > MOST_BYTES
    if (!redis || isFull) {
      options.lost(1, redis ? 'full' : 'away')
      return
    }
    waiting.messages += 1
    waiting.bytes += message.length
    if (!current) {
      current = { messages: [], bytes: 0, sentAt: options.now() }
      unanswered.add(current)
      setImmediate(send)
    }
    current.messages.push([channel, message])
    current.bytes += message.length
  }

  function send(): void {
    const turn = current
    current = undefined
    if (!turn) return
    const connection = redis
    if (!connection) {
      answered(turn, turn.messages.length, 'away')
      return
    }
    const pipeline = connection.pipeline()
    for (const [channel, message] of turn.messages) pipeline[options.verb](channel, message)
    // Never rejects: what went wrong is in the answers.
    void pipeline.exec().then((answers) => {
      const refused = answers?.filter(([error]) => error !== null) ?? []
      if (refused.some(([error]) => isMoved(error))) options.onMoved()
      answered(turn, refused.length, connection === redis ? 'refused' : 'away')
    })
  }

  function answered(turn: Turn, lost: number, why: LossReason): void {
    unanswered.delete(turn)
    waiting.messages -= turn.messages.length
    waiting.bytes -= turn.bytes
    if (lost > 0) options.lost(lost, why)
  }

  return {
    publish,
    async ask(channel, message) {
      if (!redis) return false
      const asked: Turn = { messages: [], bytes: 0, sentAt: options.now() }
      unanswered.add(asked)
      const answer = redis[options.verb](channel, message)
      const isTaken = await answer.then(
        () => true,
        () => false,
      )
      unanswered.delete(asked)
      return isTaken
    },
    get isReachable() {
      return keeper.isReachable
    },
    check() {
      // Sets keep the order of insertion: the first turn is the oldest.
      const [oldest] = unanswered
      if (!oldest || options.now() - oldest.sentAt <= ANSWER_MS) return true
      keeper.drop()
      return false
    },
    async close() {
      const deadline = options.now() + CLOSE_MS
      while (unanswered.size > 0 && options.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await keeper.stop()
    },
  }
}
