import * as Y from 'yjs'
import type { Random } from '../../../support/random.ts'

export function documentOf(updates: readonly Uint8Array[], gc = true): Y.Doc {
  const doc = new Y.Doc({ gc })
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc
}

/** Several people who type into one text and set keys, and hear of each other now and then. */
export function makeTyping(random: Random, steps = 200): Uint8Array[] {
  const updates: Uint8Array[] = []
  const docs = Array.from({ length: 3 }, () => {
    const doc = new Y.Doc()
    doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'sync') updates.push(update)
    })
    return doc
  })
  for (let step = 0; step < steps; step++) {
    const doc = random.pick(docs)
    if (random.chance(0.2)) Y.applyUpdate(doc, Y.encodeStateAsUpdate(random.pick(docs)), 'sync')
    const text = doc.getText('t')
    const at = random.between(0, text.length + 1)
    if (random.chance(0.7)) text.insert(at, random.pick(['a', 'words ', '日本', '\n']))
    else if (random.chance(0.7)) text.delete(at, Math.min(text.length - at, random.between(1, 9)))
    else doc.getMap('m').set(`k${random.between(0, 4)}`, step)
  }
  return updates
}

/** What people see of a document that has the types that `makeRoom` uses, and what its clients know. */
export function contentOf(doc: Y.Doc) {
  const state = [...Y.decodeStateVector(Y.encodeStateVector(doc))].sort(([a], [b]) => a - b)
  return { ...visibleOf(doc), state }
}

export function visibleOf(doc: Y.Doc) {
  return {
    t: plain(doc.getText('t').toDelta()),
    unnamed: plain(doc.getText('').toDelta()),
    m: plain(doc.getMap('m').toJSON()),
    a: plain(doc.getArray('a').toJSON()),
    x: (doc.getXmlFragment('x').toArray() as unknown[]).map(spell),
  }
}

/** Subdocuments have members of their own that say nothing. */
function plain(value: unknown): unknown {
  if (value instanceof Y.Doc) return `subdocument ${value.guid}`
  if (value instanceof Y.AbstractType) return spell(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]))
}

function spell(node: unknown): unknown {
  if (node instanceof Y.XmlText) return plain(node.toDelta())
  if (node instanceof Y.XmlElement)
    return [node.nodeName, plain(node.getAttributes()), (node.toArray() as unknown[]).map(spell)]
  if (node instanceof Y.XmlHook) return ['hook', plain(node.toJSON())]
  if (node instanceof Y.XmlFragment) return (node.toArray() as unknown[]).map(spell)
  return plain(node instanceof Y.AbstractType ? node.toJSON() : node)
}
