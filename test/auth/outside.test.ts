/** A real node with authentication, seen from outside. */
import { SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { makeCluster } from '../support/cluster.ts'
import { within } from '../support/wait.ts'
import { connectYjs, roomsOf } from '../support/yjs.ts'
import { connectZwibbler } from '../support/zwibbler.ts'

const KEY = 'a key of more than thirty-two bytes, for tests'

const sign = (claims: Record<string, unknown>) =>
  new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(KEY))

/** Who is let in by mistake stays, and would say nothing. */
const soon = <T>(closed: Promise<T>) => within(20_000, 'it is turned away', closed)

test('pages of others are refused, users have so many connections, and the admin port wants its key', async () => {
  await using cluster = await makeCluster(1, {
    env: {
      ...{
        YJS_AUTH: 'jwt',
        AUTH_JWT_KEY: KEY,
        ZWIBBLER_JWT_KEY: KEY,
        MAX_CONNECTIONS_PER_USER: '1',
      },
      ...{ ADMIN_HOST: '0.0.0.0', ADMIN_KEY: 'the admin key' },
    },
  })
  const node = cluster.nodes[0]!
  const board = await sign({ sub: 'board', u: 'bob', p: 'rw' })
  const room = `room?token=${await sign({ sub: 'ann', rooms: { room: 'rw' } })}`

  const foreign = { origin: 'https://evil.example' }
  const evil = connectYjs(roomsOf(node), room, foreign)
  expect((await soon(evil.closed)).code).toBe(1006)
  const local = { origin: 'http://localhost:1234', headers: { Host: 'board.example' } }
  expect((await soon(connectYjs(roomsOf(node), room, local).closed)).code).toBe(1006)

  await using first = await connectYjs(roomsOf(node), room).opened()
  await first.asks()
  expect(await soon(connectYjs(roomsOf(node), room).closed)).toEqual({
    code: 1013,
    reason: 'too many connections',
  })
  await using bob = connectZwibbler(node.url, board)
  await bob.joined()
  expect(await soon(connectZwibbler(node.url, board).closed)).toBe(1013)
  const hit = (await node.metrics()).of('limits_hit_total', { limit: 'MAX_CONNECTIONS_PER_USER' })
  expect(hit).toBe(2)
  await first.close()
  await using again = await connectYjs(roomsOf(node), room).opened()
  await again.asks()

  const status = async (key?: string) =>
    (
      await fetch(`${node.adminUrl}/documents/zwibbler%2Fboard`, {
        headers: key === undefined ? {} : { Authorization: `Bearer ${key}` },
      })
    ).status
  expect([await status(), await status('wrong'), await status('the admin key')]).toEqual([
    401, 401, 200,
  ])
})
