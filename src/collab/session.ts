/**
 * One client on one document. States, and what makes each:
 *
 *   waiting ──open──▶ opening
 *   opening ──pump: all up to the length at the join is sent, as one message──▶ behind
 *   behind  ──pump: reached the follower's head──▶ live          (also waits here for the fate of its own append)
 *   live    ──turn: a chunk without bytes, or a gap──▶ behind
 *   any     ──the socket's buffer is full──▶ paused ──drained──▶ the state it was in
 *   any     ──leave, end──▶ closed
 *   live, behind ──open──▶ opening: for a surface whose client asks for everything once more
 *
 * `position` is the prefix of invariant 1: everything below it has been given to the client, in order, each byte once.
 */
import { StoreError } from '../core/errors.ts'
import type { Meter } from '../core/meter.ts'
import type { AppendId, Epoch, Key, KeyChange, Outlet } from '../core/ports.ts'
import type { Segment } from '../core/segments.ts'
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
import type { Turns } from './turns.ts'

/** Read pages are handed to the socket in pieces, so that a slow one is noticed before it holds a page. */
const PIECE_BYTES = 64 * 1024
/** So little is given at once. */
const SMALL_BYTES = 16 * 1024
const READ_AGAIN_MS = 200
const MOST_HOLES = 5

/** What a session needs of its follower. */
export interface Followed {
  readonly epoch: number
  /** For metrics. */
  readonly surface: string
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
  readonly turns: Turns
  readonly meter: Meter
  /** What the log of an epoch was folded into, newest; undefined where logs are not folded. @throws StoreError */
  readonly folded?: ((epoch: Epoch) => Promise<Folded>) | undefined
}

/** The folded part of a log: `[0, upTo)` became the bytes of these logs, one behind the other. */
export interface Folded {
  readonly upTo: number
  readonly sources: readonly Source[]
}

export interface Source {
  readonly epoch: Epoch
  readonly length: number
  /** Where they are in memory: nothing is read then. */
  readonly bytes?: Uint8Array
}

/** @param segments in order; they tile the log from its beginning */
export function foldedInto(segments: readonly Segment[]): Folded {
  const sources = segments.map(({ content, length }) => ({ epoch: content, length }))
  return { upTo: segments.at(-1)?.to ?? 0, sources }
}

