import { expect, test } from 'vitest'
import { makeRandom } from '../support/random.ts'
import { makeGate } from './support/gate.ts'
import type { AskedKey, Reader } from './support/reader.ts'
import { pass } from './support/time.ts'
import {
  append,
  leave,
  makeWorld,
  read,
  setKey,
  stall,
  type TestNode,
  type WorldOptions,
} from './support/world.ts'

const ID = 'zwibbler/board'

/** Two nodes; Ann and Bob on the first, Cleo on the second. */
async function makeParty(options: Partial<WorldOptions> = {}) {
  const world = makeWorld({ random: makeRandom(1), isSlow: false, nodes: 2, ...options })
  const [near, far] = world.nodes as [TestNode, TestNode]
  const [ann, bob] = [await world.join(near, ID), await world.join(near, ID)]
  return { ...world, near, far, ann, bob, cleo: await world.join(far, ID) }
}

function key(name: string, from: number, to: number, value = 'v'): AskedKey {
  return { name, lifetime: 'document', oldVersion: from, version: to, value }
}

const pointer = (name: string, from: number, to: number, value = 'v'): AskedKey => ({
  ...key(name, from, to, value),
  lifetime: 'session',
})

const seen = (reader: Reader, name: string): string | undefined => {
  const view = reader.view.get(name)
  return view && `${view.version} ${view.removed ? '(removed)' : view.value}`
}

test('a key that is set is told to all others on every node, and to its setter as an answer', async () => {
  const { near, ann, bob, cleo } = await makeParty()
  const tag = setKey(near, ann, key('page', 0, 1, 'one'))
  await pass()
  expect(ann.keyAnswers.get(tag)).toBe(true)
  expect([bob, cleo].map((reader) => seen(reader, 'page'))).toEqual(['1 one', '1 one'])
  expect(ann.told).toEqual([])
})

test('a set with the wrong version is refused, and nobody is told', async () => {
  const { near, far, ann, bob, cleo } = await makeParty()
  setKey(near, ann, key('page', 0, 1, 'one'))
  await pass()
  const late = setKey(near, bob, key('page', 0, 1, 'other'))
  const far1 = setKey(far, cleo, key('page', 5, 6, 'other'))
  await pass()
  expect([bob.keyAnswers.get(late), cleo.keyAnswers.get(far1)]).toEqual([false, false])
  expect(ann.told).toEqual([])
})

test('of equal versions only a refusal is answered', async () => {
  const { near, ann, bob } = await makeParty()
  setKey(near, ann, pointer('cursor', 0, 1))
  await pass()
  const stored = setKey(near, ann, pointer('cursor', 1, 1, 'moved'))
  const refused = setKey(near, ann, pointer('other', 4, 4, 'never'))
  await pass()
  expect([ann.keyAnswers.has(stored), ann.keyAnswers.get(refused)]).toEqual([false, false])
  expect(seen(bob, 'cursor')).toBe('1 moved')
  expect([ann.session?.unanswered.requests, ann.failure]).toEqual([0, undefined])
})

test('of a pointer that moves faster than statements go, the last place counts', async () => {
  const gate = makeGate()
  const { near, ann, bob, cleo } = await makeParty({ around: gate.around })
  setKey(near, ann, pointer('cursor', 0, 1, 'start'))
  await pass()
  gate.hold('setKeys', 'before')
  for (let i = 0; i < 200; i += 1) setKey(near, ann, pointer('cursor', 1, 1, `at ${i}`))
  await pass(10)
  expect(ann.session?.unanswered.requests).toBeLessThanOrEqual(2)
  gate.open()
  await pass(10)
  expect([bob, cleo].map((reader) => seen(reader, 'cursor'))).toEqual(['1 at 199', '1 at 199'])
})

test('whoever leaves takes its session keys along: each is told once more, a version further and empty', async () => {
  const { near, ann, bob, cleo } = await makeParty()
  setKey(near, ann, pointer('cursor', 0, 7, 'here'))
  setKey(near, ann, pointer('zero', 0, 0, 'x'))
  setKey(near, ann, key('page', 0, 1, 'stays'))
  await pass()
  leave(near, ann)
  await pass()
  for (const reader of [bob, cleo]) {
    expect(seen(reader, 'cursor')).toBe('8 (removed)')
    expect(seen(reader, 'zero')).toBe('1 (removed)')
    expect(seen(reader, 'page')).toBe('1 stays')
  }
})

test('a session key belongs to whoever set it last', async () => {
  const { near, ann, bob, cleo } = await makeParty()
  setKey(near, ann, pointer('lock', 0, 1, 'ann'))
  await pass()
  setKey(near, bob, pointer('lock', 1, 2, 'bob'))
  await pass()
  leave(near, ann)
  await pass()
  expect(seen(cleo, 'lock')).toBe('2 bob')
  leave(near, bob)
  await pass()
  expect(seen(cleo, 'lock')).toBe('3 (removed)')
})

test('a set that is still on its way when its session leaves leaves no key behind', async () => {
  const gate = makeGate()
  const { near, ann, bob, store } = await makeParty({ around: gate.around })
  gate.hold('setKeys', 'after')
  setKey(near, ann, pointer('cursor', 0, 1))
  await pass()
  leave(near, ann)
  await pass()
  gate.open()
  await pass(10)
  expect((await store.keys(1)).keys).toEqual([])
  expect(seen(bob, 'cursor') ?? '2 (removed)').toBe('2 (removed)')
})

test('whoever joins is told of all keys after the first message, session keys first', async () => {
  const { near, far, ann, join } = await makeParty()
  setKey(near, ann, key('page', 0, 1, 'one'))
  setKey(near, ann, pointer('cursor', 0, 1, 'here'))
  await pass()
  for (const node of [near, far]) {
    const dan = await join(node, ID)
    await pass()
    expect(dan.told).toEqual([['cursor', 'page']])
  }
})

