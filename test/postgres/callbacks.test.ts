import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { makeCallbackStore, noteDeserted } from '../../src/postgres/callbacks.ts'
import type { CallbackStore } from '../../src/core/callbacks.ts'
import type { Query } from '../../src/postgres/pool.ts'
import { makeMigrated } from '../auth/support.ts'
import type { Migrated } from '../auth/support.ts'

let database: Migrated
let store: CallbackStore
beforeAll(async () => {
  database = await makeMigrated()
  store = makeCallbackStore(database.lane)
})
afterAll(() => database[Symbol.asyncDispose]())
beforeEach(() => sql('delete from documents'))

const sql = (text: string, values: readonly unknown[] = []): ReturnType<Query> =>
  database.lane.query({ name: '', text }, values)

async function makeRoom(name: string, length = 1): Promise<number> {
  const [row] = await sql(`insert into documents (id, length) values ($1, $2) returning key`, [
    `yjs/${name}`,
    length,
  ])
  return row![0] as number
}
const grow = (epoch: number, by = 1) =>
  sql(`update documents set length = length + $2 where key = $1`, [epoch, by])

const waits = { quietMs: 1_000, mostMs: 3_000 }
/** As of a change that was made so long ago. */
const note = (epoch: number, ageMs: number) => store.note([{ epoch, ageMs }], waits)
const claim = () => store.claim(10, 60_000)

async function dueInMs(epoch: number): Promise<number | null> {
  const [row] = await sql(
    `select (extract(epoch from due_at - now()) * 1000)::float8 from yjs_callbacks where key = $1`,
    [epoch],
  )
  return row![0] as number | null
}

test('[yjs 9] a room is due when it has been quiet, and is claimed by one node, however many ask', async () => {
  const rooms = await Promise.all(Array.from({ length: 20 }, (_, n) => makeRoom(`quiet ${n}`)))
  const busy = await makeRoom('busy')
  await store.note(
    rooms.map((epoch) => ({ epoch, ageMs: 1_001 })),
    waits,
  )
  await note(busy, 0)
  const claims = await Promise.all(Array.from({ length: 6 }, () => store.claim(5, 60_000)))
  const claimed = claims.flat().map(({ epoch }) => epoch)
  expect(new Set(claimed).size).toBe(claimed.length)
  const rest = await store.claim(20, 60_000)
  expect([...claimed, ...rest.map(({ epoch }) => epoch)].sort()).toEqual([...rooms].sort())
  expect(rest.every(({ attempt }) => attempt === 1)).toBe(true)
  expect(await claim()).toEqual([])
})

test('[yjs 9] further changes put it off, but not for ever', async () => {
  const epoch = await makeRoom('written in')
  await note(epoch, 2_500)
  for (const ageMs of [100, 0]) {
    await grow(epoch)
    await note(epoch, ageMs)
  }
  const most = await dueInMs(epoch)
  expect(most).toBeGreaterThan(200)
  expect(most).toBeLessThanOrEqual(500)
  await sql(`update yjs_callbacks set since = now()`)
  await grow(epoch)
  await note(epoch, 0)
  expect(await dueInMs(epoch)).toBeGreaterThan(800)
})

test('[yjs 9] what was told of is not told again, whoever notes it', async () => {
  const epoch = await makeRoom('told', 10)
  await note(epoch, 1_001)
  const [callback] = await claim()
  expect(callback).toEqual({ epoch, documentId: 'yjs/told', length: 10, attempt: 1 })
  await store.told(callback!, waits)
  await note(epoch, 1_001)
  await noteDeserted(
    (statement, values) => database.lane.query(statement, values),
    ['yjs/told'],
    waits,
  )
  expect(await claim()).toEqual([])
  await grow(epoch)
  await note(epoch, 1_001)
  expect(await claim()).toMatchObject([{ length: 11, attempt: 1 }])
})

test('[yjs 9] a change during the call is told of afterwards', async () => {
  const epoch = await makeRoom('changed meanwhile', 10)
  await note(epoch, 1_001)
  const [callback] = await claim()
  await grow(epoch)
  await note(epoch, 1_001)
  expect(await claim()).toEqual([])
  await store.told(callback!, waits)
  expect(await claim()).toMatchObject([{ length: 11, attempt: 1 }])
})

test('[yjs 9] a call that failed is due again later, whatever changes, and one that nobody finished too', async () => {
  const epoch = await makeRoom('failing')
  await note(epoch, 1_001)
  await store.retry((await claim())[0]!, 60_000)
  await grow(epoch)
  await note(epoch, 5_000)
  expect(await claim()).toEqual([])
  await sql(`update yjs_callbacks set due_at = now()`)
  const [second] = await store.claim(1, 0)
  expect(second).toMatchObject({ attempt: 2, length: 2 })
  const [third] = await claim()
  expect(third).toMatchObject({ attempt: 3 })
  await store.giveUp(third!)
  expect(await dueInMs(epoch)).toBeNull()
  await note(epoch, 1_001)
  expect(await claim()).toMatchObject([{ attempt: 1 }])
})

test('[yjs 9] a room that its dead node has not noted is, once; an empty one is not, nor one that is gone', async () => {
  const epoch = await makeRoom('unnoted')
  const empty = await makeRoom('empty', 0)
  const query: Query = (statement, values) => database.lane.query(statement, values)
  await noteDeserted(query, ['yjs/unnoted', 'yjs/empty', 'yjs/never'], { quietMs: 0, mostMs: 0 })
  await store.note([{ epoch: empty + 1_000, ageMs: 0 }], waits)
  expect(await claim()).toMatchObject([{ epoch }])
  await sql('delete from documents')
  expect(await sql('select 1 from yjs_callbacks')).toEqual([])
})
