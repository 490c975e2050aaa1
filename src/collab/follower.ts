/**
 * A node's gap-free, in-order view of one document's tail while it has local sessions; the only road to a session.
 *
 * Own commits, frames and lengths heard of enter here and leave by offset. At `head` a chunk is delivered, below it
 * ignored, above it held for a few ms; when the gap does not close by itself, `head` leaps over it, and the sessions,
 * finding no bytes, read them from the log.
 */
import { decodeKeys, type Frame } from '../core/frame.ts'
import type { Meter, RepairCause } from '../core/meter.ts'
import type { Span, Tracer } from '../core/tracer.ts'
import type {
  Chunk,
  DocumentState,
  Epoch,
  Key,
  KeyChange,
  KeysChanged,
  KeysSnapshot,
} from '../core/ports.ts'
import { type Entry, type Ephemeral, type KeyNews, Memo } from './answers.ts'
import { joined } from './joined.ts'
import { type Followed, latest, type Session } from './session.ts'
import { startDelivery } from './spans.ts'

const HOLD_MS = 10
const HOLD_MOST = { entries: 256, bytes: 1024 * 1024 } as const
/** Of what sessions that are catching up may still need. */
const RECENT_BYTES = 512 * 1024
/** Larger chunks are not pushed to every socket at once; sessions read them at their own pace. */
const PUSH_BYTES = 64 * 1024

export interface FollowerEnvironment {
  readonly meter: Meter
  /** Undefined while nobody looks. */
  readonly tracer?: Tracer | undefined
  /** Calls `flush` at the end of the event loop's turn. */
  readonly flushSoon: (follower: Follower) => void
  /** The keys must be read again: something about them was missed. */
  readonly rereadKeys: (follower: Follower) => void
  readonly now: () => number
}

export class Follower implements Followed {
  readonly id: string
  /** Name of the surface that the id begins with, for metrics. */
  readonly surface: string
  readonly epoch: Epoch
  readonly #env: FollowerEnvironment
  readonly sessions = new Set<Session>()
  /** Hears ephemeral messages of other nodes instead of the sessions. */
  onEphemeral: ((bytes: Uint8Array) => void) | undefined
  /**
   * How long, in ms, what comes soon after a flush waits for company; several entries become one then. For surfaces
   * whose sessions have no appends and no keys of their own.
   */
  gathering: (() => number) | undefined
  flushedAt = -Infinity
  /** Joins under way also keep a follower. */
  joins = 0
  /** Until the log's length has been read after subscribing, nothing is delivered. */
  isReady = false
  isGone = false
  head = 0
  known = 0
  /** Chunks that came by while it was followed. */
  chunks = 0
  keysVersion = 0
  /** When something was last heard of this document, by the environment's clock. */
  heardAt: number
  checkedAt = 0
  readonly #keys = new Map<string, Key>()
  #keyBytes = 0
  #keysHeard = 0
  /** Changes made here that a gap came before: what is read instead does not say who made them. */
  #unplaced: { readonly to: number; readonly change: KeyChange; readonly by: Session }[] = []
  #entries: Entry[] = []
  #news: KeyNews[] = []
  #ephemerals: Ephemeral[] = []
  #held: Entry[] = []
  #heldBytes = 0
  #holding: NodeJS.Timeout | undefined
  #cause: RepairCause = 'gap'
  #retained = 0
  #recent: Entry[] = []
  #recentBytes = 0

  constructor(id: string, epoch: Epoch, env: FollowerEnvironment) {
    this.id = id
    this.surface = id.slice(0, id.indexOf('/'))
    this.epoch = epoch
    this.#env = env
    this.heardAt = env.now()
  }

