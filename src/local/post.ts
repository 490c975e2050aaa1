/** What the two ends of a relay say to each other, and how much of it may be on its way. */
import type { MessagePort } from 'node:worker_threads'
import type { BusStatus, GapCause } from '../core/ports.ts'

export type FromWorker =
  | { readonly kind: 'subscribe'; readonly channel: string; readonly ticket: number }
  | { readonly kind: 'unsubscribe'; readonly channel: string }
  | Message

export type ToWorker =
  | { readonly kind: 'subscribed'; readonly ticket: number }
  | { readonly kind: 'gap'; readonly cause: GapCause }
  | { readonly kind: 'status'; readonly status: BusStatus }
  | Message

export interface Message {
  readonly kind: 'message'
  readonly channel: string
  readonly message: Uint8Array
}

export interface End<Said> {
  /** Goes to the other end, in order, when the turn of the event loop is over. */
  say(said: Said): void
  /** @returns false when so much is on its way already that the message was dropped */
  pass(channel: string, message: Uint8Array): boolean
}

export interface EndOptions<Heard> {
  readonly port: MessagePort
  hear(heard: Heard): void
  /** After messages were dropped, there is room again. */
  onRoom(): void
  /** The other end is gone. */
  onClose(): void
}

/** Everything said in one turn, and how many bytes of the other end's messages have been dealt with. */
interface Post<Said> {
  readonly said: readonly Said[]
  readonly dealtWith: number
}

/** A thread that is held up for long must not fill the memory with what it has yet to hear. */
const MOST_BYTES = 32 * 1024 * 1024
const MESSAGE_OVERHEAD = 128

const sizeOf = (message: Uint8Array): number => message.length + MESSAGE_OVERHEAD

/** A post costs several microseconds however little is in it, so everything said in one turn shares one. */
export function makeEnd<Said, Heard extends { readonly kind: string }>(
  options: EndOptions<Heard | Message>,
): End<Said | Message> {
  let said: (Said | Message)[] = []
  let dealtWith = 0
  let onItsWay = 0
  let hasDropped = false
  let isScheduled = false
  let isClosed = false

  function schedule(): void {
    if (isScheduled) return
    isScheduled = true
    setImmediate(() => {
      isScheduled = false
      const post: Post<Said | Message> = { said, dealtWith }
      said = []
      dealtWith = 0
      if (!isClosed) options.port.postMessage(post)
    })
  }

  function hearPost(post: Post<Heard | Message>): void {
    for (const heard of post.said) {
      if (isMessage(heard)) dealtWith += sizeOf(heard.message)
      options.hear(heard)
    }
    if (dealtWith > 0) schedule()
    onItsWay -= post.dealtWith
    if (!hasDropped || onItsWay > MOST_BYTES / 2) return
    hasDropped = false
    options.onRoom()
  }

  function say(one: Said | Message): void {
    if (isClosed) return
    said.push(one)
    schedule()
  }

  options.port.on('message', hearPost)
  options.port.once('close', () => {
    isClosed = true
    said = []
    options.onClose()
  })

  return {
    say,
    pass(channel, message) {
      if (onItsWay > MOST_BYTES) {
        hasDropped = true
        return false
      }
      onItsWay += sizeOf(message)
      // A copy that owns its bytes: what is posted takes its whole buffer along, and Buffer's own slice copies nothing.
      say({ kind: 'message', channel, message: new Uint8Array(message) })
      return true
    },
  }
}

function isMessage(heard: { readonly kind: string }): heard is Message {
  return heard.kind === 'message'
}
