import * as Y from 'yjs'
import { readUpdate } from '../../../../src/surfaces/yjs/update/read-update.ts'
import type { Random } from '../../../support/random.ts'
import { pickRange } from '../../../support/yjsEdits.ts'

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
export const bytes = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

/** Spec 14: updates and state vectors. */
export const vectors = {
  U1: '01010100040101740568656c6c6f00',
  U2: '010101058401040620776f726c6400',
  U3: '000101010006',
  M12: '01020100040101740568656c6c6f8401040620776f726c6400',
  M123: '01020100040101740568656c6c6f8401040620776f726c640101010006',
  G123: '01020100010101740684010505776f726c640101010006',
  D5: '010101058401040620776f726c640101010006',
  D11: '000101010006',
  M13: '01010100040101740568656c6c6f0101010006',
  A: '01010100040101740161' + '00',
  B: '01010101840100016200',
  C: '01010102840101016300',
  MAC: '010301000401017401610a01840101016300',
  MACB: '010301000401017401618401000162840101016300',
  K1: '0101ac02002801016d016b017702763100',
  K2: '0101ac0201a8ac0200017d0201ac02010001',
  KM: '0102ac02002801016d016b017702763188ac0200017d0201ac02010001',
  KG: '0102ac02002101016d016b01a8ac0200017d0201ac02010001',
  B1: '0101ffffffff0f000401017406c3a9f09f988000',
  X2: '01010200840104012100',
  MX: '020102008401040121010100040101740568656c6c6f00',
  GC1: '010201002101016d016301000a010101000b',
  Y14: '0101d1e794c78ff296080004010002686900',
  empty: '0000',
} as const

export interface Room {
  /** What each client sent, in the order of sending. */
  readonly updates: Uint8Array[]
  /** Full states as some client had them along the way, gc'ed and not. */
  readonly states: Uint8Array[]
}

/** Clients that edit everything that Yjs has, and hear of each other now and then. yrs cannot read hooks. */
export function makeRoom(random: Random, { steps = 60, hooks = true, formats = true } = {}): Room {
  const updates: Uint8Array[] = []
  const states: Uint8Array[] = []
  const docs = Array.from({ length: random.between(1, 5) }, (_, i) => {
    const doc = new Y.Doc({ gc: random.chance(0.7) })
    doc.clientID = random.chance(0.3) ? i + 1 : random.between(0, 2 ** 32)
    doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'sync') updates.push(update)
    })
    return doc
  })
  for (let i = 0; i < steps; i += 1) {
    const doc = random.pick(docs)
    if (random.chance(0.2)) {
      const from = Y.encodeStateAsUpdate(random.pick(docs), Y.encodeStateVector(doc))
      Y.applyUpdate(doc, from, 'sync')
    }
    doc.transact(() => {
      for (let n = random.between(1, 4); n > 0; n -= 1) edit(doc, random, { hooks, formats })
    })
    if (random.chance(0.1)) states.push(Y.encodeStateAsUpdate(doc))
  }
  for (const doc of docs) states.push(Y.encodeStateAsUpdate(doc))
  return { updates, states }
}

const words = [
  'a',
  'hello',
  'é',
  '日本',
  '😀',
  'x😀y',
  ' ',
  '\n',
  '\uFEFF',
  '\u0000',
  'lorem ipsum ',
]
const values = (random: Random): unknown =>
  random.pick<() => unknown>([
    () => undefined,
    () => null,
    () => random.chance(0.5),
    () => random.between(-70, 70),
    () => random.between(-(2 ** 31), 2 ** 31),
    () => 2 ** 52 + 1,
    () => random.next(),
    () => 0.5,
    () => BigInt(random.between(-(2 ** 40), 2 ** 40)),
    () => random.pick(words),
    () => Uint8Array.from([1, 2, 255]),
    () => [1, [values(random)], { a: values(random) }],
    () => ({ a: 1, é: [values(random)], c: {} }),
  ])()

interface Means {
  readonly hooks: boolean
  readonly formats: boolean
}

function edit(doc: Y.Doc, random: Random, means: Means): void {
  const what = random.between(0, 7)
  if (what < 3) changeText(random.chance(0.8) ? doc.getText('t') : doc.getText(''), random, means)
  else if (what < 4) editMap(doc, random)
  else if (what < 5) editArray(doc, random)
  else editXml(doc, random, means)
}

function changeText(text: Y.Text, random: Random, { formats }: Means): void {
  const [at, length] = pickRange(text, random, 8)
  const what = random.between(0, 10)
  if (what < 6) text.insert(at, random.pick(words))
  else if (what < 8) text.delete(at, length)
  else if (what < 9) text.insertEmbed(at, { image: random.pick(words) })
  else if (formats) text.format(at, length, { bold: random.pick([true, null, { deep: 'é' }]) })
}

