import { expect, test } from 'vitest'
import { StoreError } from '../../src/core/errors.ts'
import type { DocumentStore } from '../../src/core/ports.ts'
import { makeRandom } from '../support/random.ts'
import { pass } from './support/time.ts'
import { append, makeWorld, read, say, setKey, stall, type WorldOptions } from './support/world.ts'

const ID = 'zwibbler/board'
const KIB = 1024

/** One node, whose store answers in the next turn. */
function makeRoom(options: Partial<WorldOptions> = {}) {
  const world = makeWorld({ random: makeRandom(1), isSlow: false, ...options })
  return { ...world, node: world.nodes[0]! }
}

test('whoever joins gets all there is from the offset it has, and what is appended from then on', async () => {
  const { node, join } = makeRoom()
  const ann = await join(node, ID, { initial: 'hello' })
  expect([ann.from, ann.text]).toEqual([5, ''])
  const bob = await join(node, ID, { offset: 2 })
  expect([bob.from, bob.text]).toEqual([2, 'llo'])
  append(node, ann, 5, ' world')
  await pass()
  expect(bob.text).toBe('llo world')
  expect(ann.answers).toEqual([{ kind: 'stored', length: 11 }])
})

test('[I1] nobody is given its own bytes: they are its acknowledgement', async () => {
  const { node, join } = makeRoom()
  const [ann, bob] = [await join(node, ID), await join(node, ID)]
  append(node, ann, 0, 'a')
  append(node, ann, 1, 'b')
  append(node, bob, 2, 'c')
  await pass()
  // The reader itself checks that what it is given begins where it stands.
  expect([ann.text, bob.text, ann.failure, bob.failure]).toEqual([
    'abc',
    'abc',
    undefined,
    undefined,
  ])
})

test('[I1] an acknowledgement leaves after the bytes in front of it, also when they come late', async () => {
  const { node, nodes, join, air } = makeRoom({ nodes: 2 })
  const [near, far] = [await join(node, ID), await join(nodes[1]!, ID)]
  air.weather.isSilent = true
  append(nodes[1]!, far, 0, 'far')
  await pass()
  append(node, near, 3, 'near')
  await pass()
  expect(near.text).toBe('')
  await pass(20)
  expect(near.text).toBe('farnear')
  expect(near.failure).toBeUndefined()
})

test('a refusal from memory does not overtake an earlier acknowledgement', async () => {
  const { node, join, faults } = makeRoom()
  const ann = await join(node, ID, { initial: 'hello' })
  const release = faults.hold()
  append(node, ann, 5, '!')
  await pass()
  append(node, ann, 1, 'stale')
  setKey(node, ann, key('k', 9, 10))
  await pass(10)
  expect(ann.answers).toEqual([])
  expect(ann.keyAnswers.size).toBe(0)
  release()
  await pass(10)
  expect(ann.answers).toMatchObject([
    { kind: 'stored', length: 6 },
    { kind: 'conflict', length: 6 },
  ])
  expect([...ann.keyAnswers]).toEqual([[1, false]])
  expect(ann.failure).toBeUndefined()
})

test('an append behind a key set that takes long is acknowledged behind its answer, and others are not kept waiting', async () => {
  const gate = makeGate()
  const { node, join } = makeRoom({
    around: (store) => ({ ...store, setKeys: gate.behind((...sets) => store.setKeys(...sets)) }),
  })
  const [ann, bob] = [await join(node, ID), await join(node, ID)]
  setKey(node, ann, key('k', 0, 1))
  append(node, ann, 0, 'a')
  await pass(10)
  append(node, bob, 1, 'b')
  await pass(10)
  expect(bob.text).toBe('ab')
  expect(ann.text).toBe('')
  gate.open()
  await pass(10)
  expect(ann.text).toBe('ab')
  expect([ann.keyAnswers.get(1), ann.failure]).toEqual([true, undefined])
})

test('[I6] a slow reader is paused and caught up from the log on the same connection', async () => {
  const { node, join, tally, log } = withTally(makeRoom())
  const [ann, bob] = [await join(node, ID), await join(node, ID, { room: 10 * KIB })]
  stall(bob)
  for (let i = 0; i < 100; i += 1) {
    append(node, ann, i * KIB, 'x'.repeat(KIB))
    await pass()
  }
  expect(bob.outlet.most).toBeLessThan(12 * KIB)
  expect(bob.session?.state).toBe('paused')
  expect(tally.count('paused')).toBe(1)
  read(bob)
  await pass(10)
  expect(bob.text).toBe(await log(ID))
  expect([bob.session?.state, bob.ended, bob.failure]).toEqual(['live', undefined, undefined])
})

test('[I6] also what comes in one turn of the event loop is given to a slow reader in portions', async () => {
  const { node, join, log } = makeRoom()
  const [ann, bob] = [await join(node, ID), await join(node, ID, { room: 64 * KIB })]
  stall(bob)
  for (let i = 0; i < 25; i += 1) append(node, ann, i * 40 * KIB, 'x'.repeat(40 * KIB))
  await pass(10)
  expect(bob.outlet.most).toBeLessThan(256 * KIB)
  while (bob.position < 1_000 * KIB) {
    read(bob)
    stall(bob)
    await pass()
  }
  expect(bob.outlet.most).toBeLessThan(256 * KIB)
  expect(bob.text).toBe(await log(ID))
})

