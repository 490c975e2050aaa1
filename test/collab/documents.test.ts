import { expect, test } from 'vitest'
import { StoreError } from '../../src/core/errors.ts'
import type { Creation, DocumentStore } from '../../src/core/ports.ts'
import { makeRandom } from '../support/random.ts'
import { makeGate } from './support/gate.ts'
import { Reader } from './support/reader.ts'
import { pass } from './support/time.ts'
import {
  append,
  leave,
  makeWorld,
  setKey,
  type TestNode,
  type WorldOptions,
} from './support/world.ts'

const ID = 'zwibbler/board'

function makeTwo(options: Partial<WorldOptions> = {}) {
  const world = makeWorld({ random: makeRandom(1), isSlow: false, nodes: 2, ...options })
  const [near, far] = world.nodes as [TestNode, TestNode]
  return { ...world, near, far }
}

test.each<[Creation, 'there' | 'missing', string]>([
  ['may', 'missing', 'created'],
  ['may', 'there', 'joined'],
  ['never', 'missing', 'missing'],
  ['never', 'there', 'joined'],
  ['must', 'missing', 'created'],
  ['must', 'there', 'exists'],
])('creation "%s" of a document that is %s: %s (zwibbler 6)', async (creation, state, outcome) => {
  const { near, far, join } = makeTwo()
  if (state === 'there') await join(far, ID, { initial: 'theirs' })
  const reader = await join(near, ID, { creation, initial: 'mine' }).catch(
    (error: unknown) => (error as Error).message,
  )
  if (!(reader instanceof Reader)) expect(reader).toBe(`not let in: ${outcome}`)
  else expect([reader.from, reader.text]).toEqual(outcome === 'created' ? [4, ''] : [0, 'theirs'])
})

test('"must" is refused also where the document is followed already', async () => {
  const { near, join } = makeTwo()
  await join(near, ID)
  await expect(join(near, ID, { creation: 'must' })).rejects.toThrow('exists')
})

test('an offset beyond the end is refused, on whatever node; exactly the end is not', async () => {
  const { near, far, join } = makeTwo()
  await join(near, ID, { initial: 'hello' })
  for (const node of [near, far]) {
    await expect(join(node, ID, { offset: 6 })).rejects.toThrow('invalid-offset')
    expect((await join(node, ID, { offset: 5 })).position).toBe(5)
  }
})

test('[I1] whoever has just heard of an append on one node can join with its length on another', async () => {
  const { near, far, join, air } = makeTwo()
  const [ann] = [await join(near, ID), await join(far, ID)]
  air.weather.isSilent = true
  append(near, ann, 0, 'hello')
  await pass()
  const bob = await join(far, ID, { offset: 5 })
  expect(bob.position).toBe(5)
  expect((await join(far, ID)).text).toBe('hello')
})

test('[I4] a creation whose statement was lost after its commit is the same creation when it is repeated', async () => {
  const lost = losing('open')
  const { near, join } = makeTwo({ around: lost.around })
  lost.next()
  const ann = await join(near, ID, { creation: 'must', initial: 'hello' })
  expect([ann.from, ann.text]).toEqual([5, ''])
})

test('[I1] whoever created a document gets what others added before it was told so', async () => {
  const lost = losing('open')
  const { near, far, join, store } = makeTwo({ around: lost.around })
  lost.next(async () => {
    const chunks = [{ id: 1, data: Buffer.from(' world') }]
    await store.append([{ epoch: 1, expected: 5, chunks }], true)
  })
  const ann = await join(near, ID, { initial: 'hello' })
  await pass()
  expect([ann.from, ann.text]).toEqual([5, ' world'])
  expect(far.errors).toEqual([])
})

test('[I3] of any number of creations at one moment one wins, and the others join', async () => {
  const { near, far, join } = makeTwo({ isSlow: true })
  const joins = Array.from({ length: 10 }, (_, i) =>
    join(i % 2 === 0 ? near : far, ID, { initial: `${i}` }),
  )
  const readers = await Promise.all(joins)
  await pass()
  const created = readers.filter(({ from }) => from === 1)
  expect(created).toHaveLength(1)
  const rest = readers.filter(({ from }) => from === 0)
  expect(new Set(rest.map(({ text }) => text)).size).toBe(1)
})

test('a short absence of Postgres does not fail a join; a long one does', async () => {
  let isAway = true
  const { near, join } = makeTwo({
    around: (store) => ({
      ...store,
      open: (request) =>
        isAway ? Promise.reject(new StoreError('away', 'gone')) : store.open(request),
    }),
  })
  const joining = join(near, ID)
  await pass(1_000)
  isAway = false
  expect((await joining).position).toBe(0)
  leave(near, near.readers[0]!)
  await pass()
  isAway = true
  const failing = expect(join(near, ID)).rejects.toMatchObject({ code: 'away' })
  await pass(8_000)
  await failing
})

