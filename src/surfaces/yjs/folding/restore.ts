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
  // Yjs takes away formats that have become useless after a remote change, in a transaction of its own without an origin:
  // it is to be undone with the change that caused it.
  const trackedOrigins = new Set([SINCE, null])
  const edits = new Y.UndoManager(doc, { trackedOrigins, captureTimeout: Infinity })
  doc.transact(() => applyAll(doc, current), SINCE)
  const before = Y.encodeStateVector(doc)
  if (!edits.undo()) return []
  return fit(Y.encodeStateAsUpdate(doc, before), most)
}

export function applyAll(doc: Y.Doc, logs: readonly Uint8Array[]): void {
  for (const log of logs) for (const { update } of readLog(log).records) Y.applyUpdate(doc, update)
}
