import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { makeIdleEventStore, scheduleIdleEvents } from '../../../src/postgres/idle-events.ts'
import type { Query } from '../../../src/postgres/pool.ts'
import { makeWebhook } from '../../../src/surfaces/zwibbler/webhook.ts'
import { makeLog, makeMigrated } from '../../auth/support.ts'
import type { Migrated } from '../../auth/support.ts'
import { until } from '../../support/wait.ts'
import { makeReceiver } from './receiver.ts'

let database: Migrated
beforeAll(async () => {
  database = await makeMigrated()
})
afterAll(() => database[Symbol.asyncDispose]())
const sql = (text: string, values: readonly unknown[] = []): ReturnType<Query> =>
  database.lane.query({ name: '', text }, values)
beforeEach(async () => {
  await sql('delete from idle_events')
  await sql('delete from nodes')
  await sql('delete from documents')
})

const query: Query = (statement, values) => database.lane.query(statement, values)
const schedule = (...ids: string[]): Promise<void> => scheduleIdleEvents(query, ids, 0)

/** Somebody has the document open, on a node whose lease lives or has lapsed. */
async function open(id: string, leaseMs: number): Promise<void> {
  await sql(`insert into documents (id) values ($1)`, [id])
  await sql(`insert into nodes (id, lease_until) values ($1, now() + $2 * interval '1 ms')`, [
    `node of ${id}`,
    leaseMs,
  ])
  await sql(`insert into document_nodes (key, node) select key, $2 from documents where id = $1`, [
    id,
    `node of ${id}`,
  ])
}

describe('[zwibbler 14] idle events', () => {
  test('are due after their delay, which begins anew when the document was opened and left again', async () => {
    const store = makeIdleEventStore(database.lane)
    await scheduleIdleEvents(query, ['zwibbler/later'], 60_000)
    await schedule('zwibbler/now', 'zwibbler/again', 'zwibbler/now')
    await scheduleIdleEvents(query, ['zwibbler/again'], 60_000)
    await scheduleIdleEvents(query, [], 0)
    const claimed = await store.claim(10, 60_000)
    expect(claimed).toMatchObject([{ documentId: 'zwibbler/now', attempt: 1, isOpen: false }])
    expect(claimed[0]?.id).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('are part of the transaction in which the last session left', async () => {
    await expect(
      database.lane.transaction(async (inside) => {
        await scheduleIdleEvents(inside, ['zwibbler/never'], 0)
        throw new Error('rolled back')
      }),
    ).rejects.toThrow('rolled back')
    expect(await makeIdleEventStore(database.lane).claim(10, 60_000)).toEqual([])
  })

  test('are claimed by one node each, however many ask at once', async () => {
    await schedule(...Array.from({ length: 40 }, (_, n) => `zwibbler/${n}`))
    const store = makeIdleEventStore(database.lane)
    const claims = await Promise.all(Array.from({ length: 6 }, () => store.claim(10, 60_000)))
    const ids = claims.flat().map(({ documentId }) => documentId)
    expect(new Set(ids).size).toBe(ids.length)
    const rest = await store.claim(40, 60_000)
    expect(ids.length + rest.length).toBe(40)
    expect(await store.claim(40, 60_000)).toEqual([])
  })

  test('become anybody’s again when the node that claimed them has died', async () => {
    await schedule('zwibbler/doc')
    const store = makeIdleEventStore(database.lane)
    const [first] = await store.claim(1, 50)
    const [second] = await until('the claim has lapsed', async () => {
      const again = await store.claim(1, 60_000)
      return again.length > 0 ? again : undefined
    })
    expect(second).toEqual({ ...first, attempt: 2 })
  })

  test('say when somebody has the document open, on a node that lives', async () => {
    await open('zwibbler/open', 60_000)
    await open('zwibbler/lapsed', -1)
    await schedule('zwibbler/open', 'zwibbler/lapsed', 'zwibbler/deleted')
    const claimed = await makeIdleEventStore(database.lane).claim(10, 60_000)
    expect(Object.fromEntries(claimed.map((each) => [each.documentId, each.isOpen]))).toEqual({
      'zwibbler/open': true,
      'zwibbler/lapsed': false,
      'zwibbler/deleted': false,
    })
  })

  test('come back after a retry’s delay with the same id, and not once they are finished', async () => {
    await schedule('zwibbler/doc')
    const store = makeIdleEventStore(database.lane)
    const [first] = await store.claim(1, 60_000)
    await store.retry(first!, 60_000)
    expect(await store.claim(1, 60_000)).toEqual([])
    await store.retry(first!, 0)
    const [again] = await store.claim(1, 60_000)
    expect(again).toEqual({ ...first, attempt: 2 })
    await store.finish(again!)
    expect(await sql('select 1 from idle_events')).toEqual([])
  })

  test('of a later leave replace the one under way, which then ends nothing but itself', async () => {
    const store = makeIdleEventStore(database.lane)
    await schedule('zwibbler/doc')
    const [old] = await store.claim(1, 60_000)
    await schedule('zwibbler/doc')
    await store.retry(old!, 60_000)
    await store.finish(old!)
    const [fresh] = await store.claim(1, 60_000)
    expect(fresh?.id).not.toBe(old?.id)
    expect(fresh?.attempt).toBe(1)
  })

  test('are sent once although several nodes watch for them', async () => {
    await using receiver = await makeReceiver()
    const nodes = Array.from({ length: 3 }, () =>
      makeWebhook({
        store: makeIdleEventStore(database.lane),
        url: receiver.url,
        credentials: undefined,
        log: makeLog(),
        pollMs: 2,
      }),
    )
    const ids = Array.from({ length: 25 }, (_, n) => `zwibbler/${n}`)
    await schedule(...ids)
    await until('all are finished', async () => {
      return (await sql('select 1 from idle_events')).length === 0
    })
    await Promise.all(nodes.map((node) => node.close()))
    const told = receiver.received.map(({ body }) => body).sort()
    expect(told).toEqual(ids.map((id) => `documentID=${id.slice(9)}&event=idle-session`).sort())
  })
})
