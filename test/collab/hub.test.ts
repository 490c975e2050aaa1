import { expect, test } from 'vitest'
import { makeRandom } from '../support/random.ts'
import { makeGate } from './support/gate.ts'
import { makePresence } from './support/presence.ts'
import { Reader } from './support/reader.ts'
import { pass } from './support/time.ts'
import { append, leave, makeWorld, type TestNode, type WorldOptions } from './support/world.ts'

const ID = 'zwibbler/board'

function makeHubs(options: Partial<WorldOptions> = {}) {
  const presence = makePresence()
  const gate = makeGate()
  const random = makeRandom(1)
  const world = makeWorld({
    random,
    isSlow: false,
    nodes: 2,
    presence,
    around: gate.around,
    ...options,
  })
  const [near, far] = world.nodes as [TestNode, TestNode]
  return { ...world, presence, gate, near, far }
}

const openOn = ({ presence }: ReturnType<typeof makeHubs>, node: TestNode): number[] => [
  ...(presence.open.get(node.roster.node) ?? []),
]

test('[I7] the first session subscribes and enters, the last one undoes both', async () => {
  const hubs = makeHubs()
  const { near, join, air, presence } = hubs
  const [ann, bob] = [await join(near, ID), await join(near, ID)]
  expect([...air.channels()]).toEqual([['{1}', 1]])
  expect(presence.calls.filter((call) => call.startsWith('enter'))).toHaveLength(1)
  leave(near, ann)
  await pass()
  expect([openOn(hubs, near), near.hub.size]).toEqual([[1], 1])
  leave(near, bob)
  await pass()
  expect([openOn(hubs, near), near.hub.size, air.channels().size]).toEqual([[], 0, 0])
})

test('[I7] a node hears nothing of documents that none of its sessions has open', async () => {
  const { near, far, join, air } = makeHubs()
  const ann = await join(near, ID)
  await join(far, 'zwibbler/other')
  append(near, ann, 0, 'hello')
  await pass()
  expect(air.counts.delivered).toBe(1) // to itself
})

test('any number of joins at once share one subscription and one look at the log', async () => {
  const { near, join, presence, gate, air } = makeHubs()
  await join(near, ID)
  leave(near, near.readers[0]!)
  await pass()
  presence.calls.length = 0
  gate.hold('states', 'before')
  const joins = Array.from({ length: 20 }, () => join(near, ID))
  await pass()
  gate.open()
  await Promise.all(joins)
  expect(presence.calls.filter((call) => call.startsWith('enter'))).toHaveLength(1)
  expect([...air.channels()]).toEqual([['{1}', 1]])
})

test('whoever leaves while another joins does not take the document away from it', async () => {
  const { near, far, join, gate } = makeHubs()
  const ann = await join(near, ID)
  gate.hold('states', 'before')
  const joining = join(near, ID)
  await pass()
  leave(near, ann)
  await pass()
  gate.open()
  const bob = await joining
  append(far, await join(far, ID), 0, 'x')
  await pass()
  expect(bob.text).toBe('x')
})

test('[I1] a document is followed again at once after the last session has left', async () => {
  const hubs = makeHubs()
  const { near, far, join } = hubs
  const cleo = await join(far, ID)
  for (let round = 0; round < 10; round += 1) {
    const ann = await join(near, ID)
    leave(near, ann)
    const bob = await join(near, ID, { offset: round })
    append(far, cleo, round, 'x')
    await pass()
    expect([bob.from, bob.text]).toEqual([round, 'x'])
    leave(near, bob)
  }
  const dan = await join(near, ID)
  await pass(2_000)
  expect([dan.text, openOn(hubs, near)]).toEqual(['x'.repeat(10), [1]])
})

test('a client that went away while it joined leaves nothing behind', async () => {
  const hubs = makeHubs()
  const { near, gate, air } = hubs
  gate.hold('states', 'before')
  const gone = new Reader('gone', 0)
  let isAbandoned = false
  const joining = near.documents.join({
    id: ID,
    creation: 'may',
    initial: new Uint8Array(),
    offset: 0,
    sink: gone,
    outlet: gone.outlet,
    isAbandoned: () => isAbandoned,
  })
  await pass()
  isAbandoned = true
  gate.open()
  expect(await joining).toEqual({ kind: 'abandoned' })
  await pass()
  expect([openOn(hubs, near), near.hub.size, air.channels().size]).toEqual([[], 0, 0])
})

test('a join that fails leaves nothing behind', async () => {
  const hubs = makeHubs()
  const { near, join, presence, air } = hubs
  presence.failNext('enter', 'rejected')
  const joining = join(near, ID).catch((error: unknown) => String(error))
  await pass(1_000)
  // The node was not taken for dead after all: the next try lets it in.
  expect(await joining).toBeInstanceOf(Reader)
  presence.locked.add(1)
  leave(near, near.readers[0]!)
  await pass()
  const stuck = join(near, ID).catch((error: unknown) => String(error))
  await pass(30_000)
  expect(await stuck).toMatch('locked')
  expect([near.hub.size, air.channels().size]).toEqual([0, 0])
})

