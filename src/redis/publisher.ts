/**
 * Sends and forgets, within bounds: what is published while the server is away, or faster than it takes, is dropped
 * and counted, never queued. Followers find what they missed in Postgres (invariant 5).
 */
import type { Redis } from 'ioredis'
import type { Server } from './connection.ts'
import { keepConnected } from './keeper.ts'
import { makeQueue } from './queue.ts'
import { isMoved } from './verbs.ts'
import type { Verbs } from './verbs.ts'
import { encodePublish, makeAnswerReader } from './wire.ts'

export type LossReason = 'away' | 'full' | 'refused'

export interface Publisher {
  publish(channel: string, message: Uint8Array): void
  /** Publishes, and tells whether the server took it. */
  ask(channel: string, message: Uint8Array): Promise<boolean>
  readonly isReachable: boolean
  /** Of messages that the server has not answered. */
  readonly waitingBytes: number
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
  /** From now on messages are taken. */
  onReady(): void
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

/** A message on its way; the server answers in order. */
interface Sent {
  readonly bytes: number
  readonly at: number
  readonly isTaken: ((taken: boolean) => void) | undefined
}

export function makePublisher(options: PublisherOptions): Publisher {
  let stream: Redis['stream'] | undefined
  let turn: Buffer[] = []
  let sent = makeQueue<Sent>()
  let bytes = 0
  let overdue: Sent | undefined

  const keeper = keepConnected({
    server: options.server,
    name: options.name,
    prepare(connected) {
      stream = connected.stream
      // ioredis has greeted and waits for nothing: from here on this connection is ours.
      stream.removeAllListeners('data')
      stream.on('data', makeAnswerReader(answered))
      options.onReady()
      return Promise.resolve()
    },
    ended() {
      stream = undefined
      const unanswered = sent
      sent = makeQueue()
      turn = []
      bytes = 0
      if (unanswered.size > 0) options.lost(unanswered.size, 'away')
      for (const message of unanswered.all()) message.isTaken?.(false)
    },
    failed: (error) => options.failed(error),
  })

  function send(channel: string, message: Uint8Array, isTaken?: Sent['isTaken']): boolean {
    const isFull = sent.size >= MOST_MESSAGES || bytes + message.length > MOST_BYTES
    if (!stream || isFull) {
      options.lost(1, stream ? 'full' : 'away')
      return false
    }
    if (turn.length === 0) setImmediate(flush)
    turn.push(encodePublish(options.verb, channel, message))
    sent.add({ bytes: message.length, at: options.now(), isTaken })
    bytes += message.length
    return true
  }

  /** One write for all messages of a turn. */
  function flush(): void {
    const commands = turn
    turn = []
    if (commands.length > 0) stream?.write(Buffer.concat(commands))
  }

  function answered(error: string | undefined): void {
    const message = sent.take()
    if (!message) return
    bytes -= message.bytes
    message.isTaken?.(error === undefined)
    if (error === undefined) return
    options.lost(1, 'refused')
    if (isMoved(error)) options.onMoved()
  }

  return {
    publish: (channel, message) => void send(channel, message),
    ask: (channel, message) =>
      new Promise((resolve) => {
        if (!send(channel, message, resolve)) resolve(false)
      }),
    get isReachable() {
      return keeper.isReachable
    },
    get waitingBytes() {
      return bytes
    },
    check() {
      const oldest = sent.first()
      if (!oldest || options.now() - oldest.at <= ANSWER_MS) return true
      // Only the second time: after a stop of the process its answer may be here and unread.
      const wasOverdue = oldest === overdue
      overdue = oldest
      if (wasOverdue) keeper.drop()
      return !wasOverdue
    },
    async close() {
      const deadline = options.now() + CLOSE_MS
      while (sent.size > 0 && options.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await keeper.stop()
    },
  }
}
