import { once } from 'node:events'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { until } from '../support/wait.ts'
import { makeBed, makeSurface } from './support/bed.ts'

const rooms = () =>
  Object.assign(makeSurface({ path: '/rooms' }), {
    hasRooms: true,
    wantsHeaders: true,
    protocol: (offered: readonly string[]) => offered.find((name) => name.startsWith('auth-')),
  })

test('paths below that of a surface with rooms are rooms, as they were sent', async () => {
  const surface = rooms()
  await using bed = await makeBed({ surfaces: [surface, makeSurface()] })
  const names = ['a', 'a/b', 'a//b', 'a%2Fb', 'a/', '50%', 'my%20room/%C3%A4', '', '/a']
  for (const name of names) await bed.client(`/rooms/${name}?token=x/y`).opened()
  expect(surface.spoken.map(({ connection }) => connection.room)).toEqual(names)
  expect(surface.spoken[0]!.connection.query.get('token')).toBe('x/y')
  expect((await bed.get('/rooms/a')).body).toBe('surface')
  expect((await bed.get('/rooms')).body).toBe('surface')
  expect((await bed.get('/roomsnot')).status).toBe(404)
})

test('on a port of its own every path is a room', async () => {
  const surface = rooms()
  await using bed = await makeBed({ surfaces: [surface], ownPorts: new Map([['test', 0]]) })
  const port = bed.ownPorts.get('test')!
  for (const path of ['/a', '/rooms/a', '/']) await bed.client(path, { port }).opened()
  expect(surface.spoken.map(({ connection }) => connection.room)).toEqual(['a', 'rooms/a', ''])
})

test('a surface is given the headers and chooses the subprotocol, and text is told from bytes', async () => {
  const surface = rooms()
  const kinds: boolean[] = []
  const connect = surface.connect.bind(surface)
  surface.connect = (connection) => {
    const conversation = connect(connection)
    const message = conversation.message.bind(conversation)
    conversation.message = (data, isBinary) => {
      kinds.push(isBinary)
      message(data, isBinary)
    }
    return conversation
  }
  await using bed = await makeBed({ surfaces: [surface] })
  const headers = { cookie: 'session=1', authorization: 'Bearer x' }
  const client = new WebSocket(`ws://127.0.0.1:${bed.port}/rooms/a`, ['other', 'auth-me'], {
    headers,
  })
  await once(client, 'open')
  expect(client.protocol).toBe('auth-me')
  const { connection } = surface.spoken[0]!
  expect(Object.fromEntries(connection.headers)).toMatchObject(headers)
  client.send('text')
  client.send(Buffer.from('bytes'))
  await until('both are heard', () => kinds.length === 2)
  expect(kinds).toEqual([false, true])
  client.terminate()
})
