/** What the admin port makes of requests about rooms, and of what becomes of them. */
import { expect, test } from 'vitest'
import type { RoomOutcome, RoomWish, VersionInfo } from '../../src/surfaces/yjs/management.ts'
import { get, start } from './support.ts'

const ROOM = 'yjs/a%20b/c'
const AT = `/documents/${encodeURIComponent(ROOM)}`
const version: VersionInfo = {
  ...{ id: 7, name: 'draft', createdAt: new Date('2026-01-02T03:04:05Z'), offset: 10, length: 5 },
}
const shown = { ...version, createdAt: '2026-01-02T03:04:05.000Z' }

async function startWith(outcome: RoomOutcome | undefined, changes = {}) {
  const wishes: [id: string, wish: RoomWish][] = []
  const admin = await start({
    room(id, wish) {
      wishes.push([id, wish])
      return Promise.resolve(outcome)
    },
    ...changes,
  })
  const ask = (method: string, path: string, sent?: string, headers = {}) =>
    get(admin.port, AT + path, headers, method, sent)
  return { ...admin, wishes, ask }
}

test.each<[string, string, RoomWish, RoomOutcome, object]>([
  [
    'GET',
    '/versions',
    { kind: 'versions' },
    { kind: 'versions', versions: [version] },
    { status: 200, body: { versions: [shown] } },
  ],
  [
    'GET',
    '/versions/7',
    { kind: 'version', version: 7 },
    { kind: 'version', version },
    { status: 200, body: shown },
  ],
  [
    'GET',
    '/versions/7/update',
    { kind: 'read', version: 7 },
    { kind: 'update', update: Buffer.from('bytes') },
    {
      status: 200,
      body: 'bytes',
      headers: expect.objectContaining({ 'content-type': 'application/octet-stream' }) as object,
    },
  ],
  [
    'POST',
    '/versions/7/restore',
    { kind: 'restore', version: 7 },
    { kind: 'restored', updates: 3 },
    { status: 200, body: { updates: 3 } },
  ],
  ['DELETE', '/versions/7', { kind: 'remove', version: 7 }, { kind: 'done' }, { status: 204 }],
  ['DELETE', '', { kind: 'delete' }, { kind: 'done' }, { status: 204 }],
])('%s %s is %o', async (method, path, wish, outcome, answer) => {
  await using admin = await startWith(outcome)
  expect(await admin.ask(method, path)).toMatchObject(answer)
  expect(admin.wishes).toEqual([[ROOM, wish]])
})

test('a version is saved under its name, and found where the answer says', async () => {
  await using admin = await startWith({ kind: 'saved', version })
  const answer = await admin.ask('POST', '/versions', JSON.stringify({ name: ' draft ' }))
  expect(answer).toMatchObject({ status: 201, body: shown })
  expect(answer.headers.location).toBe(`${AT}/versions/7`)
  expect(admin.wishes).toEqual([[ROOM, { kind: 'save', name: 'draft' }]])
})

test.each([
  ['no JSON', 'draft', 400],
  ['no name', '{}', 400],
  ['an empty name', '{"name":"  "}', 400],
  ['a name that is not text', '{"name":1}', 400],
  ['a name of several lines', '{"name":"a\\nb"}', 400],
  ['a name that is too long', JSON.stringify({ name: 'x'.repeat(201) }), 400],
  ['a body without end', 'x'.repeat(100_000), 413],
])('%s is refused, and nothing is asked', async (_, sent, status) => {
  await using admin = await startWith({ kind: 'saved', version })
  const answer = await admin.ask('POST', '/versions', sent)
  expect(answer).toMatchObject({ status, body: { error: expect.any(String) as string } })
  expect(admin.wishes).toEqual([])
})

test.each<[RoomOutcome | undefined, number, string]>([
  [{ kind: 'no room' }, 404, 'no such document'],
  [{ kind: 'no version' }, 404, 'no such version'],
  [undefined, 404, 'this node does not serve yjs'],
  [{ kind: 'busy' }, 409, 'somebody else'],
  [{ kind: 'unavailable' }, 503, 'not now'],
])('%o is told as %i', async (outcome, status, error) => {
  await using admin = await startWith(outcome)
  const answer = await admin.ask('POST', '/versions/7/restore')
  const body = { error: expect.stringContaining(error) as string }
  expect(answer).toMatchObject({ status, body })
  expect(answer.headers['retry-after']).toBe(status === 409 || status === 503 ? '5' : undefined)
})

test('only rooms have versions and are deleted here, and ids are percent-encoded', async () => {
  await using admin = await startWith({ kind: 'done' })
  for (const path of [
    '/documents/zwibbler%2Fboard/versions',
    '/documents/board/versions',
    '/documents/%ff/versions',
  ])
    expect(await get(admin.port, path), path).toMatchObject({ status: 400 })
  const deleted = await get(admin.port, '/documents/zwibbler%2Fboard', {}, 'DELETE')
  expect(deleted).toMatchObject({ status: 400 })
  expect(await admin.ask('GET', '/versions/x')).toMatchObject({ status: 404 })
  expect(admin.wishes).toEqual([])
})

test('other methods are 405 and say which are right', async () => {
  await using admin = await startWith({ kind: 'done' })
  for (const [method, path, allow] of [
    ['PUT', '', 'GET, HEAD, DELETE'],
    ['DELETE', '/versions', 'GET, HEAD, POST'],
    ['POST', '/versions/7', 'GET, HEAD, DELETE'],
    ['GET', '/versions/7/restore', 'POST'],
    ['POST', '/versions/7/update', 'GET, HEAD'],
  ] as const) {
    const answer = await admin.ask(method, path)
    expect([answer.status, answer.headers.allow], path).toEqual([405, allow])
  }
  expect(admin.wishes).toEqual([])
})

test('web pages, which reach loopback from anywhere, may change nothing', async () => {
  await using admin = await startWith({ kind: 'done' })
  const headers = { origin: 'http://127.0.0.1:9600' }
  for (const [method, path] of [
    ['DELETE', ''],
    ['POST', '/versions/7/restore'],
  ] as const)
    expect(await admin.ask(method, path, undefined, headers)).toMatchObject({ status: 403 })
  expect(admin.wishes).toEqual([])
})

test('off loopback the key is needed', async () => {
  const key = 'a long key'
  await using admin = await startWith({ kind: 'done' }, { host: '0.0.0.0', key })
  expect(await admin.ask('DELETE', '')).toMatchObject({ status: 401 })
  expect(admin.wishes).toEqual([])
  const headers = { authorization: `Bearer ${key}` }
  expect(await admin.ask('DELETE', '', undefined, headers)).toMatchObject({ status: 204 })
})
