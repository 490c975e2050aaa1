/** The appends of one document that wait for a statement or its answer, in order; and what one statement takes of them. */
import { ANYWHERE, type Chunk, type DocumentAppends, type Epoch } from '../core/ports.ts'
import type { Span } from '../core/tracer.ts'

export type AppendResult =
  | { readonly kind: 'stored'; readonly length: number }
  /** `isKnown`: refused without a statement. */
  | { readonly kind: 'conflict'; readonly length: number; readonly isKnown?: true }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unavailable' } // certainly not stored
  | { readonly kind: 'unknown' } // could not be found out in time

/** One append on its way. */
export interface PendingAppend extends Chunk {
  /** The length its author expects, or `ANYWHERE`. */
  readonly offset: number
  /** Only asks whether the length is right; nobody hears of it. */
  readonly isCheck: boolean
  /** When it arrived: milliseconds since 1970. */
  readonly born: number
  /** The local session whose append it is, and that is not given its bytes. */
  readonly by: object | undefined
  /** Where somebody looks at it. */
  readonly span?: Span | undefined
  readonly settle: (result: AppendResult) => void
}

/** What the batcher knows and tells about a document. */
export interface BatchedDocument {
  readonly epoch: Epoch
  /** The largest committed length this node has heard of: below it, an append is refused without a statement. */
  readonly known: number
  /** These appends have committed, one behind the other from `offset` on. Called before they are settled. */
  committed(offset: number, appends: readonly PendingAppend[]): void
}

export interface QueuedAppend extends PendingAppend {
  /** By the batcher's clock, in ms. */
  readonly due: number
  /** Its statement was lost: it may have committed. */
  inDoubt: boolean
}

export interface AppendQueue {
  readonly document: BatchedDocument
  readonly items: QueuedAppend[]
  place: 'idle' | 'ready' | 'flying' | 'alone' | 'resting'
  /** Sends one append at a time: something in a chain was rejected. */
  single: boolean
}

/** Field by field: a spread would cost more than the rest of an append's way through its queue. */
export function queued(append: PendingAppend, due: number): QueuedAppend {
  const { id, data, offset, isCheck, born, by, span, settle } = append
  return { id, data, offset, isCheck, born, by, span, settle, due, inDoubt: false }
}

/** What one statement takes of one queue. */
export interface Flight {
  readonly queue: AppendQueue
  readonly items: readonly QueuedAppend[]
}

/** What a statement still has room for. */
export interface Room {
  appends: number
  bytes: number
}

/** @returns the first append of a queue and those that continue it, as far as there is room */
export function chain(queue: AppendQueue, room: Room): QueuedAppend[] {
  const items: QueuedAppend[] = []
  let end = queue.items[0]?.offset
  const step = end === ANYWHERE ? 0 : 1
  for (const item of queue.items) {
    const fits = items.length === 0 || (room.appends > 0 && item.data.length <= room.bytes)
    if (item.offset !== end || !fits || (queue.single && items.length === 1)) break
    items.push(item)
    end += step * item.data.length
    room.appends--
    room.bytes -= item.data.length
  }
  return items
}

/** Within one epoch a length only grows: an append below it can never match again, unless it has matched already. */
export function isRefused(queue: AppendQueue): boolean {
  const [first] = queue.items
  if (first === undefined || first.inDoubt || first.offset === ANYWHERE) return false
  return first.offset < queue.document.known
}

export function request({ queue, items }: Flight): DocumentAppends {
  return { epoch: queue.document.epoch, expected: items[0]!.offset, chunks: items }
}
