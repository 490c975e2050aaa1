/**
 * What a board shows: its records folded in the order of the log, then those of ours that are not stored yet. Pure.
 *
 * A record of ours counts at once, as if it were the last one; when the log has it, it takes its place there.
 */
import { authorOf } from './records.ts'
import type { Action, BoardRecord, Reversal, Stroke } from './records.ts'

interface Entry {
  readonly record: Action
  /** Place in the log; Infinity while it is not stored. */
  order: number
  isUndone: boolean
}

export interface VisibleStroke {
  readonly stroke: Stroke
  readonly isStored: boolean
}

const isReversal = (record: BoardRecord): record is Reversal => record.t === 'u' || record.t === 'r'

export type Board = ReturnType<typeof makeBoard>

export function makeBoard(author: string) {
  let entries = new Map<string, Entry>()
  let logged = new Set<string>()
  /** Ids of strokes that some erase names. */
  let erasedBy = new Map<string, string[]>()
  let redoable: string[] = []
  /** What is worked out from the records, until one comes: it is asked for with every frame. */
  let shown: VisibleStroke[] | undefined
  let lastOwn: { id: string | undefined } | undefined

  function changed(): void {
    shown = lastOwn = undefined
  }

  const visible = () =>
    (shown ??= strokes(() => true).map((entry) => ({
      stroke: entry.record as Stroke,
      isStored: isStored(entry),
    })))

  const isInForce = (id: string, isCounted: (entry: Entry) => boolean) => {
    const entry = entries.get(id)
    return entry !== undefined && !entry.isUndone && isCounted(entry)
  }

  /** Behind everything that was drawn before it. */
  function lastClear(isCounted: (entry: Entry) => boolean): number {
    let last = -1
    for (const entry of entries.values()) {
      const isClear = entry.record.t === 'c' && !entry.isUndone && isCounted(entry)
      if (isClear) last = Math.max(last, entry.order)
    }
    return last
  }

  function strokes(isCounted: (entry: Entry) => boolean): Entry[] {
    const cleared = lastClear(isCounted)
    const visible: Entry[] = []
    for (const entry of entries.values()) {
      const { record, order, isUndone } = entry
      if (record.t !== 's' || isUndone || !isCounted(entry)) continue
      // Ours that wait are behind a waiting clear only if they were made after it: entries are in that order.
      if (order < cleared || (order === Infinity && isBeforeWaitingClear(entry))) continue
      const erasers = erasedBy.get(record.id) ?? []
      if (!erasers.some((id) => isInForce(id, isCounted))) visible.push(entry)
    }
    return visible.sort((a, b) => (a.order === b.order ? 0 : a.order - b.order))
  }

  function isBeforeWaitingClear(stroke: Entry): boolean {
    let isAfterStroke = false
    for (const entry of entries.values()) {
      if (entry === stroke) isAfterStroke = true
      else if (isAfterStroke && entry.record.t === 'c' && entry.order === Infinity) {
        if (!entry.isUndone) return true
      }
    }
    return false
  }

  function reverse({ t, of }: Reversal): void {
    const entry = entries.get(of)
    if (entry) entry.isUndone = t === 'u'
  }

  function put(record: BoardRecord, order: number): void {
    changed()
    if (isReversal(record)) {
      reverse(record)
      return
    }
    const known = entries.get(record.id)
    if (known) known.order = order
    else entries.set(record.id, { record, order, isUndone: false })
    if (record.t !== 'e' || known) return
    for (const id of record.ids) erasedBy.set(id, [...(erasedBy.get(id) ?? []), record.id])
  }

  const isStored = (entry: Entry) => entry.order < Infinity
  const own = () => [...entries.values()].filter(({ record }) => authorOf(record.id) === author)

  /** What undo would take back: the last thing of ours that still shows. */
  function undoTarget(): string | undefined {
    const ids = new Set(visible().map(({ stroke }) => stroke.id))
    const candidates = own().filter(
      ({ record, isUndone }) => !isUndone && (record.t !== 's' || ids.has(record.id)),
    )
    return candidates.at(-1)?.record.id
  }

  return {
    /** A record of the log. @returns false when it was there already: a second copy changes nothing */
    store(record: BoardRecord): boolean {
      if (logged.has(record.id)) return false
      logged.add(record.id)
      put(record, logged.size)
      return true
    },
    /** A record of ours, not stored yet. */
    make(record: BoardRecord): void {
      if (record.t === 'u') redoable.push(record.of)
      else if (record.t === 'r') redoable = redoable.filter((id) => id !== record.of)
      else redoable = []
      put(record, Infinity)
    },
    /** A record of ours will not be stored. */
    withdraw(record: BoardRecord): void {
      changed()
      if (isReversal(record)) {
        reverse({ ...record, t: record.t === 'u' ? 'r' : 'u' })
      } else entries.delete(record.id)
    },
    reset(): void {
      changed()
      entries = new Map()
      logged = new Set()
      erasedBy = new Map()
      redoable = []
    },
    /** From the lowest to the topmost. */
    visible,
    undoTarget: (): string | undefined => (lastOwn ??= { id: undoTarget() }).id,
    redoTarget: (): string | undefined => redoable.at(-1),
    /**
     * What is left of a record of ours after what others have stored: an erase of what is gone already, and a second
     * clear of an empty board, would only make their undo harder to understand.
     */
    rebase(record: BoardRecord): BoardRecord | undefined {
      if (record.t !== 'e' && record.t !== 'c') return record
      const left = new Set(strokes(isStored).map((entry) => entry.record.id))
      if (record.t === 'c') return left.size > 0 ? record : undefined
      const waiting = own().filter((entry) => !isStored(entry))
      for (const entry of waiting) left.add(entry.record.id)
      const ids = record.ids.filter((id) => left.has(id))
      return ids.length > 0 ? { ...record, ids } : undefined
    },
  }
}
