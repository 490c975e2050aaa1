import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '../support/wait.ts'
import { decode, encode, join, makeTinyServer } from './support.ts'
import type { TestClient, TinyServer } from './support.ts'

let server: TinyServer
let clients: TestClient[]
async function joined(): Promise<TestClient> {
  const made = join(server)
  clients.push(made)
  await made.connection.joined()
  return made
}
const rejoined = (client: TestClient, joins = 2) =>
  until('joined again', () => client.connection.counters.joins === joins)
const count = (client: TestClient) =>
  client.connection.keys.update('count', 'document', (present) =>
    encode(String(Number(present ? decode(present.value) : 0) + 1)),
  )

beforeEach(async () => {
  server = await makeTinyServer()
  clients = []
})
afterEach(async () => {
  for (const made of clients) made.connection.close()
  await server[Symbol.asyncDispose]()
})

test('[zwibbler 9] of two who set the same version one is refused, and hears the other one', async () => {
  const [ann, bob] = [await joined(), await joined()]
  const set = (client: TestClient, value: string) =>
    client.connection.keys.set('page', encode(value), { lifetime: 'document', from: 0 })
  const outcomes = await Promise.all([set(ann, 'A'), set(bob, 'B')])
  expect(outcomes.sort()).toEqual(['refused', 'stored'])
  await until('both know the same', () => ann.keys.get('page') === bob.keys.get('page'))
  const key = ann.connection.keys.get('page')
  expect(key?.version).toBe(1)
})

test('[zwibbler 9] joiners are told of the keys there are', async () => {
  const ann = await joined()
  await ann.connection.keys.set('page', encode('7'), { lifetime: 'document', from: 0 })
  await ann.connection.keys.set('name', encode('Ann'), { lifetime: 'session', from: 0 })
  const bob = await joined()
  await until('bob knows', () => bob.keys.size === 2)
  expect(Object.fromEntries(bob.keys)).toEqual({ name: 'Ann', page: '7' })
})

test('[zwibbler 9] session keys end with their connection, document keys do not', async () => {
  const [ann, bob] = [await joined(), await joined()]
  await ann.connection.keys.set('page', encode('7'), { lifetime: 'document', from: 0 })
  await ann.connection.keys.set('name', encode('Ann'), { lifetime: 'session', from: 0 })
  ann.connection.keys.share('pointer/ann', encode('1,1'))
  await until('bob knows', () => bob.keys.size === 3)
  ann.connection.close()
  await until('ann has left', () => bob.keys.get('name') === '')
  expect(Object.fromEntries(bob.keys)).toEqual({ name: '', page: '7', 'pointer/ann': '' })
})

test('[zwibbler 9] a shared value needs no answer: equal versions, every change arrives or a later one does', async () => {
  const [ann, bob] = [await joined(), await joined()]
  for (let i = 0; i <= 50; i++) ann.connection.keys.share('pointer/ann', encode(String(i)))
  await until('the last value', () => bob.keys.get('pointer/ann') === '50')
  ann.connection.keys.unshare('pointer/ann')
  await until('gone', () => bob.keys.get('pointer/ann') === '')
  const sets = server.heard.filter((message) => message.type === 'set-key')
  expect(sets.every((m) => m.oldVersion === 0 && m.newVersion === 0 && m.lifetime === 0)).toBe(true)
})

test('[zwibbler 16] after a reconnect own session keys are set again from version 0', async () => {
  const [ann, bob] = [await joined(), await joined()]
  await ann.connection.keys.set('name', encode('Ann'), { lifetime: 'session', from: 0, to: 5 })
  ann.connection.keys.share('pointer/ann', encode('1,1'))
  await until('bob knows', () => bob.keys.get('pointer/ann') === '1,1')
  server.cut()
  await rejoined(ann)
  await rejoined(bob)
  const cat = await joined()
  await until('there again', () => cat.keys.get('name') === 'Ann' && cat.keys.has('pointer/ann'))
  expect(bob.keys.get('name')).toBe('Ann')
  expect(bob.connection.keys.get('name')?.version).toBe(5)
})

