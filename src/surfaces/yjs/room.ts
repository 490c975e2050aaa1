/** One room on this node, while it has connections: what is on its way to the log, who is here, what is known of it. */
import type { AppendResult } from '../../collab/append-queue.ts'
import type { Documents } from '../../collab/documents.ts'
import type { Follower } from '../../collab/follower.ts'
import { type AwarenessEntry, encodeAwareness } from './awareness/codec.ts'
import type { AwarenessTable, Out } from './awareness/table.ts'
import { encodeAwarenessMessage } from './messages.ts'
import type { RoomState } from './room-state.ts'
import { encodeRecords } from './update/records.ts'

/** Of one append. */
const APPEND_BYTES = 256 * 1024
/**
 * A message to each connection is what an append costs, here and on other nodes. So what comes soon after one is gathered:
 * for a millisecond a connection, and no longer than anybody would notice. Once on its way to the log, and once, together
 * with what comes from other nodes, on its way to the connections: as long, so that what was gathered for the log seldom
 * waits again.
 */
const MOST_GATHERING_MS = 33
/** Pointers move often: of several states of a client within this time only the last is told. */
const AWARENESS_MS = 20

const MESSAGE_ENTRIES = 256

/** Whose updates are written. */
export interface Author {
  /** What its connection belongs to, in somebody's eyes. */
  readonly traceParent?: string | undefined
  /** The fate of updates of this many bytes is known. */
  settled(bytes: number, result: AppendResult): void
}

/** One connection, as its room sees it. */
export interface Member {
  tellAwareness(message: Uint8Array): void
}

export interface RoomOptions {
  readonly follower: Follower
  readonly documents: Pick<Documents, 'add' | 'tellNodes'>
  readonly awareness: AwarenessTable
  readonly state: RoomState
  readonly now: () => number
  /** Something was appended. */
  readonly onAppended: (room: Room) => void
}

interface Waiting {
  readonly update: Uint8Array
  readonly by: Author
}

export class Room {
  readonly follower: Follower
  readonly state: RoomState
  readonly members = new Set<Member>()
  readonly #options: RoomOptions
  #waiting: Waiting[] = []
  #isWriting = false
  #appendedAt = -Infinity
  #sentAt = -Infinity
  #news = new Map<number, AwarenessEntry>()
  #toldAt = -Infinity
  #telling: NodeJS.Timeout | undefined
  #ticking: NodeJS.Timeout | undefined

  constructor(options: RoomOptions) {
    this.#options = options
    this.follower = options.follower
    this.state = options.state
    this.follower.gathering = () => this.#gatheringMs
    this.follower.onEphemeral = (bytes) => this.#told(this.#awareness.hear(bytes, options.now()))
    options.documents.tellNodes(this.follower, this.#awareness.query())
  }

  get #awareness(): AwarenessTable {
    return this.#options.awareness
  }

  /** Updates of one member go to the log, in this order; `settled` tells of each once. */
  write(updates: readonly Uint8Array[], by: Author): void {
    for (const update of updates) this.#waiting.push({ update, by })
    if (this.#isWriting) return
    this.#isWriting = true
    this.#appendSoon()
  }

  #appendSoon(): void {
    const bytes = this.#waiting.reduce((sum, { update }) => sum + update.length, 0)
    const gathering = bytes < APPEND_BYTES ? this.#gatheringMs : 0
    const wait = this.#sentAt + gathering - this.#options.now()
    if (wait >= 1) setTimeout(() => this.#append(), wait)
    // All that comes in one turn of the event loop shares an append.
    else setImmediate(() => this.#append())
  }

  #append(): void {
    const some = this.#take()
    this.#sentAt = this.#options.now()
    const settle = (result: AppendResult): void => {
      for (const { update, by } of some) by.settled(update.length, result)
      if (result.kind === 'stored') {
        this.#appendedAt = this.#options.now()
        this.#options.onAppended(this)
      }
      if (this.#waiting.length > 0) this.#appendSoon()
      else this.#isWriting = false
    }
    const records = encodeRecords(some.map(({ update }) => update))
    const traceParent = some[0]?.by.traceParent
    if (!this.#options.documents.add(this.follower, records, settle, traceParent))
      settle({ kind: 'unavailable' })
  }

  get #gatheringMs(): number {
    return Math.min(this.members.size, MOST_GATHERING_MS)
  }

  #take(): Waiting[] {
    let bytes = 0
    let count = 0
    for (const { update } of this.#waiting) {
      if (count > 0 && bytes + update.length > APPEND_BYTES) break
      bytes += update.length
      count++
    }
    return this.#waiting.splice(0, count)
  }

  /** How long nothing was appended here. */
  get quietMs(): number {
    return this.#options.now() - this.#appendedAt
  }

  /** Who is here, for somebody who joins. */
  present(member: Member): Uint8Array[] {
    return messagesOf(this.#awareness.present(member))
  }

  /** @throws MalformedAwareness */
  hearAwareness(bytes: Uint8Array, by: Member): void {
    this.#told(this.#awareness.receive(by, bytes, this.#options.now()))
  }

  leave(member: Member): void {
    this.members.delete(member)
    this.#told(this.#awareness.left(member, this.#options.now()))
  }

  /** Nodes that are dead have left no one here. */
  nodesGone(isAlive: (node: string) => boolean): void {
    this.#told(this.#awareness.nodesGone(isAlive, this.#options.now()))
  }

  #told({ fanOut, publish }: Out): void {
    if (publish) this.#options.documents.tellNodes(this.follower, publish)
    for (const entry of fanOut) this.#news.set(entry.id, entry)
    if (this.#news.size > 0) this.#tellSoon()
    this.#tickSoon()
  }

  #tellSoon(): void {
    const wait = this.#toldAt + AWARENESS_MS - this.#options.now()
    this.#telling ??= setTimeout(() => this.#tell(), Math.max(0, wait))
  }

  #tell(): void {
    this.#telling = undefined
    this.#toldAt = this.#options.now()
    const messages = messagesOf([...this.#news.values()])
    this.#news.clear()
    for (const message of messages) {
      for (const member of this.members) member.tellAwareness(message)
    }
  }

  #tickSoon(): void {
    clearTimeout(this.#ticking)
    const at = this.#awareness.nextAt()
    if (at === undefined) return
    this.#ticking = setTimeout(
      () => this.#told(this.#awareness.tick(this.#options.now())),
      Math.max(10, at - this.#options.now()),
    )
  }

  /** Whether nothing of it is needed any more: nobody is here, nothing is on its way, and who left has been told of. */
  get isDone(): boolean {
    return this.members.size === 0 && !this.#isWriting && this.#awareness.isEmpty
  }

  stop(): void {
    clearTimeout(this.#telling)
    clearTimeout(this.#ticking)
    this.follower.onEphemeral = undefined
    this.follower.gathering = undefined
    this.state.close()
  }
}

/** In portions: a client sends again all that it is told, and a message of many would be refused. */
function messagesOf(entries: readonly AwarenessEntry[]): Uint8Array[] {
  const messages: Uint8Array[] = []
  for (let at = 0; at < entries.length; at += MESSAGE_ENTRIES) {
    const portion = entries.slice(at, at + MESSAGE_ENTRIES)
    messages.push(encodeAwarenessMessage(encodeAwareness(portion)))
  }
  return messages
}