/** What a session is to be given: the sources, and then its document's log from `from` on, of which `to` is known. */
export interface Span {
  readonly sources?: readonly Source[]
  readonly from: number
  readonly to: number
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
  #isWaiting = true
  /** Where the log may be read from: what lies below may be folded. */
  #base = 0
  #sources: Source[] = []
  #sourceAt = 0
  #hasTurn = false
  /** Counts the times that `position` was set anew: what was being read is then of no use. */
  #spans = 0
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
    span: Span,
  ) {
    this.id = id
    this.follower = follower
    this.sink = sink
    this.outlet = outlet
    this.#env = env
    this.position = span.from
    this.#target = span.to
  }

  get state(): 'waiting' | 'opening' | 'behind' | 'live' | 'paused' | 'closed' {
    if (this.isClosed) return 'closed'
    if (this.#isWaiting) return 'waiting'
    if (this.#isPaused) return 'paused'
    if (this.#target >= 0) return 'opening'
    return this.#isLive ? 'live' : 'behind'
  }

  get unanswered(): { readonly requests: number; readonly bytes: number } {
    return { requests: this.#requests.length, bytes: this.#requestBytes }
  }

  /**
   * Sends everything from where the client stands, as one message; it is sent even when there is nothing.
   * @param span instead of what the session was made with
   */
  open(span?: Span): void {
    this.#isWaiting = false
    if (span) this.#setSpan(span)
    if (this.position < this.#target || this.#sources.length > 0) return void this.#pump()
    this.outlet.cork(() => {
      this.sink.run(this.position, new Uint8Array(), false)
      this.#opened()
    })
    void this.#pump()
  }

  #setSpan({ sources = [], from, to }: Span): void {
    this.#isLive = false
    this.#sources = sources.filter(({ length }) => length > 0)
    this.#sourceAt = 0
    this.#base = this.position = from
    this.#target = to
    this.#spans++
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
      this.#env.meter.delivered(this.follower.surface, 1, entry.size)
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
    if (this.#isPumping || this.#isWaiting) return
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
    if (this.#sources.length > 0) return this.#pumpSource(this.#sources[0]!)
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
    return this.#inTurn(
      to - this.position,
      (give) => {
        const bytes = this.follower.recent(this.position, to)
        return bytes ? Promise.resolve(give(bytes)) : this.#read(this.position, to, give)
      },
      (bytes) => this.#give(bytes, isOpening),
    )
  }

  /**
   * A reader of cached pages, or many of one page, would otherwise keep the event loop to themselves.
   * @param size of what is to be read; @returns whether to go on
   */
  async #inTurn(
    size: number,
    read: (give: (bytes: Uint8Array) => boolean) => Promise<boolean>,
    give: (bytes: Uint8Array) => boolean,
  ): Promise<boolean> {
    const { turns } = this.#env
    const spans = this.#spans
    const state = { isRefused: false }
    const goesOn = await read((bytes) => {
      if (spans !== this.#spans) return true
      state.isRefused = size > SMALL_BYTES && !this.#hasTurn && !turns.take()
      if (state.isRefused) return true
      this.#hasTurn = false
      return give(bytes)
    })
    if (state.isRefused) {
      await turns.next()
      // Whatever the next read takes: a page that has to be read again must not be waited for again.
      this.#hasTurn = true
    } else if (goesOn) await new Promise((resolve) => setImmediate(resolve))
    return goesOn
  }

  /** While Postgres is away a session is only behind, not wrong: it waits. @returns whether to go on, or to try again */
  async #read(
    from: number,
    to: number,
    give: (bytes: Uint8Array) => boolean,
    epoch = this.follower.epoch,
  ): Promise<boolean> {
    try {
      const base = epoch === this.follower.epoch ? this.#base : 0
      const goesOn = await this.#env.pages.read(epoch, from, to, give, base)
      this.#holes = 0
      return goesOn
    } catch (error) {
      if (!(error instanceof StoreError) || error.code === 'rejected') throw error
      // A document that is being deleted looks like a hole until its sessions are told; so does what was folded since.
      if (error.code === 'hole' && ++this.#holes === MOST_HOLES) throw error
      if (error.code === 'hole' && (await this.#refold())) return true
      await new Promise((resolve) => setTimeout(resolve, READ_AGAIN_MS * (0.5 + Math.random())))
      return true
    }
  }

  /** What is missing may have been folded since. @returns whether it was */
  async #refold(): Promise<boolean> {
    const spans = this.#spans
    const folded = await this.#env.folded?.(this.follower.epoch).catch(() => undefined)
    if (!folded || spans !== this.#spans) return folded !== undefined
    if (folded.upTo <= this.#base && this.#sources.length === 0) return false
    if (folded.upTo <= this.position && this.#sources.length === 0) this.#base = folded.upTo
    else this.#startOver(folded)
    return true
  }

  /** It is given all of what the folded part became, of which it has some: only surfaces that can take it twice fold. */
  #startOver({ upTo, sources }: Folded): void {
    this.sink.startedOver?.()
    const target = this.#target < 0 ? -1 : Math.max(this.#target, upTo)
    this.#setSpan({ sources, from: upTo, to: target })
  }

  /** One piece of what an older part of the log became. @returns whether to go on */
  async #pumpSource({ epoch, length, bytes: known }: Source): Promise<boolean> {
    return this.#inTurn(
      length - this.#sourceAt,
      (give) =>
        known
          ? Promise.resolve(give(known.subarray(this.#sourceAt)))
          : this.#read(this.#sourceAt, length, give, epoch),
      (bytes) => this.#giveSource(bytes, length),
    )
  }

  #giveSource(bytes: Uint8Array, length: number): boolean {
    if (this.isClosed) return false
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      const piece = bytes.subarray(at, at + PIECE_BYTES)
      this.#sourceAt += piece.length
      if (this.#sourceAt === length) {
        this.#sources.shift()
        this.#sourceAt = 0
      }
      const isLast = this.#sources.length === 0 && this.position >= this.#target
      this.outlet.cork(() => {
        this.sink.run(this.position, piece, !isLast)
        if (isLast && this.#target >= 0) this.#opened()
      })
      this.#env.meter.caughtUp('join', piece.length)
      if (this.#afterSending()) return false
    }
    return true
  }

  #give(bytes: Uint8Array, isOpening: boolean): boolean {
    if (this.isClosed) return false
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
