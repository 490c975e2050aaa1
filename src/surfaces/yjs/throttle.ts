/**
 * What one connection sends above its rates waits for its turn: updates in their order, with the requests behind them, none
 * of them dropped; awareness as the last word of each client, because only that is worth telling.
 */
import { type Rate, TokenBucket } from '../../core/limits.ts'
import { LatestAwareness } from './awareness/latest.ts'
import type { Heard } from './messages.ts'

const TURN_MS = 20
/** What a message that waits takes beside its bytes. */
const OVERHEAD_BYTES = 100

type Awareness = Extract<Heard, { kind: 'awareness' }>
type Sync = Exclude<Heard, Awareness>

export interface ThrottleOptions {
  /** Shared by connections; undefined: no limit. */
  readonly updates: Rate | undefined
  readonly awareness: Rate | undefined
  /** Of what waits, unless it is a single message. */
  readonly mostBytes: number
  readonly now: () => number
  /** Something begins to wait; the name is the setting's. */
  readonly onLimit: (name: string) => void
  /** Its turn has come; the bytes are only lent. */
  readonly take: (message: Heard) => void
  /** What `take` threw later than `hear`. */
  readonly onError: (error: unknown) => void
}

export class Throttle {
  readonly #options: ThrottleOptions
  readonly #updates: TokenBucket | undefined
  readonly #awareness: TokenBucket | undefined
  #waiting: Sync[] = []
  #waitingBytes = 0
  #latest: LatestAwareness | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: ThrottleOptions) {
    this.#options = options
    const { updates, awareness, now } = options
    this.#updates = updates && new TokenBucket(updates, now())
    this.#awareness = awareness && new TokenBucket(awareness, now())
  }

  /**
   * Takes the message now, or when its turn comes.
   * @returns false when too much waits already. @throws MalformedAwareness, and what `take` throws
   */
  hear(message: Heard): boolean {
    if (message.kind !== 'awareness') return this.#hearSync(message)
    if (!this.#latest && this.#mayTell()) this.#options.take(message)
    else this.#keepLatest(message)
    return true
  }

  #hearSync(message: Sync): boolean {
    if (this.#waiting.length === 0 && this.#mayTake(message)) {
      this.#options.take(message)
      return true
    }
    const bytes = sizeOf(message)
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes > this.#options.mostBytes) return false
    if (this.#waiting.length === 0) this.#options.onLimit('YJS_MAX_UPDATES')
    this.#waiting.push(copyOf(message))
    this.#waitingBytes += bytes
    this.#turnSoon()
    return true
  }

  #keepLatest({ update }: Awareness): void {
    const latest = this.#latest ?? new LatestAwareness()
    latest.hear(update)
    if (latest.isEmpty) return
    if (!this.#latest) this.#options.onLimit('YJS_MAX_AWARENESS_MESSAGES')
    this.#latest = latest
    this.#turnSoon()
  }

  /** Requests cost nothing: they are bounded by what answers them. */
  #mayTake({ kind }: Sync): boolean {
    return kind === 'step1' || (this.#updates?.take(1, this.#options.now()) ?? true)
  }

  #mayTell(): boolean {
    return this.#awareness?.take(1, this.#options.now()) ?? true
  }

  #turnSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#takeWhile(
        (message) => this.#mayTake(message),
        () => this.#mayTell(),
      )
      if (this.#waiting.length > 0 || this.#latest) this.#turnSoon()
    }, TURN_MS)
  }

  /** Everything that waits is taken now. */
  flush(): void {
    this.#takeWhile(
      () => true,
      () => true,
    )
    this.stop()
  }

  #takeWhile(mayTake: (message: Sync) => boolean, mayTell: () => boolean): void {
    while (this.#waiting.length > 0 && mayTake(this.#waiting[0]!)) {
      const message = this.#waiting.shift()!
      this.#waitingBytes -= sizeOf(message)
      this.#take(message)
    }
    while (this.#latest && mayTell()) {
      const update = this.#latest.next()
      if (this.#latest.isEmpty) this.#latest = undefined
      this.#take({ kind: 'awareness', update })
    }
  }

  #take(message: Heard): void {
    try {
      this.#options.take(message)
    } catch (error) {
      this.#options.onError(error)
    }
  }

  /** What waits is forgotten. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#waiting = []
    this.#waitingBytes = 0
    this.#latest = undefined
  }
}

const bytesOf = (message: Sync): Uint8Array =>
  message.kind === 'step1' ? message.stateVector : message.update

const sizeOf = (message: Sync): number => bytesOf(message).length + OVERHEAD_BYTES

/** The frame that a message is a view of is the socket's. */
function copyOf(message: Sync): Sync {
  const bytes = Uint8Array.from(bytesOf(message))
  return message.kind === 'step1'
    ? { kind: 'step1', stateVector: bytes }
    : { kind: message.kind, update: bytes }
}
