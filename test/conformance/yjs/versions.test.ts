/** Versions of rooms and deleting, through the admin port of real nodes. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import * as Y from 'yjs'
import { makeCluster } from '../../support/cluster.ts'
import type { Cluster } from '../../support/cluster.ts'
import { until } from '../../support/wait.ts'
import { roomsOf } from '../../support/yjs.ts'
import { makePeer } from '../../support/yjsPeers.ts'
import type { YjsPeer } from '../../support/yjsPeers.ts'
import { readRoom } from '../../support/yjsStored.ts'

const { redisUrl } = inject('services')

let cluster: Cluster
/** The last node has two threads. */
beforeAll(async () => {
  const envOf = (index: number) => (index === 2 ? { WORKERS: '2', EXCLUSIVE_PORT: '0' } : {})
  // Nothing is found by the sweep: what is told in time is told by the node that does it.
  const env = { SWEEP_ACTIVE_MS: '3600000', SWEEP_QUIET_MS: '3600000' }
  cluster = await makeCluster(3, { env, envOf })
})
afterAll(() => cluster[Symbol.asyncDispose]())

interface Version {
  readonly id: number
  readonly name: string
  readonly createdAt: string
  readonly offset: number
  readonly length: number
}

function ask(
  index: number,
  room: string,
  path = '',
  method = 'GET',
  body?: object,
): Promise<Response> {
  const { adminUrl } = cluster.nodes[index]!
  return fetch(`${adminUrl}/documents/${encodeURIComponent(`yjs/${room}`)}${path}`, {
    method,
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(20_000),
  })
}

async function save(index: number, room: string, name: string): Promise<Version> {
  const answer = await ask(index, room, '/versions', 'POST', { name })
  expect(answer.status).toBe(201)
  return (await answer.json()) as Version
}

async function restore(index: number, room: string, id: number): Promise<number> {
  const answer = await ask(index, room, `/versions/${id}/restore`, 'POST')
  expect(answer.status, await answer.clone().text()).toBe(200)
  return ((await answer.json()) as { updates: number }).updates
}

const join = (index: number, room: string): Promise<YjsPeer> =>
  makePeer(roomsOf(cluster.nodes[index]!), room).synced()

/** Everything that a client has was stored. */
async function stored(room: string, peer: YjsPeer): Promise<void> {
  const state = Buffer.from(Y.encodeStateAsUpdate(peer.doc)).toString('hex')
  await until(`${room} is stored`, async () => {
    const found = await readRoom(cluster.databaseUrl, room)
    return Buffer.from(Y.encodeStateAsUpdate(found.doc())).toString('hex') === state
  })
}

test('versions are saved, listed, read and deleted', async () => {
  const room = 'listed%20room'
  await using ann = await join(0, room)
  ann.text.insert(0, 'first')
  await stored(room, ann)
  const first = await save(0, room, 'one')
  expect(first).toMatchObject({ name: 'one', id: expect.any(Number) as number })
  ann.text.insert(5, ' and second')
  ann.text.delete(0, 3)
  await stored(room, ann)
  const second = await save(1, room, 'two, ä')

  const list = (await (await ask(2, room, '/versions')).json()) as { versions: Version[] }
  expect(list.versions).toEqual([second, first])
  const one = await ask(1, room, `/versions/${first.id}`)
  expect(await one.json()).toEqual(first)

  for (const [{ id }, text] of [
    [first, 'first'],
    [second, 'st and second'],
  ] as const) {
    const answer = await ask(0, room, `/versions/${id}/update`)
    expect(answer.headers.get('content-type')).toBe('application/octet-stream')
    const doc = new Y.Doc()
    Y.applyUpdate(doc, new Uint8Array(await answer.arrayBuffer()))
    expect(doc.getText('t').toJSON()).toBe(text)
  }

  expect((await ask(0, room, `/versions/${first.id}`, 'DELETE')).status).toBe(204)
  for (const [path, method] of [
    [`/versions/${first.id}`, 'DELETE'],
    [`/versions/${first.id}`, 'GET'],
    [`/versions/${first.id}/update`, 'GET'],
    [`/versions/${first.id}/restore`, 'POST'],
  ] as const) {
    const answer = await ask(0, room, path, method)
    expect([answer.status, await answer.json()]).toEqual([404, { error: 'no such version' }])
  }
})

