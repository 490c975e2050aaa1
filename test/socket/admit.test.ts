/** Surfaces that say who is let in before there is a WebSocket. */
import { expect, test } from 'vitest'
import type { Connection, HttpAnswer } from '../../src/surfaces/surface.ts'
import { until } from '../support/wait.ts'
import { makeBed, makeSurface } from './support/bed.ts'

type Verdict = HttpAnswer | undefined

/** Each connection is judged when the test says so. */
function makeGuarded() {
  const asked: { connection: Connection; settle: (verdict: Verdict) => void }[] = []
  const admit = (connection: Connection): Promise<Verdict> =>
    new Promise((settle) => void asked.push({ connection, settle }))
  const base = makeSurface()
  const surface = { ...base, admit, hasRooms: true, wantsHeaders: true }
  return {
    surface,
    asked,
    nth: (index: number) => until('the surface is asked', () => asked[index]),
  }
}

test('a connection that is let in later is what it would have been at once', async () => {
  const guarded = makeGuarded()
  await using bed = await makeBed({ surfaces: [guarded.surface] })
  const client = bed.client('/socket/a%20b?x=1', {
    headers: { 'X-Who': 'ann' },
  })
  const { connection, settle } = await guarded.nth(0)
  expect(guarded.surface.spoken).toEqual([])
  expect(bed.server.connections).toBe(0)
  expect([connection.room, connection.query.get('x')]).toEqual(['a%20b', '1'])
  expect(connection.headers.get('x-who')).toBe('ann')
  settle(undefined)
  await client.opened()
  client.ws.send('hello')
  await client.hears('hello')
  expect(guarded.surface.spoken[0]?.connection).toBe(connection)
  expect(bed.server.connections).toBe(1)
})

test('one that is not let in is given the answer, and its surface never meets it', async () => {
  const guarded = makeGuarded()
  await using bed = await makeBed({ surfaces: [guarded.surface] })
  const client = bed.client()
  const { settle } = await guarded.nth(0)
  settle({ status: 401, headers: { 'WWW-Authenticate': 'Bearer' }, body: 'who are you?' })
  const { status, headers, body } = await client.refused()
  expect([status, body]).toEqual([401, 'who are you?'])
  expect(headers['www-authenticate']).toBe('Bearer')
  expect(guarded.surface.spoken).toEqual([])
  expect(bed.server.connections).toBe(0)
})

test('who has left meanwhile hurts nobody', async () => {
  const guarded = makeGuarded()
  await using bed = await makeBed({ surfaces: [guarded.surface] })
  for (const verdict of [undefined, { status: 403 }]) {
    const gone = bed.client()
    const { settle } = await guarded.nth(guarded.asked.length)
    gone.terminate()
    await until('it is gone', () => gone.closedWith)
    // What the server hears of it comes before what a next client says.
    expect((await bed.get('/elsewhere')).status).toBe(404)
    settle(verdict)
  }
  expect((await bed.get('/socket')).body).toBe('surface')
  expect(guarded.surface.spoken).toEqual([])
  expect(bed.server.connections).toBe(0)
})

test('a node that began to drain meanwhile answers 503', async () => {
  const guarded = makeGuarded()
  await using bed = await makeBed({ surfaces: [guarded.surface] })
  const client = bed.client()
  const { settle } = await guarded.nth(0)
  bed.server.stopAccepting()
  settle(undefined)
  const { status, headers } = await client.refused()
  expect(status).toBe(503)
  expect(Number(headers['retry-after'])).toBeGreaterThan(0)
})

test('no more connections are let in than may be open, however many are judged at a time', async () => {
  const guarded = makeGuarded()
  await using bed = await makeBed({ surfaces: [guarded.surface], limits: { maxConnections: 1 } })
  const [one, two] = [bed.client(), bed.client()]
  await guarded.nth(1)
  for (const { settle } of guarded.asked) settle(undefined)
  await until('one is refused', () => one.refusedWith ?? two.refusedWith)
  expect(bed.server.connections).toBe(1)
  expect(bed.hit).toEqual(['MAX_CONNECTIONS'])
})

test('a surface that fails to judge lets nobody in, and the error is logged', async () => {
  const admit = (): Promise<Verdict> => Promise.reject(new Error('broken'))
  const surface = { ...makeSurface(), admit }
  await using bed = await makeBed({ surfaces: [surface] })
  expect((await bed.client().refused()).status).toBe(500)
  expect(bed.logged.filter(({ level }) => level === 'error')).toHaveLength(1)
})
