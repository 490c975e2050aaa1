/** A room as JSON: what y-websocket's callback sends. */
import * as Y from 'yjs'
import { applyAll } from './restore.ts'

const kinds = {
  Array: (doc: Y.Doc, name: string) => doc.getArray(name),
  Map: (doc: Y.Doc, name: string) => doc.getMap(name),
  Text: (doc: Y.Doc, name: string) => doc.getText(name),
  XmlFragment: (doc: Y.Doc, name: string) => doc.getXmlFragment(name),
  XmlElement: (doc: Y.Doc, name: string) => doc.getXmlElement(name),
}
/** Name of a shared object → its type, as in `CALLBACK_OBJECTS`. */
export type SharedObjects = Readonly<Record<string, string>>

export interface ExportTask {
  readonly parts: readonly Uint8Array[]
  readonly objects: SharedObjects
}

/** @returns the JSON text of `{ name: { type, content } }`; an unknown type has `{}` for its content */
export function exportJson({ parts, objects }: ExportTask): string {
  const doc = new Y.Doc({ gc: false })
  applyAll(doc, parts)
  const data = Object.entries(objects).map(([name, type]) => {
    const content: unknown = isKind(type) ? kinds[type](doc, name).toJSON() : {}
    return [name, { type, content }] as const
  })
  return JSON.stringify(Object.fromEntries(data))
}

function isKind(type: string): type is keyof typeof kinds {
  return Object.hasOwn(kinds, type)
}