function editMap(doc: Y.Doc, random: Random): void {
  const map = doc.getMap('m')
  const key = `k${random.between(0, 4)}`
  if (random.chance(0.2)) map.delete(key)
  else if (random.chance(0.3)) map.set(key, sharedType(random))
  else map.set(key, values(random))
}

function editArray(doc: Y.Doc, random: Random): void {
  const array = doc.getArray('a')
  const at = random.between(0, array.length + 1)
  if (random.chance(0.3)) array.delete(at, Math.min(array.length - at, random.between(0, 4)))
  else if (random.chance(0.3)) array.insert(at, [sharedType(random)])
  else
    array.insert(
      at,
      Array.from({ length: random.between(1, 6) }, () => inArray(values(random))),
    )
}

/** A Y.Array takes undefined and bigints only inside of something. */
function inArray(value: unknown): unknown {
  return value === undefined || typeof value === 'bigint' ? [value] : value
}

function sharedType(random: Random): unknown {
  return random.pick<() => unknown>([
    () => new Y.Text('inner text'),
    () => new Y.Map([['x', values(random)]]),
    () => Y.Array.from([1, 'two', inArray(values(random))] as number[]),
    () => new Y.Doc({ guid: `sub ${random.between(0, 9)}`, meta: { a: 1 }, autoLoad: true }),
    () => new Y.Doc({ gc: false }),
    () => Uint8Array.from([random.between(0, 256)]),
  ])()
}

function editXml(doc: Y.Doc, random: Random, means: Means): void {
  const fragment = doc.getXmlFragment('x')
  if (fragment.length === 0 || random.chance(0.4)) {
    const node = random.pick([
      () => new Y.XmlElement('p'),
      () => new Y.XmlText('text'),
      () => (means.hooks ? new Y.XmlHook('hook') : new Y.XmlText('no hook')),
      () => new Y.XmlFragment(),
    ])()
    fragment.insert(random.between(0, fragment.length + 1), [node as Y.XmlElement])
    return
  }
  const at = random.between(0, fragment.length)
  const node: unknown = fragment.get(at)
  if (random.chance(0.2)) fragment.delete(at, 1)
  else if (node instanceof Y.XmlElement) node.setAttribute('class', random.pick(words))
  else if (node instanceof Y.XmlText) changeText(node, random, means)
}

/**
 * A document unit by unit, with what is beside each. How many units Yjs joins to one struct depends on the transactions
 * in which they came, so that the encoded states of equal documents differ.
 */
export function units(doc: Y.Doc): string {
  const lines: string[] = []
  for (const client of [...doc.store.clients.keys()].sort((a, b) => a - b)) {
    for (const struct of doc.store.clients.get(client)!) {
      const content = struct instanceof Y.Item ? struct.content.getContent() : []
      for (let i = 0; i < struct.length; i += 1) {
        lines.push(`${client}:${struct.id.clock + i} ${describeUnit(struct, i, content[i])}`)
      }
    }
  }
  for (const pending of [doc.store.pendingStructs?.update, doc.store.pendingDs]) {
    if (pending === null || pending === undefined) continue
    const { structs, deletes } = readUpdate(Y.convertUpdateFormatV2ToV1(pending))
    lines.push(`pending ${hex(structs.encode())} ${hex(deletes.encode())}`)
  }
  return lines.join('\n')
}

function describeUnit(struct: Y.Item | Y.GC, i: number, content: unknown): string {
  if (struct instanceof Y.GC) return 'gc'
  const { client, clock } = struct.id
  const name = (id: Y.ID | null): string => (id === null ? '-' : `${id.client}:${id.clock}`)
  const left = i === 0 ? (struct.left?.lastId ?? null) : Y.createID(client, clock + i - 1)
  const origin = i === 0 ? struct.origin : left
  const ids = `${name(left)} ${name(origin)} ${name(struct.rightOrigin)} ${struct.parentSub ?? ''}`
  // Formats that hold no text Yjs deletes, or not: that depends on the order and the transactions in which all came.
  if (struct.content instanceof Y.ContentFormat) return `${ids} format ${struct.content.key}`
  return `${ids} ${struct.deleted ? 'deleted' : inspect(content)}`
}

function inspect(content: unknown): string {
  if (content instanceof Y.Doc) return `subdocument ${content.guid}`
  if (content instanceof Y.AbstractType) return content.constructor.name
  return JSON.stringify([content], (_, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    // yrs writes keys in any order.
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}