test.skipIf(!redisUrl)(
  'a version that is restored anywhere is what every client has, with what was deleted since',
  async () => {
    const room = 'restored'
    await using ann = await join(0, room)
    ann.text.insert(0, 'the beginning')
    ann.doc.getMap('m').set('k', 'old')
    await stored(room, ann)
    const { id } = await save(0, room, 'the beginning')
    ann.text.delete(0, 4)
    ann.text.insert(ann.text.length, ' and more')
    ann.doc.getMap('m').set('k', 'new')
    await stored(room, ann)
    await using bob = await join(1, room)
    await using eve = await join(2, room)
    expect(bob.text.toJSON()).toBe('beginning and more')
    // The node with threads: whichever of them eve is at, and whichever is asked.
    expect(await restore(2, room, id)).toBeGreaterThan(0)
    for (const peer of [ann, bob, eve]) {
      await until('it is restored', () => peer.text.toJSON() === 'the beginning')
      expect(peer.doc.getMap('m').get('k')).toBe('old')
    }
    // What came after the version is still there to be edited on: nobody's next change is lost.
    bob.text.insert(0, 'again: ')
    await ann.hears('again: the beginning')
    await stored(room, ann)
  },
)

test('a version is restored while nobody has the room open, on a node that never had', async () => {
  const room = 'deserted'
  let id: number
  {
    await using ann = await join(0, room)
    ann.text.insert(0, 'kept')
    await stored(room, ann)
    id = (await save(0, room, 'kept')).id
    ann.text.delete(0, 4)
    await stored(room, ann)
  }
  expect(await restore(1, room, id)).toBe(1)
  await using bob = await join(0, room)
  expect(bob.text.toJSON()).toBe('kept')
})

test('of several restores at a time, each finds what the one before it has done', async () => {
  const room = 'twice'
  await using ann = await join(0, room)
  ann.text.insert(0, 'once')
  await stored(room, ann)
  const { id } = await save(0, room, 'once')
  ann.text.delete(0, 4)
  await stored(room, ann)
  await Promise.all([0, 1, 2, 1].map((index) => restore(index, room, id)))
  await using bob = await join(1, room)
  expect(bob.text.toJSON()).toBe('once')
})

test('a large version comes back in parts that no client has trouble with', async () => {
  const room = 'large'
  await using ann = await join(0, room)
  const list = ann.doc.getArray('a')
  for (let at = 0; at < 40; at++) list.insert(at, [String(at).padEnd(50_000, 'x')])
  await stored(room, ann)
  const { id } = await save(0, room, 'large')
  list.delete(0, 40)
  await stored(room, ann)
  const before = ann.traffic.heard.length
  expect(await restore(0, room, id)).toBeGreaterThan(1)
  await until('it is restored', () => list.length === 40)
  const sizes = ann.traffic.heard.slice(before).map(({ length }) => length)
  expect(Math.max(...sizes)).toBeLessThan(1024 * 1024)
})

test('a room that is not there has no versions', async () => {
  for (const [path, method, body] of [
    ['/versions', 'GET', undefined],
    ['/versions', 'POST', { name: 'x' }],
    ['/versions/1/restore', 'POST', undefined],
    ['', 'DELETE', undefined],
  ] as const) {
    const answer = await ask(0, 'never made', path, method, body)
    expect([answer.status, await answer.json()], path).toEqual([404, { error: 'no such document' }])
  }
})

test.skipIf(!redisUrl)(
  'a room that is deleted is closed with 4404 on every node, and its versions are gone',
  async () => {
    const room = 'doomed'
    await using ann = await join(0, room)
    await using bob = await join(1, room)
    ann.text.insert(0, 'gone')
    await bob.hears('gone')
    const { id } = await save(0, room, 'gone')
    expect((await ask(2, room, '', 'DELETE')).status).toBe(204)
    for (const { traffic } of [ann, bob])
      await until('it is closed', () => traffic.closes.includes(4404))
    expect(ann.traffic.opens).toBe(1)
    expect((await ask(0, room, `/versions/${id}`)).status).toBe(404)
    await using eve = await join(1, room)
    expect(eve.text.toJSON()).toBe('')
  },
)