test('[I6] a huge document is never held whole for a join', async () => {
  const { node, join } = makeRoom()
  const size = 4 * KIB * KIB
  await join(node, ID, { initial: 'y'.repeat(size) })
  const joining = join(node, ID, { room: 64 * KIB })
  await pass()
  const bob = node.readers.at(-1)!
  stall(bob)
  await joining
  while (bob.text.length < size) {
    read(bob)
    stall(bob)
    await pass()
  }
  expect(bob.outlet.most).toBeLessThanOrEqual(192 * KIB)
  expect(bob.failure).toBeUndefined()
})

test('[I6] whoever asks and never reads is paused by the answers, and in the end asks too much', async () => {
  const { node, join, tally } = withTally(makeRoom())
  const ann = await join(node, ID, { initial: 'hello', room: 1_000 })
  stall(ann)
  let isTaken = true
  for (let asked = 0; isTaken && asked < 5_000; asked += 1) {
    isTaken = append(node, ann, 0, '?')
    await pass()
  }
  expect(isTaken).toBe(false)
  expect(ann.outlet.most).toBeLessThan(1_100)
  expect(tally.count('limit', 'MAX_UNANSWERED')).toBe(1)
})

test('[I6] at most so many bytes of appends wait for their answers, but for one append that is larger itself', async () => {
  const { node, join, faults } = makeRoom({ limits: { unansweredBytes: 100 } })
  const ann = await join(node, ID)
  faults.hold()
  expect(append(node, ann, 0, 'x'.repeat(200))).toBe(true)
  expect(append(node, ann, 200, 'x')).toBe(false)
})

test('to a paused session ephemeral messages are dropped but the last of each sender', async () => {
  const { node, join } = makeRoom()
  const [ann, bob, eve] = [
    await join(node, ID),
    await join(node, ID),
    await join(node, ID, { room: 0 }),
  ]
  stall(eve)
  append(node, ann, 0, 'x')
  await pass()
  for (let i = 0; i < 10; i += 1) {
    say(node, ann, `ann ${i}`)
    say(node, bob, `bob ${i}`)
    await pass()
  }
  expect(eve.heard).toEqual([])
  read(eve)
  await pass()
  expect(eve.heard.sort()).toEqual(['ann 9', 'bob 9'])
  expect(bob.heard).toHaveLength(10)
})

test('while Postgres is away a session is only behind; it goes on when Postgres is back', async () => {
  let isAway = false
  const { node, join, log } = makeRoom({
    around: (store) => ({
      ...store,
      read: (...range) =>
        isAway ? Promise.reject(new StoreError('away', 'gone')) : store.read(...range),
    }),
  })
  const [ann, bob] = [await join(node, ID), await join(node, ID, { room: 10 })]
  stall(bob)
  for (let i = 0; i < 5; i += 1) {
    append(node, ann, i * KIB, 'x'.repeat(KIB))
    await pass()
  }
  isAway = true
  read(bob)
  await pass(2_000)
  expect(bob.session?.state).toBe('behind')
  isAway = false
  await pass(500)
  expect(bob.text).toBe(await log(ID))
})

test('[I1] a log with a hole ends the session: nothing treats it as the end', async () => {
  const { node, join, store } = makeRoom()
  const ann = await join(node, ID)
  for (let i = 0; i < 3; i += 1) {
    append(node, ann, i, 'x')
    await pass()
  }
  store.loseRow(1, 1)
  const bob = await join(node, ID, { offset: 0 })
  await pass(5_000)
  expect([bob.text, bob.ended]).toEqual(['', 'broken'])
  expect(ann.ended).toBeUndefined()
})

test('[I4] an append whose fate is unknown closes its session without an answer', async () => {
  const { node, join, faults } = makeRoom()
  const ann = await join(node, ID)
  faults.failNext('lost', { afterCommit: true })
  faults.failNext('away', { times: 1_000 })
  append(node, ann, 0, 'x')
  await pass(15_000)
  expect([ann.ended, ann.answers]).toEqual(['unknown', []])
})

test('an append that certainly was not stored closes its session, too, saying so', async () => {
  const { node, join, faults } = makeRoom()
  const ann = await join(node, ID)
  faults.failNext('away', { times: 1_000 })
  append(node, ann, 0, 'x')
  await pass(15_000)
  expect([ann.ended, ann.answers]).toEqual(['unavailable', []])
})

function withTally<R extends ReturnType<typeof makeRoom>>(room: R) {
  return { ...room, tally: room.node.tally }
}

function key(name: string, oldVersion: number, version: number) {
  return { name, lifetime: 'document' as const, oldVersion, version, value: 'v' }
}

/** Calls wait until it opens. */
function makeGate() {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return {
    open: (): void => open(),
    behind:
      (work: DocumentStore['setKeys']): DocumentStore['setKeys'] =>
      async (...args) => {
        await opened
        return await work(...args)
      },
  }
}
