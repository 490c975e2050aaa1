/** Who is let in, who may write, and how clients are refused. */
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import type { Cluster } from '../../support/cluster.ts'
import { makeCluster } from '../../support/cluster.ts'
import { withClient } from '../../support/databases.ts'
import { sleep, until } from '../../support/wait.ts'
import { awarenessOf, connectYjs, roomsOf, stepTwo } from '../../support/yjs.ts'
import type { YjsClient } from '../../support/yjs.ts'
import { makePeer } from '../../support/yjsPeers.ts'
import type { PeerOptions, YjsPeer } from '../../support/yjsPeers.ts'
import { manage, secrets } from '../zwibbler/support.ts'
import { bytes, vectors } from '../../surfaces/yjs/update/support.ts'

const { redisUrl } = inject('services')
const KEY = 'a secret of thirty-two characters'
const NO_RETURN_MS = 5_000
const U1m = '00020f01010100040101740568656c6c6f00'

// Clients say there why they were refused.
vi.spyOn(console, 'warn').mockReturnValue()

let cluster: Cluster
beforeAll(async () => {
  const env = { ...secrets, YJS_AUTH: 'jwt', AUTH_JWT_KEY: KEY, YJS_MAX_UPDATE: '65536' }
  cluster = await makeCluster(2, { env })
})
afterAll(() => cluster[Symbol.asyncDispose]())

const rooms = (index: number) => roomsOf(cluster.nodes[index]!)
const tokenFor = (claim: unknown, { user = 'ann', seconds = 600 } = {}): Promise<string> =>
  new SignJWT({ rooms: claim })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user)
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
    .sign(new TextEncoder().encode(KEY))
const at = async (index: number, room: string, claim: unknown): Promise<YjsClient> =>
  connectYjs(rooms(index), `${room}?token=${await tokenFor(claim)}`).opened()
const pageAt = async (room: string, claim: unknown, options: PeerOptions = {}): Promise<YjsPeer> =>
  makePeer(rooms(0), room, { params: { token: await tokenFor(claim) }, ...options })

test.skipIf(!redisUrl)(
  '[yjs 15.15] who may only read is synced, sees edits, and cannot write in any way',
  async () => {
    await using writer = await pageAt('readers', { readers: 'rw' })
    await writer.synced()
    writer.text.insert(0, 'to read')
    await using reader = await pageAt('readers', { readers: 'r' })
    await reader.synced()
    await reader.hears('to read')
    await using raw = await at(1, 'readers', { readers: 'r' })
    await raw.asks()
    expect(raw.of('step1')).toEqual([])
    const before = (await cluster.nodes[0]!.document('yjs/readers'))?.length
    reader.text.insert(0, 'never ')
    raw.send(U1m, stepTwo(bytes(vectors.X2)))
    await raw.asks()
    writer.text.insert(0, 'more ')
    await reader.hears('more ')
    await until('it is told', () => raw.doc().getText('t').toJSON() === 'more to read')
    expect(writer.text.toJSON()).toBe('more to read')
    const insertion = ((await cluster.nodes[0]!.document('yjs/readers'))?.length ?? 0) - before!
    expect(insertion).toBeLessThan(40)
    // Cursors of readers are shown.
    raw.send(awarenessOf({ id: 5, clock: 1, state: { name: 'a reader' } }))
    await writer.sees(5, true)
  },
)

test('[yjs 7] a refusal is a message and then a close code: 4401 without a token, 4403 for another room', async () => {
  await using nobody = await connectYjs(rooms(0), 'secret').opened()
  await using stranger = await at(0, 'secret', { other: 'rw' })
  expect((await nobody.closed).code).toBe(4401)
  expect((await stranger.closed).code).toBe(4403)
  for (const { received } of [nobody, stranger]) {
    expect(received.map(({ kind }) => kind)).toEqual(['denied'])
    expect(received[0]?.hex.startsWith('0200')).toBe(true)
  }
  expect(stranger.received[0]?.hex).toBe('0200096e6f20616363657373')
  expect(await cluster.nodes[0]!.document('yjs/secret')).toBeUndefined()
})