  /** Subscribed, and then read: from here on everything is heard. */
  begin(length: number, keys: KeysSnapshot): void {
    this.head = length
    this.known = Math.max(this.known, length)
    for (const key of keys.keys) this.#keep(key)
    this.keysVersion = keys.version
    this.isReady = true
    this.#settleHeld()
    // Heard after subscribing, and not yet in what was read.
    if (this.#keysHeard > keys.version) this.#env.rereadKeys(this)
  }

  keys(): Iterable<Key> {
    return this.#keys.values()
  }

  /** How many keys there would be with this one, and how many bytes of names and values. */
  keysWith(key: Pick<Key, 'lifetime' | 'name' | 'value'>): { keys: number; bytes: number } {
    const old = this.#keys.get(slot(key))
    const bytes = this.#keyBytes + sizeOf(key) - (old ? sizeOf(old) : 0)
    return { keys: this.#keys.size + (old ? 0 : 1), bytes }
  }

  /** Whether a key still has this version and value. */
  isCurrent(key: Key): boolean {
    const now = this.#keys.get(slot(key))
    return now !== undefined && isSame(now, key)
  }

  hear(frame: Frame): void {
    this.heardAt = this.#env.now()
    switch (frame.kind) {
      case 'chunk':
        return this.#hearChunks(frame)
      case 'empty':
        return this.#enter({ ...part(frame, 0), bytes: frame.payload }, true)
      case 'keys':
        return this.#hearKeys(frame)
      case 'ephemeral': {
        const from = `${frame.origin}/${frame.offset}`
        this.#env.meter.ephemeral('heard')
        if (this.onEphemeral) return this.onEphemeral(frame.payload)
        return this.tell({ from, by: undefined, bytes: frame.payload, memo: new Memo() })
      }
      case 'control':
        return
    }
  }

  #hearChunks(frame: Frame): void {
    let at = 0
    const isAnnounced = frame.payload.length === 0
    if (isAnnounced) this.#cause = 'announced'
    frame.parts.forEach((each, i) => {
      const bytes = isAnnounced ? undefined : frame.payload.subarray(at, at + each.size)
      // One for all that the frame brings, with the last of it.
      const delivery = i === frame.parts.length - 1 ? this.#delivery(frame) : undefined
      this.#enter({ ...part(frame, i), offset: frame.offset + at, bytes, delivery }, true)
      at += each.size
    })
  }

  #delivery({ trace: parent, offset, parts }: Frame): Span | undefined {
    const { tracer } = this.#env
    if (!tracer || parent === undefined) return undefined
    const size = parts.reduce((sum, each) => sum + each.size, 0)
    return startDelivery(tracer, this, { offset, size, parent })
  }

  /** Appends of this node that have just committed. */
  committed(
    offset: number,
    chunks: readonly (Chunk & {
      readonly by: object | undefined
      readonly span?: Span | undefined
    })[],
  ): void {
    this.heardAt = this.#env.now()
    const { tracer } = this.#env
    let at = offset
    for (const { id, data, by, span } of chunks) {
      const size = data.length
      const memo = new Memo()
      const delivery =
        tracer && span
          ? startDelivery(tracer, this, { offset: at, size, parent: span.parent })
          : undefined
      this.#enter({ id, by, offset: at, size, bytes: data, memo, delivery }, false)
      at += size
    }
  }

  /** A committed length was seen; frames that are on their way get a moment to arrive. */
  hearLength(length: number, cause: RepairCause): void {
    if (length <= this.known) return
    this.known = length
    this.#cause = cause
    this.#hold()
  }

  /** What a query said that was sent when `head` and `keysVersion` were `then`. @returns false: the database went back */
  hearState(state: DocumentState, then: DocumentState, cause: RepairCause): boolean {
    if (state.length < then.length) return false
    this.hearLength(state.length, cause)
    // Below `then`: a crash of Postgres took the last moments of a counter that is committed asynchronously.
    const isOff = state.keysVersion > this.keysVersion || state.keysVersion < then.keysVersion
    if (isOff) this.#env.rereadKeys(this)
    return true
  }

