/**
 * Makes the channels that one connection is subscribed to follow the channels that are wanted:
 *
 *   away ──connected──▶ resubscribing ──every wanted channel confirmed, onLive()──▶ live ──lost──▶ away
 *
 * A channel is looked at again whenever its being wanted changes, and compared with what this connection was last
 * told: the server obeys in order, so however subscribes and unsubscribes cross, the last one is what is wanted.
 */
import type { Redis } from 'ioredis'
import type { Server } from './connection.ts'
import { keepConnected } from './keeper.ts'
import { isMoved } from './verbs.ts'
import type { Verbs } from './verbs.ts'

export interface Subscriber {
  /** Resolves when the server has confirmed, or when only `onLive` or `onLate` will tell: away, or late by 1 s. */
  want(channel: string): Promise<void>
  unwant(channel: string): void
  readonly isReachable: boolean
  /** Gives the connection up if it does not answer: something else has made it suspect. */
  verify(): void
  /** Gives the connection up, to get a better one. */
  drop(): void
  close(): Promise<void>
}

export interface SubscriberOptions {
  readonly server: Server
  readonly name: string
  readonly verbs: Verbs
  hear(channel: string, message: Buffer): void
  /** Every wanted channel is subscribed again; what was published since the last connection ended is lost. */
  onLive(channels: number): void
  /** A confirmation came after `want` had stopped waiting for it. */
  onLate(): void
  /** The server does not own a channel's slot any more: on a cluster, some channel is no longer heard. */
  onMoved(): void
  ended(): void
  /** Connecting or resubscribing failed. */
  failed(error: unknown): void
}

interface Command {
  readonly verb: Verbs['subscribe' | 'unsubscribe']
  readonly channels: readonly string[]
}

const CONFIRM_MS = 1_000
const COMMAND_MS = 5_000
const VERIFY_MS = 2_000
/** On their way while resubscribing: enough to hide the round trip, and the answers come in digestible portions. */
const CHANNELS_IN_FLIGHT = 2_048

export function makeSubscriber(options: SubscriberOptions): Subscriber {
  const wanted = new Set<string>()
  /** What the server of the present connection was last told to send. */
  let told = new Set<string>()
  let changed = new Set<string>()
  let redis: Redis | undefined
  let isLive = false
  /** Answers come in order: when the last command is answered, all are. */
  let lastAnswer: Promise<unknown> = Promise.resolve()
  let turn: Promise<void> | undefined
  let isVerifying = false

  const keeper = keepConnected({
    server: options.server,
    name: options.name,
    commandMs: COMMAND_MS,
    prepare: resubscribe,
    ended: () => {
      redis = undefined
      isLive = false
      options.ended()
    },
    failed: (error) => options.failed(error),
  })

  async function resubscribe(connected: Redis): Promise<void> {
    connected.on(options.verbs.event, (channel: Buffer, message: Buffer) => {
      options.hear(channel.toString(), message)
    })
    connected.on('moved', () => options.onMoved())
    redis = connected
    told = new Set()
    changed = new Set(wanted)
    // Channels wanted meanwhile are changed ones, too: they are confirmed before `onLive`, which makes up for their wait.
    while (changed.size > 0) await inPortions(commands())
    isLive = true
    options.onLive(told.size)
  }

  async function inPortions(all: readonly Command[]): Promise<void> {
    let portion: Promise<unknown>[] = []
    let channels = 0
    for (const command of all) {
      portion.push(send(command))
      channels += command.channels.length
      if (channels < CHANNELS_IN_FLIGHT) continue
      await Promise.all(portion)
      portion = []
      channels = 0
    }
    await Promise.all(portion)
  }

  /** What has to be said so that the server sends what is wanted. */
  function commands(): Command[] {
    const channels = [...changed].filter((channel) => wanted.has(channel) !== told.has(channel))
    changed = new Set()
    const lists = { subscribe: [] as string[], unsubscribe: [] as string[] }
    for (const channel of channels) {
      if (told.delete(channel)) lists.unsubscribe.push(channel)
      else lists.subscribe.push(channel)
    }
    for (const channel of lists.subscribe) told.add(channel)
    return (['subscribe', 'unsubscribe'] as const).flatMap((what) =>
      options.verbs
        .batches(lists[what])
        .map((batch) => ({ verb: options.verbs[what], channels: batch })),
    )
  }

  async function send({ verb, channels }: Command): Promise<unknown> {
    if (!redis) throw new Error('the connection ended')
    try {
      return await redis[verb](...channels)
    } catch (error) {
      if (!isMoved(error)) throw error
      // Not this connection's fault. Whoever knows the topology finds the channels a new home.
      for (const channel of channels) told.delete(channel)
      if (verb === options.verbs.subscribe) options.onMoved()
      return undefined
    }
  }

  /** Looks at the changed channels together when the turn of the event loop is over. */
  function atEndOfTurn(): Promise<void> {
    turn ??= new Promise((resolve) => {
      setImmediate(() => {
        turn = undefined
        resolve(isLive ? bounded(sendAll()) : undefined)
      })
    })
    return turn
  }

  function sendAll(): Promise<unknown> {
    const sent = commands().map(send)
    if (sent.length > 0) {
      lastAnswer = Promise.all(sent)
      lastAnswer.catch(() => keeper.drop())
    }
    return lastAnswer
  }

  async function bounded(answer: Promise<unknown>): Promise<void> {
    let isLate = false
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        isLate = true
        resolve()
      }, CONFIRM_MS)
    })
    const confirmed = answer.then(
      () => isLate && options.onLate(),
      () => undefined, // the connection is given up, and the next one tells
    )
    await Promise.race([confirmed, late])
    clearTimeout(timer)
  }

  function verify(): void {
    const [channel] = told
    if (!isLive || isVerifying || channel === undefined) return
    isVerifying = true
    const suspect = redis
    const timer = setTimeout(() => suspect === redis && keeper.drop(), VERIFY_MS)
    // Subscribing to what is subscribed changes nothing, and is answered.
    void send({ verb: options.verbs.subscribe, channels: [channel] })
      .catch(() => suspect === redis && keeper.drop())
      .finally(() => {
        isVerifying = false
        clearTimeout(timer)
      })
  }

  function look(channel: string): Promise<void> {
    changed.add(channel)
    return isLive ? atEndOfTurn() : Promise.resolve()
  }

  return {
    want(channel) {
      wanted.add(channel)
      return look(channel)
    },
    unwant(channel) {
      wanted.delete(channel)
      void look(channel) // never rejects
    },
    get isReachable() {
      return keeper.isReachable
    },
    verify,
    drop: () => keeper.drop(),
    close: () => keeper.stop(),
  }
}