test('a deleted document ends its sessions on every node', async () => {
  const { near, far, join, store } = makeHubs()
  const readers = [await join(near, ID), await join(near, ID), await join(far, ID)]
  const other = await join(far, 'zwibbler/other')
  near.documents.deleted((await store.remove(ID))!)
  await pass()
  expect(readers.map(({ ended }) => ended)).toEqual(['deleted', 'deleted', 'deleted'])
  expect(other.ended).toBeUndefined()
})

test('[I5] a deletion that was not heard of is seen by the sweep', async () => {
  const { near, far, join, store, air } = makeHubs()
  const ann = await join(far, ID)
  air.weather.isSilent = true
  near.documents.deleted((await store.remove(ID))!)
  await pass()
  expect(ann.ended).toBeUndefined()
  await far.hub.verify([...far.hub.all()], 'sweep')
  expect(ann.ended).toBe('deleted')
})

test('[I1] a document made again under the same id is another one', async () => {
  const { near, far, join, store, air } = makeHubs()
  const ann = await join(near, ID, { initial: 'old' })
  air.weather.isSilent = true
  await store.remove(ID)
  const bob = await join(far, ID, { initial: 'new one' })
  await pass()
  append(near, ann, 3, 'x')
  await pass()
  expect(ann.answers).toEqual([{ kind: 'missing' }])
  const cleo = await join(near, ID)
  expect([cleo.text, bob.from]).toEqual(['new one', 7])
  expect(ann.ended).toBe('deleted')
})

test('a document that vanishes between opening and following is opened once more', async () => {
  const { near, gate, store, join } = makeHubs()
  await join(near, ID, { initial: 'old' })
  leave(near, near.readers[0]!)
  await pass()
  gate.hold('open', 'after')
  const joining = join(near, ID, { initial: 'new' })
  await pass()
  await store.remove(ID)
  gate.open()
  const ann = await joining
  expect(ann.from).toBe(3)
})

test('a database that went back ends the sessions, so that they join again', async () => {
  const { near, join, store } = makeHubs()
  const ann = await join(near, ID)
  append(near, ann, 0, 'one')
  await pass()
  append(near, ann, 3, 'two')
  await pass()
  store.goBack(1, 3)
  await near.hub.verify([...near.hub.all()], 'sweep')
  expect(ann.ended).toBe('restored')
  const again = await join(near, ID)
  expect(again.text).toBe('one')
})

test('[I1] bytes of a log that went back are not given from memory', async () => {
  const { near, join, store } = makeHubs()
  const ann = await join(near, ID, { initial: 'hello' })
  await join(near, ID) // reads a page
  append(near, ann, 5, 'lost')
  await pass()
  await join(near, ID)
  store.goBack(1, 5)
  await near.hub.verify([...near.hub.all()], 'sweep')
  const bob = await join(near, ID)
  append(near, bob, 5, 'other')
  await pass()
  expect((await join(near, ID)).text).toBe('helloother')
})

test('a frame that this release cannot read makes the node look', async () => {
  const { near, far, join, air, store } = makeHubs()
  const ann = await join(far, ID)
  await store.append([{ epoch: 1, expected: 0, chunks: [{ id: 1, data: Buffer.from('x') }] }], true)
  const bus = air.bus()
  bus.publish('{1}', Buffer.from([9, 9, 9]))
  await pass(20)
  expect(ann.text).toBe('x')
  expect(near.hub.size).toBe(0)
})

test('a conflict tells a node of bytes that it has not heard of', async () => {
  const { near, far, join, air } = makeHubs()
  const [ann, cleo] = [await join(near, ID), await join(far, ID)]
  air.weather.isSilent = true
  append(near, ann, 0, 'quiet')
  await pass()
  append(far, cleo, 0, 'other')
  await pass(20)
  expect(cleo.answers).toEqual([{ kind: 'conflict', length: 5 }])
  expect(cleo.text).toBe('quiet')
})

test('where entries wait for company, own ones and those of other nodes arrive as one, none later than that', async () => {
  const { near, far, join } = makeHubs()
  const bob = await join(far, ID)
  await join(near, ID)
  const [here, there] = [far.hub.find(ID)!, near.hub.find(ID)!]
  here.gathering = () => 20
  const add = (node: TestNode, text: string) =>
    node.documents.add(node === far ? here : there, Buffer.from(text), () => undefined)
  add(near, 'first ')
  await pass()
  expect(bob.text, 'the first one does not wait').toBe('first ')
  add(near, 'theirs ')
  await pass()
  add(far, 'own ')
  await pass(15)
  expect(bob.text).toBe('first ')
  await pass(5)
  expect(bob.text).toBe('first theirs own ')
  expect(far.tally.count('delivered'), 'messages').toBe(2)
  await pass(20)
  add(far, 'last')
  await pass()
  expect(bob.text, 'nothing came for a while').toBe('first theirs own last')
})
