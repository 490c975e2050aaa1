/**
 * What the core has to tell one client, as Yjs messages. The log is records (`update/records.ts`); a client is given
 * their updates, several small ones merged into one message.
 */
import type { EndReason, Entry, Sink } from '../../collab/answers.ts'
import { closeCodes } from '../../core/errors.ts'
import { encodeUpdate, lendStep2, lendUpdate } from './messages.ts'
import { cutUpdate } from './update/cut-update.ts'
import type { StateVector } from './update/id-set.ts'
import { MalformedUpdate } from './update/malformed.ts'
import { mergeRecords, diffRecord } from './update/merge.ts'
import { readUpdate } from './update/read-update.ts'
import { LENT_BYTES, RecordReader } from './update/records.ts'

/** Of updates that are merged into one message, unless a single one is larger. */
const GROUP = { updates: 1_024, bytes: 960 * 1024 } as const
const EMPTY = Uint8Array.of(0, 0)

/** Of this surface alone; clients of version 3.1 do not come back after one of these. */
export const ownCloseCodes = {
  unauthenticated: 4401,
  forbidden: 4403,
  deleted: 4404,
  tooBig: 4413,
} as const

const names: Readonly<Record<number, string>> = {
  [ownCloseCodes.unauthenticated]: 'unauthenticated',
  [ownCloseCodes.forbidden]: 'forbidden',
  [ownCloseCodes.deleted]: 'deleted',
  [ownCloseCodes.tooBig]: 'too_big',
  [closeCodes.draining]: 'join_again',
  [closeCodes.tryLater]: 'try_later',
}

/** Of a close code, for metrics. */
export const nameOf = (code: number): string => names[code] ?? 'malformed'

/** The answer to one step 1. */
export interface Answer {
  /** What the client has; undefined when that is nothing. */
  readonly has: StateVector | undefined
  /** Goes into the last message, beside what is streamed. */
  readonly closing: Uint8Array | undefined
}

export interface TellerOptions {
  /** At once: the bytes are lent. */
  readonly send: (message: Uint8Array) => void
  readonly close: (code: number, reason: string) => void
  /** The last message of an answer has been sent. */
  readonly onAnswered: () => void
  /** Bytes that make no record: what is wrong with them is somebody else's work. */
  readonly onBroken: (error: unknown) => void
  readonly onEnd: (reason: EndReason, cause: unknown) => void
}

export class YjsTeller implements Sink {
  readonly #options: TellerOptions
  readonly #records = new RecordReader()
  #answer: Answer | undefined
  #group: Uint8Array[] = []
  #groupBytes = 0
  /** So many of the group are copies; the others are the caller's. */
  #copied = 0

  constructor(options: TellerOptions) {
    this.#options = options
  }

  /** What `run` brings from now on, up to its last call with more to come, is this answer. */
  begin(answer: Answer): void {
    this.startedOver()
    this.#answer = answer
  }

  append({ bytes, memo }: Entry): void {
    if (!this.#records.isWhole) return this.#cutOff()
    const known = memo.get('yjs')
    const message = known ?? messageOf(bytes!)
    if (!known) memo.set('yjs', message)
    if (message.length > 0) this.#options.send(message)
  }

  run(_offset: number, bytes: Uint8Array, more: boolean): void {
    try {
      for (const update of this.#records.push(bytes)) this.#take(update)
    } catch (error) {
      this.#records.reset()
      this.#options.onBroken(error)
    }
    if (!more) this.#finish()
    for (; this.#copied < this.#group.length; this.#copied++)
      this.#group[this.#copied] = Uint8Array.from(this.#group[this.#copied]!)
  }

  /** All that there is has been read, and it ends within a record. */
  #cutOff(): void {
    this.#records.reset()
    this.#options.onBroken(new MalformedUpdate('a record that runs over the end'))
  }

  startedOver(): void {
    this.#records.reset()
    this.#forgetGroup()
  }

  #forgetGroup(): void {
    this.#group = []
    this.#groupBytes = this.#copied = 0
  }

  #take(update: Uint8Array): void {
    // An answer is of what the room's state has been read from.
    if (!this.#answer && !isGood(update)) return
    const isLarge = update.length > LENT_BYTES
    if (isLarge || this.#groupBytes + update.length > GROUP.bytes) this.#flush()
    // As it is, without one copy more: many clients that join a large room at once are many megabytes.
    if (isLarge) return this.#send(this.#lackedOf(update))
    this.#group.push(update)
    this.#groupBytes += update.length
    if (this.#group.length === GROUP.updates) this.#flush()
  }

  #flush(): void {
    if (this.#group.length > 0) this.#send(this.#takeGroup())
  }

  #send(update: Uint8Array): void {
    if (!isEmpty(update)) this.#options.send(lendUpdate(update))
  }

  /** What the client lacks of what has been gathered. */
  #takeGroup(): Uint8Array {
    const all = this.#lackedOf(merge(this.#group))
    this.#forgetGroup()
    return all
  }

  #lackedOf(update: Uint8Array): Uint8Array {
    const has = this.#answer?.has
    return has ? diffOf(update, has) : update
  }

  #finish(): void {
    if (!this.#answer) return this.#flush()
    if (!this.#records.isWhole) return this.#cutOff()
    const closing = this.#closingOf(this.#answer)
    if (closing && this.#groupBytes + closing.length > GROUP.bytes) this.#flush()
    const rest = this.#takeGroup()
    const last = closing && !isEmpty(closing) ? merge([rest, closing]) : rest
    this.#answer = undefined
    this.#options.send(lendStep2(last))
    this.#options.onAnswered()
  }

  /** Deletions of more than a message has room for go before, but for the last of them. */
  #closingOf({ closing }: Answer): Uint8Array | undefined {
    if (!closing || closing.length <= GROUP.bytes) return closing
    const parts = cutUpdate(closing, GROUP.bytes)
    for (const part of parts.slice(0, -1)) this.#options.send(lendUpdate(part))
    return parts.at(-1)
  }

  // Nothing of these happens on this surface: its appends commute, and it has no keys.
  answerAppend(): void {}
  answerKey(): void {}
  keys(): void {}
  ephemeral(): void {}

  end(reason: EndReason, cause?: unknown): void {
    this.#options.onEnd(reason, cause)
    const isComingBack = reason === 'restored' || reason === 'draining'
    const code =
      reason === 'deleted'
        ? ownCloseCodes.deleted
        : isComingBack
          ? closeCodes.draining
          : closeCodes.tryLater
    this.#options.close(code, reason)
  }
}

/** @returns the message for everybody of one append; no bytes when there is nothing to tell */
function messageOf(bytes: Uint8Array): Uint8Array {
  try {
    const updates = [...new RecordReader().push(bytes)]
    const update = merge(updates)
    return isEmpty(update) ? new Uint8Array() : encodeUpdate(update)
  } catch {
    return new Uint8Array() // whoever reads the log next finds it and puts it aside
  }
}

/** A single bad update, stored by whatever mistake, must not take the others with it. */
function merge(updates: readonly Uint8Array[]): Uint8Array {
  if (updates.length === 1) return updates[0]!
  try {
    return mergeRecords(updates)
  } catch {
    return mergeRecords(updates.filter(isGood))
  }
}

function isGood(update: Uint8Array): boolean {
  try {
    readUpdate(update)
    return true
  } catch {
    return false
  }
}

function diffOf(update: Uint8Array, has: StateVector): Uint8Array {
  try {
    return diffRecord(update, has)
  } catch {
    return EMPTY
  }
}

const isEmpty = (update: Uint8Array): boolean =>
  update.length === 2 && update[0] === 0 && update[1] === 0