  #enter(entry: Entry, isFrame: boolean): void {
    const end = entry.offset + entry.size
    this.known = Math.max(this.known, end)
    if (!this.isReady || entry.offset > this.head) return this.#holdEntry(entry, isFrame)
    const isSeen = end <= this.head && entry.size > 0
    const isLate = entry.size === 0 && entry.offset < this.head
    if (isFrame) this.#env.meter.frameHeard(isSeen || isLate ? 'seen' : 'delivered')
    if (isSeen || isLate) return
    this.#advance(entry)
    if (this.#held.length > 0) this.#settleHeld()
  }

  #advance(entry: Entry): void {
    const skipped = this.head - entry.offset
    const isAsItIs = skipped === 0 && (entry.size <= PUSH_BYTES || !entry.bytes)
    const next = isAsItIs
      ? entry
      : {
          ...entry,
          offset: this.head,
          size: entry.size - skipped,
          bytes: entry.size > PUSH_BYTES ? undefined : entry.bytes?.subarray(skipped),
          memo: new Memo(),
        }
    this.head = next.offset + next.size
    if (next.id >= 0) this.chunks++
    if (this.#retained > 0) this.#keepRecent(next)
    this.#entries.push(next)
    this.#env.flushSoon(this)
  }

  #holdEntry(entry: Entry, isFrame: boolean): void {
    if (isFrame) this.#env.meter.frameHeard('held')
    const isFull = this.#held.length >= HOLD_MOST.entries || this.#heldBytes >= HOLD_MOST.bytes
    // An empty append is fanned out at most once and not worth keeping; but what is in front of it was missed.
    if (entry.size > 0 && !isFull) {
      this.#held.push(entry)
      this.#heldBytes += entry.bytes?.length ?? 0
    }
    if (this.isReady) this.#hold()
  }

  #hold(): void {
    this.#holding ??= setTimeout(() => {
      this.#holding = undefined
      if (!this.isGone) this.#leap()
    }, HOLD_MS)
  }

  /** What is held and fits now is delivered; the rest goes on being held. */
  #settleHeld(): void {
    const held = this.#held.sort((a, b) => a.offset - b.offset)
    this.#held = []
    this.#heldBytes = 0
    for (const entry of held) {
      if (entry.offset + entry.size <= this.head) this.#env.meter.frameHeard('seen')
      else if (entry.offset <= this.head) this.#advance(entry)
      else {
        this.#held.push(entry)
        this.#heldBytes += entry.bytes?.length ?? 0
      }
    }
    if (this.known > this.head) this.#hold()
  }

  /** The gap did not close: the sessions will read it from the log, up to what is held or known. */
  #leap(): void {
    this.#settleHeld()
    const to = this.#held[0]?.offset ?? this.known
    if (to <= this.head) return
    this.#env.meter.repaired(this.#cause, to - this.head)
    this.#cause = 'gap'
    this.#advance({
      id: -1,
      by: undefined,
      offset: this.head,
      size: to - this.head,
      bytes: undefined,
      memo: new Memo(),
    })
    this.#leap()
  }

  retain(): void {
    this.#retained++
  }

  release(): void {
    if (--this.#retained > 0) return
    this.#recent = []
    this.#recentBytes = 0
  }

  #keepRecent(entry: Entry): void {
    if (entry.size === 0) return
    this.#recentBytes += entry.size
    if (!entry.bytes || this.#recentBytes > RECENT_BYTES) {
      this.#recent = []
      this.#recentBytes = 0
    } else this.#recent.push(entry)
  }

  recent(from: number, to: number): Uint8Array | undefined {
    const first = this.#recent[0]
    if (!first || from < first.offset || from >= this.head) return undefined
    const bytes = Buffer.concat(this.#recent.map((entry) => entry.bytes!))
    return bytes.subarray(from - first.offset, to - first.offset)
  }

  // Keys: `keysVersion` orders their changes as `head` orders appends.

  #hearKeys(frame: Frame): void {
    const payload = frame.payload.length > 0 ? decodeKeys(frame.payload) : undefined
    if (!payload) {
      this.#keysHeard = Math.max(this.#keysHeard, frame.offset + 1)
      return this.#env.rereadKeys(this)
    }
    this.changeKeys({ from: frame.offset, ...payload }, [])
  }

  /** @param by the local session that made change i, which is not told of it */
  changeKeys({ from, to, changes }: KeysChanged, by: readonly (Session | undefined)[]): void {
    if (to <= this.keysVersion) return
    this.#keysHeard = Math.max(this.#keysHeard, to)
    if (!this.isReady || from !== this.keysVersion) {
      changes.forEach((change, i) => {
        if (by[i]) this.#unplaced.push({ to, change, by: by[i] })
      })
      return this.#env.rereadKeys(this)
    }
    this.keysVersion = to
    changes.forEach((change, i) => {
      this.#changeKey(change, by[i])
    })
  }

  #changeKey(change: KeyChange, by: Session | undefined): void {
    this.#drop(change)
    if (!change.removed) this.#keep(change)
    this.#news.push({ change, by })
    this.#env.flushSoon(this)
  }

  #keep(key: Key): void {
    this.#keys.set(slot(key), key)
    this.#keyBytes += sizeOf(key)
  }

  #drop(key: Pick<Key, 'lifetime' | 'name'>): void {
    const old = this.#keys.get(slot(key))
    if (!old) return
    this.#keys.delete(slot(key))
    this.#keyBytes -= sizeOf(old)
  }

  /** The keys as they were read when `keysVersion` was `then`; sessions are told of the differences. */
  replaceKeys({ version, keys }: KeysSnapshot, then: number): void {
    if (version < this.keysVersion && version >= then) return
    this.keysVersion = version
    const now = new Map(keys.map((key) => [slot(key), key]))
    for (const [name, key] of this.#keys) {
      if (now.has(name)) continue
      const next = (key.version + 1) % 2 ** 32
      this.#changeKey({ ...key, version: next, value: new Uint8Array(), removed: true }, undefined)
    }
    for (const key of now.values()) {
      if (!this.isCurrent(key)) this.#changeKey({ ...key, removed: false }, this.#setterOf(key))
    }
    this.#unplaced = this.#unplaced.filter(({ to }) => to > version)
  }

  #setterOf(key: Key): Session | undefined {
    return this.#unplaced.findLast(
      ({ change }) => slot(change) === slot(key) && isSame(change, key),
    )?.by
  }

  /** An ephemeral message for all sessions but the one that sent it. */
  tell(message: Ephemeral): void {
    this.#ephemerals.push(message)
    this.#env.flushSoon(this)
  }

  flush(): void {
    const heard = this.#entries
    const entries = this.gathering ? joined(heard, PUSH_BYTES) : heard
    const [news, ephemerals] = [this.#news, this.#ephemerals]
    if (this.gathering) this.flushedAt = this.#env.now()
    this.#entries = []
    this.#news = []
    this.#ephemerals = []
    const shared = { changes: latest(news), memo: new Memo() }
    for (const session of this.sessions) session.turn(entries, news, shared, ephemerals)
    if (this.#env.tracer)
      for (const { delivery } of heard) delivery?.end({ 'lengthwise.sessions': this.sessions.size })
  }

  /** No session may be here any more: the document, or this view of it, is gone. */
  stop(): void {
    this.isGone = true
    clearTimeout(this.#holding)
  }
}

function part(frame: Frame, index: number): Omit<Entry, 'bytes'> {
  const { id, size } = frame.parts[index] ?? { id: -1, size: 0 }
  return { id, by: undefined, offset: frame.offset, size, memo: new Memo() }
}

function sizeOf({ name, value }: Pick<Key, 'name' | 'value'>): number {
  return name.length + value.length
}

function isSame(a: Pick<Key, 'version' | 'value'>, b: Pick<Key, 'version' | 'value'>): boolean {
  return a.version === b.version && Buffer.compare(a.value, b.value) === 0
}

/** The two lifetimes are two stores: one name may be in both. */
function slot({ lifetime, name }: Pick<Key, 'lifetime' | 'name'>): string {
  return `${lifetime}:${name}`
}
