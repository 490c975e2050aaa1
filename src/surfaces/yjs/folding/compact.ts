/**
 * What a fold does to bytes. Pure; runs in a worker thread. It never loses anything that Yjs could read: what would is
 * given up, and the updates are joined as bytes instead.
 */
import * as Y from 'yjs'
import { cutUpdate } from '../update/cut-update.ts'
import { mergeRecords } from '../update/merge.ts'
import { readRecord, readUpdate } from '../update/read-update.ts'
import { encodeRecords } from '../update/records.ts'
import { RoomSummary } from '../update/room-summary.ts'
import { readLog } from './log.ts'

export interface CompactTask {
  readonly kind: 'minor' | 'major'
  /** Of segments and of the log, in order: whole records each, but for the end of the last one if it is cut. */
  readonly parts: readonly Uint8Array[]
  /** Whether deleted content is forgotten; only a major one can. */
  readonly gc: boolean
  /** Bytes of an update in the result. */
  readonly most: number
  /** The log goes on behind the last part, wherever that was cut. */
  readonly isCut: boolean
}

/** Where a record begins in its part, and why it is not in the result. */
export interface BadRecord {
  readonly part: number
  readonly at: number
  readonly reason: string
}

export type Compacted =
  | {
      /** A major one that could not be done is `minor`, and has a reason. */
      readonly kind: 'minor' | 'major'
      readonly reason?: string
      readonly bytes: Uint8Array
      /** Bytes at the end of the last part that are not in it: a record that was cut. */
      readonly left: number
      readonly summary: Uint8Array
      readonly bad: readonly BadRecord[]
    }
  /** What follows this record cannot be told apart until it is put aside. */
  | { readonly kind: 'broken'; readonly at: BadRecord }

/** Documents that are tried before those that remain are taken as bytes. */
const MOST_TRIES = 10

interface Sound {
  readonly part: number
  readonly at: number
  readonly update: Uint8Array
}

export function compact({ kind, parts, gc, most, isCut }: CompactTask): Compacted {
  const bad: BadRecord[] = []
  const sound: Sound[] = []
  let left = 0
  for (const [part, bytes] of parts.entries()) {
    const { records, brokenAt } = readLog(bytes)
    if (brokenAt !== undefined) {
      if (!isCut || part < parts.length - 1 || brokenAt === 0) return broken(part, brokenAt)
      left = bytes.length - brokenAt
    }
    for (const { at, update } of records) {
      try {
        if (!readRecord(update).isEmpty) sound.push({ part, at, update })
      } catch (error) {
        bad.push({ part, at, reason: textOf(error) })
      }
    }
  }
  const whole = kind === 'major' ? throughDocument(sound, gc, bad) : 'not asked for'
  if (typeof whole !== 'string') {
    const { state, summary } = whole
    const bytes = encodeRecords(isEmpty(summary) ? [] : fit(state, most))
    return { kind: 'major', bytes, left, summary: summary.encode(), bad }
  }
  const bytes = encodeRecords(joinAll(sound, most))
  const joined = { kind: 'minor', bytes, left, summary: summaryOf(sound).encode(), bad } as const
  return kind === 'major' ? { ...joined, reason: whole } : joined
}

function broken(part: number, at: number): Compacted {
  return { kind: 'broken', at: { part, at, reason: 'a record runs over the end of its append' } }
}

function isEmpty({ structs, deletes }: RoomSummary): boolean {
  return structs.isEmpty && deletes.isEmpty
}

/** Neighbours are joined up to `most` bytes, so the work is linear and the order stays about what it was. */
function joinAll(sound: readonly Sound[], most: number): Uint8Array[] {
  const joined: Uint8Array[] = []
  let group: Uint8Array[] = []
  let size = 0
  const flush = () => {
    for (const update of join(group)) joined.push(...fit(update, most))
    group = []
    size = 0
  }
  for (const { update } of sound) {
    if (size + update.length > most) flush()
    group.push(update)
    size += update.length
  }
  flush()
  return joined
}

/** Updates that can be read and still not be joined stay what they are. */
export function join(updates: readonly Uint8Array[]): readonly Uint8Array[] {
  if (updates.length < 2) return updates
  try {
    return [mergeRecords(updates)]
  } catch {
    return updates
  }
}

export function fit(update: Uint8Array, most: number): readonly Uint8Array[] {
  return update.length > most ? cutUpdate(update, most) : [update]
}

/** @returns the state of a document that has all of it, or why there is none */
function throughDocument(
  sound: Sound[],
  gc: boolean,
  bad: BadRecord[],
): { state: Uint8Array; summary: RoomSummary } | string {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const doc = new Y.Doc({ gc })
    const failed = apply(doc, sound)
    if (failed) {
      // It would stop every client that reads it. What it left in the document is not trusted.
      bad.push({ part: failed.part, at: failed.at, reason: failed.reason })
      sound.splice(failed.index, 1)
      continue
    }
    const needed = summaryOf(sound)
    try {
      const state = Y.encodeStateAsUpdate(doc)
      const summary = summaryOf([{ update: state }])
      if (summary.structs.covers(needed.structs) && summary.deletes.covers(needed.deletes)) {
        return { state, summary }
      }
      return 'the document lacks something'
    } catch (error) {
      return textOf(error)
    }
  }
  return 'too many updates that no document takes'
}

function summaryOf(updates: readonly { readonly update: Uint8Array }[]): RoomSummary {
  const summary = new RoomSummary()
  for (const { update } of updates) summary.take(readUpdate(update))
  return summary
}

function apply(doc: Y.Doc, sound: readonly Sound[]) {
  for (const [index, { part, at, update }] of sound.entries()) {
    try {
      Y.applyUpdate(doc, update)
    } catch (error) {
      return { index, part, at, reason: textOf(error) }
    }
  }
  return undefined
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
