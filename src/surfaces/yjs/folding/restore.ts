/** Taking a room back to a version of it: by new edits on top of what it is now, so nothing that anybody has is lost. */
import * as Y from 'yjs'
import { readLog } from './log.ts'
import { fit } from './compact.ts'

export interface RestoreTask {
  readonly version: readonly Uint8Array[]
  readonly current: readonly Uint8Array[]
  /** Bytes of an update in the result. */
  readonly most: number
}

const SINCE = 'since the version'

/** @returns the updates to append; none when nothing has changed since */
export function restore({ version, current, most }: RestoreTask): readonly Uint8Array[] {
  // Without gc: what was deleted since is still in the version, and that is what comes back.
  const doc = new Y.Doc({ gc: false })
  applyAll(doc, version)
  const edits = new Y.UndoManager(doc, { trackedOrigins: new Set([SINCE]) })
  doc.transact((transaction) => {
    applyAll(doc, current)
    for (const type of transaction.changed.keys()) deleteUselessFormats(transaction, type)
  }, SINCE)
  const before = Y.encodeStateVector(doc)
  if (!edits.undo()) return []
  return fit(Y.encodeStateAsUpdate(doc, before), most)
}

export function applyAll(doc: Y.Doc, logs: readonly Uint8Array[]): void {
  for (const log of logs) for (const { update } of readLog(log).records) Y.applyUpdate(doc, update)
}

/**
 * Whoever hears of a deletion takes away the formats that have become useless by it, each client by itself and at another
 * moment. Here it is part of what is undone: what comes back brings formats of its own, and depends on none that may be
 * gone elsewhere.
 */
function deleteUselessFormats(
  transaction: Y.Transaction,
  text: { readonly _start: Y.Item | null },
): void {
  const formats = new Map<string, unknown>()
  const gap = new Map<string, Y.Item>()
  for (let item = text._start; item !== null; item = item.right) {
    if (item.deleted) continue
    if (item.content instanceof Y.ContentFormat) {
      gap.get(item.content.key)?.delete(transaction)
      gap.set(item.content.key, item)
    } else if (item.countable) leave()
  }
  leave()

  function leave(): void {
    for (const [key, item] of gap) {
      const { value } = item.content as Y.ContentFormat & { value: unknown }
      if ((formats.get(key) ?? null) === value) item.delete(transaction)
      else formats.set(key, value)
    }
    gap.clear()
  }
}