describe.concurrent('those that take a while', () => {
  test.skipIf(!redisUrl)(
    '[yjs 15.19] 4401, 4403, 4404 and 4413 stop a 3.1.0 client for good; older ones are kept waiting',
    async () => {
      const deleted = await pageAt('deleted', { deleted: 'rw' })
      const tooBig = await pageAt('too big', { 'too%20big': 'rw' })
      const unknown = makePeer(rooms(1), 'secret')
      const forbidden = await pageAt('secret', { other: 'rw' })
      const older = makePeer(rooms(0), 'secret', { version: '2.1.0' })
      const stopped = new Map([
        [unknown, 4401],
        [forbidden, 4403],
        [deleted, 4404],
        [tooBig, 4413],
      ])
      const told = new Map<YjsPeer, number>()
      for (const peer of stopped.keys())
        peer.provider.on('closed', ({ code }) => told.set(peer, code))
      await Promise.all([deleted, tooBig].map((peer) => peer.synced()))
      await withClient(cluster.databaseUrl, (database) =>
        database.query(`delete from documents where id = 'yjs/deleted'`),
      )
      deleted.text.insert(0, 'into nothing')
      tooBig.text.insert(0, 'x'.repeat(100_000))
      await until('all are told', () => told.size === 4)
      expect(told).toEqual(stopped)
      const opens = [...stopped.keys()].map(({ traffic }) => traffic.opens)
      await sleep(NO_RETURN_MS) // that nothing happens
      expect([...stopped.keys()].map(({ traffic }) => traffic.opens)).toEqual(opens)
      expect(opens).toEqual([1, 1, 1, 1])
      expect(older.traffic.opens).toBeGreaterThan(1)
      expect(older.traffic.opens).toBeLessThan(15)
      for (const peer of [...stopped.keys(), older]) await peer[Symbol.asyncDispose]()
    },
  )

  test('[yjs 7] the end of a token ends the connection with 4401', async () => {
    const token = await tokenFor({ expiring: 'rw' }, { seconds: 3 })
    await using peer = makePeer(rooms(0), 'expiring', { params: { token } })
    await using raw = await connectYjs(rooms(1), `expiring?token=${token}`).opened()
    await peer.synced()
    expect((await raw.closed).code).toBe(4401)
    expect(raw.received.at(-1)?.kind).toBe('denied')
    await until('the page is told', () => peer.traffic.closes.includes(4401))
    expect(peer.traffic.opens).toBe(1)
  })
})

test.skipIf(!redisUrl)(
  '[yjs 7] a user who may no longer write has to join anew and then reads; one who may do nothing is refused',
  async () => {
    const token = await tokenFor({ demoted: 'rw' }, { user: 'bob' })
    await using peer = await makePeer(rooms(0), 'demoted', { params: { token } }).synced()
    const update = (permissions: string) =>
      manage(cluster.nodes[1]!, { method: 'updateUser', userID: 'bob', permissions })
    expect((await update('r')).status).toBe(200)
    await until('it is closed', () => peer.traffic.closes.length > 0)
    expect(peer.traffic.closes).toEqual([1012])
    await until('it is back', () => peer.traffic.opens === 2 && peer.provider.synced)
    const length = (await cluster.nodes[0]!.document('yjs/demoted'))?.length
    peer.text.insert(0, 'not for others')
    await update('')
    await until('it is refused', () => peer.traffic.closes.at(-1) === 4403)
    expect((await cluster.nodes[0]!.document('yjs/demoted'))?.length).toBe(length)
  },
)

test('[yjs 7] a token may come as a subprotocol, a cookie or a header', async () => {
  const token = await tokenFor({ ways: 'rw' })
  const open = async (protocols: string[], headers: Record<string, string>) => {
    const socket = new WebSocket(`${rooms(0)}/ways`, protocols, { headers })
    const first = await new Promise<Buffer>((resolve) => socket.once('message', resolve))
    socket.terminate()
    return first.toString('hex')
  }
  const S1E = '00000100'
  expect(await open([`yauth-${token}`], {})).toBe(S1E)
  expect(await open([], { cookie: `token=${token}` })).toBe(S1E)
  expect(await open([], { authorization: `Bearer ${token}` })).toBe(S1E)
  expect((await open([], {})).startsWith('0200')).toBe(true)
})
