/**
 * One client on one document. States, and what makes each:
 *
 *   opening ──pump: all up to the length at the join is sent, as one message──▶ behind
 *   behind  ──pump: reached the follower's head──▶ live          (also waits here for the fate of its own append)
 *   live    ──turn: a chunk without bytes, or a gap──▶ behind
 *   any     ──the socket's buffer is full──▶ paused ──drained──▶ the state it was in
 *   any     ──leave, end──▶ closed
 *
 * `position` is the prefix of invariant 1: everything below it has been given to the client, in order, each byte once.
 */
import { StoreError } from '../core/errors.ts'
import type { Meter } from '../core/meter.ts'
import type { AppendId, Key, KeyChange, Outlet } from '../core/ports.ts'
import type {
  AppendAnswer,
  AppendRequest,
  EndReason,
  Entry,
  Ephemeral,
  KeyNews,
  KeyRequest,
  Memo,
  Request,
  Sink,
} from './answers.ts'
import type { Pages } from './pages.ts'

/** Read pages are handed to the socket in pieces, so that a slow one is noticed before it holds a page. */
const PIECE_BYTES = 64 * 1024
const READ_AGAIN_MS = 200
const MOST_HOLES = 5

/** What a session needs of its follower. */
export interface Followed {
  readonly epoch: number
  /** The committed length up to which the log may be read. */
  readonly head: number
  /** Bytes still in memory from `from` on, as far as they are contiguous. */
  recent(from: number, to: number): Uint8Array | undefined
  /** From here on recent bytes are kept, until as many `release` calls. */
  retain(): void
  release(): void
  keys(): Iterable<Key>
}

export interface SessionEnvironment {
  readonly pages: Pages
  readonly meter: Meter
}

export class Session {
  /** Never given twice on this node. */
  readonly id: number
  readonly follower: Followed
  readonly sink: Sink
  readonly outlet: Outlet
  readonly #env: SessionEnvironment
  position: number
  /** End of the first message; -1 once that is sent. */
  #target: number
  #isLive = false
  #isPaused = false
  #isPumping = false
  /** Something changed while the pump was running: it looks once more before it stops. */
  #isStirred = false
  #holes = 0
  isClosed = false
  /** The session keys that it set last, by name: they are removed when it leaves. */
  ownKeys: Map<string, Key> | undefined
  #requests: Request[] = []
  #requestBytes = 0
  #keys: Map<string, KeyChange> | undefined
  #ephemerals: Map<string, Ephemeral> | undefined

  constructor(
    id: number,
    follower: Followed,
    sink: Sink,
    outlet: Outlet,
    env: SessionEnvironment,
    span: { from: number; to: number },
  ) {
    this.id = id
    this.follower = follower
    this.sink = sink
    this.outlet = outlet
    this.#env = env
    this.position = span.from
    this.#target = span.to
  }

