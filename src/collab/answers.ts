/**
 * What a session still owes its client, in the order of its requests: a refusal from memory does not overtake an
 * earlier acknowledgement, and an acknowledgement leaves where its bytes stand in the stream.
 */
import type { AppendId, KeyChange } from '../core/ports.ts'
import type { Span } from '../core/tracer.ts'

export type AppendAnswer =
  | { readonly kind: 'stored'; readonly length: number }
  | { readonly kind: 'conflict'; readonly length: number }
  | { readonly kind: 'denied'; readonly length: number }
  | { readonly kind: 'missing' }

export interface AppendRequest {
  readonly request: 'append'
  readonly id: AppendId
  readonly offset: number
  readonly size: number
  /** Undefined while it is on its way. */
  answer: AppendAnswer | undefined
}

export interface KeyRequest {
  readonly request: 'key'
  /** The surface's own number, given back with the answer. */
  readonly tag: number
  /** Undefined while it is on its way; `silent` when a stored set is not answered. */
  answer: 'stored' | 'refused' | 'silent' | undefined
}

export type Request = AppendRequest | KeyRequest

/** What surfaces made of one message, by a name of theirs. Mostly one thing or none, so it is no Map. */
export class Memo {
  #names: string[] | undefined
  #encoded: Uint8Array[] | undefined

  get(name: string): Uint8Array | undefined {
    return this.#encoded?.[this.#names!.indexOf(name)]
  }

  set(name: string, encoded: Uint8Array): void {
    if (this.#encoded) {
      this.#names!.push(name)
      this.#encoded.push(encoded)
    } else {
      this.#names = [name]
      this.#encoded = [encoded]
    }
  }
}

/** An append as it passes a session; shared by all sessions of a document on a node. */
export interface Entry {
  readonly id: AppendId
  /** The local session whose append it is: it gets an acknowledgement instead of the bytes. */
  readonly by: object | undefined
  readonly offset: number
  readonly size: number
  /** Undefined when the bytes have to be read from the log. */
  readonly bytes: Uint8Array | undefined
  /** What surfaces made of it, so that a thousand sessions encode it once. */
  readonly memo: Memo
  /** Ends when the sessions have been given it. */
  readonly delivery?: Span | undefined
}

/** Key changes of one turn, shared in the same way. `by` is the local session that set a key and is not told. */
export interface KeyNews {
  readonly change: KeyChange
  readonly by: object | undefined
}

export interface Ephemeral {
  /** Which session said it, cluster-wide. */
  readonly from: string
  readonly by: object | undefined
  readonly bytes: Uint8Array
  readonly memo: Memo
}

/** Why a session ends, in the core's words; each surface has its own. */
export type EndReason =
  | 'deleted' // the document was
  | 'restored' // the database went back: join again
  | 'unavailable' // Postgres is away; nothing of what was asked is stored
  | 'unknown' // the fate of an append could not be found out: no answer
  | 'overload' // a queue is full
  | 'broken' // our fault; the log has it
  | 'draining'

/** How a surface tells its client. Called inside one cork for all that a turn brings. */
export interface Sink {
  /** One append of somebody else. */
  append(entry: Entry): void
  /** Bytes of the log from `offset` on, lent for this call; `more` while the same message goes on with the next one. */
  run(offset: number, bytes: Uint8Array, more: boolean): void
  /** What comes next begins anew with the folded part of the log, of which some was given already. */
  startedOver?(): void
  answerAppend(answer: AppendAnswer): void
  answerKey(tag: number, stored: boolean): void
  /** Current values; a removed key has no value. */
  keys(changes: readonly KeyChange[], memo: Memo | undefined): void
  ephemeral(message: Ephemeral): void
  end(reason: EndReason, cause?: unknown): void
}