test('a shared value of before joining, or changed while offline, is shown after it', async () => {
  const ann = join(server, { suspended: true })
  clients.push(ann)
  ann.connection.keys.share('pointer/ann', encode('early'))
  const bob = await joined()
  ann.connection.resume()
  await until('the value', () => bob.keys.get('pointer/ann') === 'early')
  ann.connection.suspend()
  await until('gone', () => bob.keys.get('pointer/ann') === '')
  ann.connection.keys.share('pointer/ann', encode('late'))
  ann.connection.resume()
  await until('the new value', () => bob.keys.get('pointer/ann') === 'late')
})

test('session keys of those who left while we were away are taken back', async () => {
  const [ann, bob] = [await joined(), await joined()]
  await ann.connection.keys.set('page', encode('7'), { lifetime: 'document', from: 0 })
  ann.connection.keys.share('pointer/ann', encode('1,1'))
  await until('bob knows', () => bob.keys.size === 2)
  bob.connection.suspend()
  await until('bob is gone', () => server.connections('doc') === 1)
  ann.connection.close()
  await until('ann is gone', () => server.connections('doc') === 0)
  bob.connection.resume()
  await until('ann is taken back', () => bob.keys.get('pointer/ann') === '')
  expect(bob.connection.keys.all().map(({ name }) => name)).toEqual(['page'])
})

test('update tries again until nobody came between: no increment is lost', async () => {
  const all = await Promise.all([joined(), joined(), joined()])
  const rounds = Array.from({ length: 8 }, () => Promise.all(all.map(count)))
  const outcomes = (await Promise.all(rounds)).flat()
  expect(outcomes.every(({ kind }) => kind === 'stored')).toBe(true)
  await until('everybody knows the sum', () => all.every((c) => c.keys.get('count') === '24'))
})

test('update finds out what became of a set whose answer was lost', async () => {
  const ann = await joined()
  let cuts = 0
  server.fault = (message) =>
    message.type === 'set-key' && cuts++ < 2 ? (cuts === 1 ? 'drop after' : 'drop') : 'none'
  expect(await count(ann)).toMatchObject({ kind: 'stored', key: { version: 1 } })
  expect(await count(ann)).toMatchObject({ kind: 'stored', key: { version: 2 } })
  expect(ann.keys.get('count')).toBe('2')
})

test('update survives a server that has forgotten the session keys', async () => {
  const [ann, bob] = [await joined(), await joined()]
  await bob.connection.keys.set('lock', encode('bob'), { lifetime: 'session', from: 0 })
  await until('ann knows', () => ann.keys.get('lock') === 'bob')
  bob.connection.close()
  await until('free', () => ann.keys.get('lock') === '')
  const taken = ann.connection.keys.update('lock', 'session', (present) =>
    present && present.value.length > 0 ? undefined : encode('ann'),
  )
  expect((await taken).kind).toBe('stored')
})

test('update leaves the key when the caller returns nothing', async () => {
  const ann = await joined()
  const outcome = await ann.connection.keys.update('page', 'document', () => undefined)
  expect(outcome).toEqual({ kind: 'unchanged' })
})

test('[zwibbler 12] update gives up on a key that may never be set', async () => {
  const ann = join(server, { settleMs: 4 })
  clients.push(ann)
  const outcome = await ann.connection.keys.update('admin:x', 'document', () => encode('v'))
  expect(outcome).toEqual({ kind: 'refused' })
})

test('update that waits for a connection ends when it is closed', async () => {
  const ann = join(server, { suspended: true })
  const outcome = count(ann)
  ann.connection.close()
  expect(await outcome).toEqual({ kind: 'closed' })
})

test('a set without a connection is lost, and says so', async () => {
  const ann = join(server, { suspended: true })
  clients.push(ann)
  const options = { lifetime: 'document', from: 0 } as const
  expect(await ann.connection.keys.set('page', encode('1'), options)).toBe('lost')
})
