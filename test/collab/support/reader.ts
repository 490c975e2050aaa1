/**
 * One client as a session sees it, which believes nothing: it checks at every message that what it was given is a
 * contiguous prefix (invariant 1) and that answers come in the order of its requests.
 */
import type {
  AppendAnswer,
  EndReason,
  Entry,
  Ephemeral,
  Sink,
} from '../../../src/collab/answers.ts'
import type { Session } from '../../../src/collab/session.ts'
import type { KeyChange, KeyLifetime, Outlet } from '../../../src/core/ports.ts'

export interface KeyView {
  readonly version: number
  readonly value: string
  readonly removed: boolean
}

type Asked =
  | { readonly what: 'append'; readonly offset: number; readonly data: string }
  | { readonly what: 'key'; readonly tag: number; readonly wish: AskedKey }

export interface AskedKey {
  readonly name: string
  readonly lifetime: KeyLifetime
  readonly oldVersion: number
  readonly version: number
  readonly value: string
}

/** A small socket: messages wait in it until the test reads. */
export class TestOutlet implements Outlet {
  readonly room: number
  waiting = 0
  most = 0
  closedWith: number | undefined
  /** The peer reads everything at once. */
  isReading = true

  constructor(room: number) {
    this.room = room
  }

  /** `Sink` here is the reader itself, so that only sizes go through the outlet. */
  add(bytes: number): void {
    this.waiting = this.isReading ? 0 : this.waiting + bytes
    this.most = Math.max(this.most, this.waiting)
  }

  send(message: Uint8Array): void {
    this.add(message.length)
  }

  isFull(): boolean {
    return this.waiting > this.room
  }

  cork(write: () => void): void {
    write()
  }

  end(code: number): void {
    this.closedWith ??= code
  }
}

export class Reader implements Sink {
  readonly name: string
  readonly outlet: TestOutlet
  session: Session | undefined
  /** Where it joined, and all it has been given since: bytes, and its own appends at their acknowledgement. */
  from: number
  text = ''
  ended: EndReason | undefined
  /** The first thing that was wrong. */
  failure: Error | undefined
  readonly answers: AppendAnswer[] = []
  readonly keyAnswers = new Map<number, boolean>()
  readonly view = new Map<string, KeyView>()
  /** Names of the keys of each message. */
  readonly told: string[][] = []
  readonly heard: string[] = []
  readonly mine = new Set<string>()
  #asked: Asked[] = []
  #isInRun = false
  #hasJoined = false
  #lastTag = 0

  constructor(name: string, from: number, room = Infinity) {
    this.name = name
    this.from = from
    this.outlet = new TestOutlet(room)
  }

  get position(): number {
    return this.from + this.text.length
  }

  /** Requests without an answer; those that may never get one (equal versions) among them. */
  get unanswered(): number {
    return this.#asked.filter((each) => !isQuiet(each)).length
  }

  asksAppend(offset: number, data: string): void {
    this.#asked.push({ what: 'append', offset, data })
  }

  asksKey(wish: AskedKey): number {
    this.#lastTag += 1
    this.#asked.push({ what: 'key', tag: this.#lastTag, wish })
    if (wish.oldVersion === wish.version) this.#learn(wish.name, wish)
    return this.#lastTag
  }

  append({ offset, bytes, size }: Entry): void {
    this.#check(bytes?.length === size, `an entry of ${size} bytes has ${bytes?.length ?? 'none'}`)
    this.run(offset, bytes!, false)
  }

  run(offset: number, bytes: Uint8Array, more: boolean): void {
    if (!this.#hasJoined && !this.#isInRun) this.from = offset
    this.#check(offset === this.position, `bytes at ${offset}`)
    this.outlet.add(bytes.length)
    this.text += Buffer.from(bytes).toString('latin1')
    this.#isInRun = more
    this.#hasJoined = true
  }

  answerAppend(answer: AppendAnswer): void {
    this.#checkWhole('an answer')
    const asked = this.#next('append')
    this.answers.push(answer)
    this.outlet.add(12)
    if (answer.kind !== 'stored' || !asked || asked.data === '') return
    const { offset, data } = asked
    this.#check(offset === this.position, `acknowledged at ${offset}`)
    this.#check(answer.length === offset + data.length, `acknowledged as ${answer.length}`)
    this.text += data
  }

  answerKey(tag: number, stored: boolean): void {
    this.#checkWhole('a key answer')
    const asked = this.#next('key', tag)
    this.outlet.add(6)
    this.keyAnswers.set(tag, stored)
    if (stored && asked) this.#learn(asked.wish.name, asked.wish)
  }

  keys(changes: readonly KeyChange[]): void {
    this.#checkWhole('keys')
    this.outlet.add(20 * changes.length)
    this.told.push(changes.map(({ name }) => name))
    for (const { name, version, value, removed } of changes) {
      this.view.set(name, { version, value: Buffer.from(value).toString(), removed })
    }
  }

  ephemeral({ bytes }: Ephemeral): void {
    this.#checkWhole('an ephemeral message')
    const text = Buffer.from(bytes).toString()
    this.#check(!this.mine.has(text), `its own message ${text}`)
    this.outlet.add(bytes.length)
    this.heard.push(text)
  }

  end(reason: EndReason, cause?: unknown): void {
    this.ended = reason
    if (reason === 'broken') this.failure ??= new Error(`${this.name} broke`, { cause })
  }

  /** The request that an answer is for; those in front of it may only be sets that are not answered. */
  #next<W extends Asked['what']>(what: W, tag?: number): Extract<Asked, { what: W }> | undefined {
    for (let asked = this.#asked.shift(); asked; asked = this.#asked.shift()) {
      if (asked.what === what && (asked.what === 'append' || asked.tag === tag)) {
        return asked as Extract<Asked, { what: W }>
      }
      this.#check(isQuiet(asked), `${what} answered before ${asked.what}`)
    }
    this.#check(false, `an answer to no ${what}`)
    return undefined
  }

  #learn(name: string, { version, value }: AskedKey): void {
    const known = this.view.get(name)
    if (known && !known.removed && known.version > version) return
    this.view.set(name, { version, value, removed: false })
  }

  #checkWhole(what: string): void {
    this.#check(this.#hasJoined && !this.#isInRun, `${what} within a message`)
  }

  #check(isRight: boolean, what: string): void {
    // Not thrown: the session would catch it.
    if (!isRight) this.failure ??= new Error(`[I1] ${this.name} at ${this.position}: ${what}`)
  }
}

/** A stored set whose versions are equal is not answered. */
function isQuiet(asked: Asked): boolean {
  return asked.what === 'key' && asked.wish.oldVersion === asked.wish.version
}