  get state(): 'opening' | 'behind' | 'live' | 'paused' | 'closed' {
    if (this.isClosed) return 'closed'
    if (this.#isPaused) return 'paused'
    if (this.#target >= 0) return 'opening'
    return this.#isLive ? 'live' : 'behind'
  }

  get unanswered(): { readonly requests: number; readonly bytes: number } {
    return { requests: this.#requests.length, bytes: this.#requestBytes }
  }

  /** Sends everything from where the client stands; it is sent even when there is nothing. */
  open(): void {
    if (this.position < this.#target) return void this.#pump()
    this.outlet.cork(() => {
      this.sink.run(this.position, new Uint8Array(), false)
      this.#opened()
    })
    void this.#pump()
  }

  expectAppend(id: AppendId, offset: number, size: number): AppendRequest {
    const request: AppendRequest = { request: 'append', id, offset, size, answer: undefined }
    this.#requests.push(request)
    this.#requestBytes += size
    return request
  }

  expectKey(tag: number): KeyRequest {
    const request: KeyRequest = { request: 'key', tag, answer: undefined }
    this.#requests.push(request)
    return request
  }

  /** The fate of a request is known; the answer leaves when its turn comes. */
  answered(): void {
    if (this.isClosed) return
    if (this.#isLive && !this.#isPaused) {
      // A single message is sent at once as it is.
      if (this.#requests.length === 1) this.#answer()
      else this.outlet.cork(() => this.#answer())
      // Whoever asks and never reads: no turn comes that would notice.
      this.#afterSending()
    }
    if (!this.#isLive) void this.#pump()
  }

  /** One turn of the event loop at the follower: what happened in it, in order. */
  turn(
    entries: readonly Entry[],
    news: readonly KeyNews[],
    shared: Shared,
    ephemerals: readonly Ephemeral[],
  ): void {
    if (this.isClosed) return
    if (this.#hasAll(entries) && news.length === 0 && ephemerals.length === 0) return
    const done = { at: 0, isTold: false }
    while (!done.isTold && this.#isLive) {
      this.outlet.cork(() => {
        done.at = this.#takeSome(entries, done.at)
        if (done.at < entries.length) return
        done.isTold = true
        if (this.#requests.length > 0) this.#answer()
        for (const message of ephemerals) if (message.by !== this) this.sink.ephemeral(message)
        this.#tellKeys(news, shared)
      })
      this.#afterSending()
    }
    if (!done.isTold) this.#remember(news, ephemerals)
    if (!this.#isLive && entries.length > 0) void this.#pump()
  }

  /** Mostly the author alone: its acknowledgement has said all there is to say. */
  #hasAll(entries: readonly Entry[]): boolean {
    const last = entries.at(-1)
    if (!this.#isLive || this.#requests.length > 0) return false
    return !last || (last.by === this && last.offset + last.size <= this.position)
  }

  /** No more than a piece, so that a slow socket is noticed within a turn. @returns where to go on */
  #takeSome(entries: readonly Entry[], from: number): number {
    const end = this.position + PIECE_BYTES
    for (let at = from; at < entries.length; at++) {
      if (this.position >= end) return at
      if (!this.#take(entries[at]!)) break
    }
    return entries.length
  }

  /** @returns false when the session can not go on live */
  #take(entry: Entry): boolean {
    const end = entry.offset + entry.size
    if (end < this.position || (end === this.position && entry.size > 0)) return true
    if (entry.by === this) {
      this.#answer()
      if (this.position >= end) return true
    } else if (entry.offset === this.position && entry.bytes) {
      this.sink.append(entry)
      this.#env.meter.delivered(1, entry.size)
      this.position = end
      return true
    }
    this.#isLive = false
    return false
  }

  /** Gives all answers that are due. An own append is given at its place in the stream, as its acknowledgement. */
  #answer(): void {
    while (this.#requests.length > 0) {
      const first = this.#requests[0]!
      if (first.answer === undefined) return
      if (first.request === 'key') {
        if (first.answer !== 'silent') this.sink.answerKey(first.tag, first.answer === 'stored')
      } else {
        if (!this.#mayAnswer(first, first.answer)) return
        this.sink.answerAppend(first.answer)
        this.#requestBytes -= first.size
      }
      this.#requests.shift()
    }
  }

  #mayAnswer({ offset, size }: AppendRequest, answer: AppendAnswer): boolean {
    if (answer.kind !== 'stored') return true
    if (this.position < offset) return false
    if (this.position === offset) this.position += size
    return true
  }

  #remember(news: readonly KeyNews[], ephemerals: readonly Ephemeral[]): void {
    for (const { change, by } of news) {
      if (by === this) {
        // What waits is older than its own set.
        this.#keys?.delete(change.name)
        continue
      }
      this.#keys ??= new Map()
      // One slot a name, and the last change in it: versions need not grow.
      this.#keys.set(change.name, change)
    }
    for (const message of ephemerals) {
      if (message.by === this) continue
      this.#ephemerals ??= new Map()
      if (this.#ephemerals.has(message.from)) this.#env.meter.ephemeral('dropped')
      this.#ephemerals.set(message.from, message)
    }
  }

  #tellKeys(news: readonly KeyNews[], shared: Shared): void {
    if (news.length === 0) return
    const mine = news.some(({ by }) => by === this)
    if (!mine) return this.sink.keys(shared.changes, shared.memo)
    // Of a key that it set last itself it is told nothing: what others did before is out of date.
    const others = latest(news, this)
    if (others.length > 0) this.sink.keys(others, undefined)
  }

  #tellRemembered(): void {
    if (this.#ephemerals)
      for (const message of this.#ephemerals.values()) this.sink.ephemeral(message)
    if (this.#keys?.size) this.sink.keys([...this.#keys.values()], undefined)
    this.#ephemerals = this.#keys = undefined
  }

  /** The first message is complete: keys follow it. */
  #opened(): void {
    this.#target = -1
    // What came meanwhile is in here already.
    this.#keys = undefined
    const keys = [...this.follower.keys()].map((key) => ({ ...key, removed: false }))
    const ordered = [
      ...keys.filter((key) => key.lifetime === 'session'),
      ...keys.filter((key) => key.lifetime !== 'session'),
    ]
    if (ordered.length > 0) this.sink.keys(ordered, undefined)
  }

  /** The road from the log: from `position` to the follower's head, at the pace of the socket. */
  async #pump(): Promise<void> {
    this.#isStirred = true
    if (this.#isPumping) return
    this.#isPumping = true
    this.follower.retain()
    try {
      while (this.#isStirred) {
        this.#isStirred = false
        while (!this.isClosed && !this.#isPaused && !this.#isLive && (await this.#pumpOnce()));
      }
    } catch (error) {
      this.end('broken', error)
    } finally {
      this.#isPumping = false
      this.follower.release()
    }
  }

  /** @returns whether to go on */
  async #pumpOnce(): Promise<boolean> {
    const isOpening = this.#target >= 0
    if (!isOpening) {
      this.outlet.cork(() => {
        this.#answer()
        this.#tellRemembered()
      })
      if (this.#afterSending()) return false
      if (this.position >= this.follower.head) {
        this.#isLive = true
        return false
      }
    }
    const to = isOpening ? this.#target : Math.min(this.follower.head, this.#barrier())
    if (this.position >= to) return false // its own append is next: `answered` goes on
    const bytes = this.follower.recent(this.position, to) ?? (await this.#read(this.position, to))
    if (this.isClosed) return false
    if (!bytes) return true
    const goesOn = this.#give(bytes, isOpening)
    // A fast reader of cached pages would otherwise keep the event loop to itself.
    if (goesOn) await new Promise((resolve) => setImmediate(resolve))
    return goesOn
  }

  /** While Postgres is away a session is only behind, not wrong: it waits. @returns undefined to try again */
  async #read(from: number, to: number): Promise<Uint8Array | undefined> {
    try {
      const bytes = await this.#env.pages.read(this.follower.epoch, from, to)
      this.#holes = 0
      return bytes
    } catch (error) {
      if (!(error instanceof StoreError) || error.code === 'rejected') throw error
      // A document that is being deleted looks like a hole until its sessions are told.
      if (error.code === 'hole' && ++this.#holes === MOST_HOLES) throw error
      await new Promise((resolve) => setTimeout(resolve, READ_AGAIN_MS * (0.5 + Math.random())))
      return undefined
    }
  }

  #give(bytes: Uint8Array, isOpening: boolean): boolean {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      const piece = bytes.subarray(at, at + PIECE_BYTES)
      const end = this.position + piece.length
      this.outlet.cork(() => {
        this.sink.run(this.position, piece, isOpening && end < this.#target)
        this.position = end
        if (isOpening && end === this.#target) this.#opened()
      })
      this.#env.meter.caughtUp(isOpening ? 'join' : 'behind', piece.length)
      if (this.#afterSending()) return false
    }
    return true
  }

  /** Bytes read from the log do not say whose they are: it is read up to the next append of this session's own. */
  #barrier(): number {
    let barrier = Infinity
    for (const each of this.#requests) {
      if (each.request === 'key' || each.size === 0 || each.offset < this.position) continue
      if (each.answer && each.answer.kind !== 'stored') continue
      barrier = Math.min(barrier, each.offset)
    }
    return barrier
  }

  /** @returns whether the session is paused now */
  #afterSending(): boolean {
    if (!this.#isPaused && this.outlet.isFull()) {
      this.#isPaused = true
      this.#isLive = false
      this.#env.meter.paused()
    }
    return this.#isPaused
  }

  /** The socket's buffer has emptied. */
  drained(): void {
    if (!this.#isPaused || this.isClosed) return
    this.#isPaused = false
    void this.#pump()
  }

  /** The surface is told, and closes the socket. */
  end(reason: EndReason, cause?: unknown): void {
    if (this.isClosed) return
    this.isClosed = true
    this.sink.end(reason, cause)
  }
}

/** The key changes of a turn as most sessions get them: the last of each name, encoded once. */
export interface Shared {
  readonly changes: readonly KeyChange[]
  readonly memo: Memo
}

/** @returns the last change of each name, but for those that `except` made */
export function latest(news: readonly KeyNews[], except?: object): KeyChange[] {
  if (news.length === 0) return []
  const last = new Map(news.map((each) => [each.change.name, each])).values()
  return [...last].filter(({ by }) => !by || by !== except).map(({ change }) => change)
}