test('a large append is only announced to other nodes, which read it', async () => {
  const { near, far, join } = makeTwo()
  const [ann, cleo] = [await join(near, ID), await join(far, ID)]
  const text = 'x'.repeat(100_000)
  append(near, ann, 0, text)
  await pass(10)
  expect(cleo.text).toBe(text)
  expect(far.tally.count('page', 'store')).toBe(1)
  append(near, ann, 100_000, 'small')
  await pass(10)
  expect(cleo.text).toBe(`${text}small`)
  expect(far.tally.count('page', 'store'), 'from the frame itself').toBe(1)
})

test('whoever may not write is told so where the length is right, and the length where it is not', async () => {
  const { near, far, join, log } = makeTwo()
  const [ann, cleo] = [await join(near, ID, { initial: 'hello' }), await join(far, ID)]
  for (const offset of [5, 3, 9]) {
    ann.asksAppend(offset, 'no')
    near.documents.append(ann.session!, offset, Buffer.from('no'), false)
  }
  await pass()
  expect(ann.answers).toMatchObject([
    { kind: 'denied', length: 5 },
    { kind: 'conflict', length: 5 },
    { kind: 'conflict', length: 5 },
  ])
  expect([await log(ID), cleo.text]).toEqual(['hello', 'hello'])
})

test('an empty append is acknowledged and told to the others, on every node', async () => {
  const { near, far, join } = makeTwo()
  const empties: string[] = []
  const [ann, bob, cleo] = [
    await join(near, ID, { initial: 'hello' }),
    await join(near, ID),
    await join(far, ID),
  ]
  for (const reader of [bob, cleo]) {
    const tell = reader.append.bind(reader)
    reader.append = (entry) => {
      if (entry.size === 0) empties.push(`${reader.name} at ${entry.offset}`)
      tell(entry)
    }
  }
  append(near, ann, 5, '')
  await pass()
  expect(ann.answers).toEqual([{ kind: 'stored', length: 5 }])
  expect(empties.sort()).toEqual([`${bob.name} at 5`, `${cleo.name} at 5`])
})

test('[I6] a session may leave so many requests unanswered, keys among them', async () => {
  const gate = makeGate()
  const { near, join } = makeTwo({ around: gate.around, limits: { unanswered: 3 } })
  const ann = await join(near, ID)
  gate.hold('append', 'before')
  gate.hold('setKeys', 'before')
  expect(append(near, ann, 0, 'a')).toBe(true)
  setKey(near, ann, { name: 'k', lifetime: 'document', oldVersion: 0, version: 1, value: '' })
  expect(append(near, ann, 1, 'b')).toBe(true)
  expect(append(near, ann, 2, 'c')).toBe(false)
  gate.open()
  await pass(10)
  expect(append(near, ann, 2, 'c')).toBe(true)
  await pass()
  expect(ann.text).toBe('abc')
})

test('[I6] a document has so many keys and so many bytes of them; more are refused', async () => {
  const { near, join, store } = makeTwo({ limits: { keys: 2, keyBytes: 20 } })
  const ann = await join(near, ID)
  const answers: (boolean | undefined)[] = []
  async function set(name: string, oldVersion: number, value: string): Promise<void> {
    const wish = { name, lifetime: 'document' as const, oldVersion, version: oldVersion + 1, value }
    const tag = setKey(near, ann, wish)
    await pass()
    answers.push(ann.keyAnswers.get(tag))
  }
  await set('a', 0, '12345')
  await set('b', 0, '12345')
  await set('c', 0, '') // a third one
  await set('a', 1, '1234567890123') // 20 bytes in all
  await set('b', 1, '123456') // 21
  expect(answers).toEqual([true, true, false, true, false])
  expect((await store.keys(1)).keys).toHaveLength(2)
})

/** Loses what a method answers, once, after it has been done. */
function losing(method: keyof DocumentStore) {
  let isNext = false
  let before: (() => Promise<void>) | undefined
  const around = (store: DocumentStore): DocumentStore =>
    new Proxy(store, {
      get(target, name: keyof DocumentStore) {
        const work = target[name].bind(target) as (...args: unknown[]) => Promise<unknown>
        if (name !== method) return work
        return async (...args: unknown[]) => {
          const answer = await work(...args)
          if (!isNext) return answer
          isNext = false
          await before?.()
          throw new StoreError('lost', 'as the test wants it')
        }
      },
    })
  return {
    around,
    next: (meanwhile?: () => Promise<void>): void => {
      isNext = true
      before = meanwhile
    },
  }
}