test('a paused session is owed only the last value of each key', async () => {
  const { near, ann, bob, join } = await makeParty()
  const eve = await join(near, ID, { room: 0 })
  stall(eve)
  append(near, ann, 0, 'x')
  await pass()
  expect(eve.session?.state).toBe('paused')
  for (let i = 0; i < 20; i += 1) {
    setKey(near, ann, key('page', i, i + 1, `page ${i + 1}`))
    setKey(near, bob, pointer('cursor', i, i + 1, `cursor ${i + 1}`))
    await pass()
  }
  expect(eve.told).toEqual([])
  read(eve)
  await pass()
  expect(eve.told).toEqual([['page', 'cursor']])
  expect([seen(eve, 'page'), seen(eve, 'cursor')]).toEqual(['20 page 20', '20 cursor 20'])
})

test('a paused session is told the last value also where versions went back', async () => {
  const { near, ann, bob, join } = await makeParty()
  const eve = await join(near, ID, { room: 0 })
  stall(eve)
  append(near, ann, 0, 'x')
  await pass()
  setKey(near, ann, key('page', 0, 9, 'old'))
  setKey(near, bob, pointer('cursor', 0, 9, 'old'))
  await pass()
  setKey(near, ann, key('page', 9, 3, 'new'))
  leave(near, bob)
  await pass()
  setKey(near, ann, pointer('cursor', 0, 1, 'new'))
  await pass()
  read(eve)
  await pass()
  expect([seen(eve, 'page'), seen(eve, 'cursor')]).toEqual(['3 new', '1 new'])
})

test('after its own set a session is not told what others had set before', async () => {
  const gate = makeGate()
  const { near, ann, bob, cleo, join } = await makeParty({ around: gate.around })
  const eve = await join(near, ID, { room: 0 })
  stall(eve)
  append(near, bob, 0, 'x')
  await pass()
  setKey(near, bob, key('page', 0, 1, 'bob'))
  await pass()
  setKey(near, eve, key('page', 1, 2, 'eve'))
  await pass()
  read(eve)
  await pass()
  expect([eve.told, seen(eve, 'page')]).toEqual([[], '2 eve'])
  // And within one statement, while another one is in flight.
  gate.hold('setKeys', 'before')
  setKey(near, ann, key('other', 7, 8))
  await pass()
  setKey(near, bob, key('lock', 0, 1, 'bob'))
  setKey(near, eve, key('lock', 1, 2, 'eve'))
  gate.open()
  await pass(10)
  expect([eve.told, seen(eve, 'lock')]).toEqual([[], '2 eve'])
  expect(seen(cleo, 'lock')).toBe('2 eve')
})

test('[I5] a change whose frame is lost is read when the next one does not fit', async () => {
  const { near, ann, cleo, air } = await makeParty()
  air.weather.isSilent = true
  setKey(near, ann, key('a', 0, 1))
  await pass()
  air.weather.isSilent = false
  setKey(near, ann, key('b', 0, 1))
  await pass()
  expect([seen(cleo, 'a'), seen(cleo, 'b')]).toEqual(['1 v', '1 v'])
})

test('a change that had to be read because another was missed is not told to who made it', async () => {
  const { near, far, ann, bob, cleo, air } = await makeParty()
  air.weather.isSilent = true
  setKey(far, cleo, key('missed', 0, 1))
  await pass()
  air.weather.isSilent = false
  setKey(near, ann, key('page', 0, 1))
  setKey(near, ann, pointer('cursor', 0, 1))
  await pass(10)
  expect(ann.told).toEqual([['missed']])
  expect(['missed', 'page', 'cursor'].map((name) => seen(bob, name))).toEqual(['1 v', '1 v', '1 v'])
  setKey(far, cleo, key('page', 1, 2))
  await pass()
  expect(seen(ann, 'page')).toBe('2 v')
})

test('[I5] the sweep finds lost changes, removals among them', async () => {
  const { near, far, ann, cleo, air } = await makeParty()
  setKey(near, ann, pointer('cursor', 0, 1))
  await pass()
  air.weather.isSilent = true
  setKey(near, ann, key('page', 0, 1))
  await pass()
  leave(near, ann)
  await pass()
  void far.hub.verify([...far.hub.all()], 'sweep')
  await pass()
  expect([seen(cleo, 'page'), seen(cleo, 'cursor')]).toEqual(['1 v', '2 (removed)'])
})

test('[I5] a change heard while the keys are being read again is not missed', async () => {
  const gate = makeGate()
  const { near, ann, cleo, air } = await makeParty({ around: gate.around })
  air.weather.isSilent = true
  setKey(near, ann, key('a', 0, 1))
  await pass()
  air.weather.isSilent = false
  gate.hold('keys', 'after')
  setKey(near, ann, key('b', 0, 1)) // does not fit: the keys are read …
  await pass()
  setKey(near, ann, key('c', 0, 1)) // … and this comes before the answer, which does not have it
  await pass()
  gate.open()
  await pass(10)
  expect(['a', 'b', 'c'].map((name) => seen(cleo, name))).toEqual(['1 v', '1 v', '1 v'])
})

test('[I1] a change heard between subscribing and reading is not missed', async () => {
  const gate = makeGate()
  const { near, far, ann, cleo, join } = await makeParty({ around: gate.around })
  leave(far, cleo)
  await pass(10)
  gate.hold('states', 'after')
  const joining = join(far, ID)
  await pass()
  setKey(near, ann, key('page', 0, 1))
  await pass()
  gate.open()
  const dan = await joining
  await pass(10)
  expect(seen(dan, 'page')).toBe('1 v')
})
