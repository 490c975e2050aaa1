/** What is said on the wire, byte for byte, by clients of our own to two real nodes. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { Cluster } from '../../support/cluster.ts'
import { makeCluster } from '../../support/cluster.ts'
import { until } from '../../support/wait.ts'
import { connectYjs, roomsOf, updateOf } from '../../support/yjs.ts'
import type { YjsClient } from '../../support/yjs.ts'
import { bytes, vectors } from '../../surfaces/yjs/update/support.ts'

const { redisUrl } = inject('services')
const S1E = '00000100'
const S2E = '0001020000'
const SV5 = '010105'
const U1m = '00020f01010100040101740568656c6c6f00'
const U2m = '00020f010101058401040620776f726c6400'
const U1s = '00010f01010100040101740568656c6c6f00'

let cluster: Cluster
beforeAll(async () => {
  cluster = await makeCluster(2)
})
afterAll(() => cluster[Symbol.asyncDispose]())

const at = (index: number, room: string): Promise<YjsClient> =>
  connectYjs(roomsOf(cluster.nodes[index]!), room).opened()

test('[yjs 15.1] GET at the root of the surface, and below it, answers okay', async () => {
  for (const path of ['/yjs', '/yjs/', '/yjs/some/room?x=1']) {
    const answer = await fetch(cluster.nodes[0]!.httpUrl + path)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/plain'])
    expect(await answer.text()).toBe('okay')
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS']) {
    const answer = await fetch(`${cluster.nodes[0]!.httpUrl}/yjs/room`, { method })
    expect([method, answer.status]).toEqual([method, 200])
  }
})

test('[yjs 15.2] in a new room the first frame is an empty step 1, unasked', async () => {
  await using client = await at(0, 'new')
  await client.hears(S1E)
  expect(client.received[0]?.hex).toBe(S1E)
})

test('[yjs 15.3] who lacks nothing is answered with an empty step 2', async () => {
  await using client = await at(0, 'answers')
  expect((await client.asks()).hex).toBe(S2E)
  client.send(U1m)
  await client.hears(U1m)
  expect((await client.asks(SV5)).hex).toBe(S2E)
})

test('[yjs 15.3] deletions are in every answer, also to who has all structs', async () => {
  await using client = await at(0, 'deletions')
  await client.asks()
  const message = updateOf(bytes(vectors.M123))
  client.send(message)
  await client.hears(Buffer.from(message).toString('hex'))
  const { payload } = await client.asks('01010b')
  expect(Buffer.from(payload).toString('hex')).toBe(vectors.D11)
})

test.skipIf(!redisUrl)(
  '[yjs 15.4] an update goes to every connection, its sender and another node among them',
  async () => {
    await using sender = await at(0, 'echo')
    await using neighbour = await at(0, 'echo')
    await using far = await at(1, 'echo')
    for (const client of [sender, neighbour, far]) await client.asks()
    sender.send(U1m)
    for (const client of [sender, neighbour, far]) {
      await client.hears(U1m)
      expect(client.of('update')).toHaveLength(1)
    }
  },
)

test.skipIf(!redisUrl)(
  '[yjs 15.5] who comes second is asked for what is not known, and given what is there',
  async () => {
    await using first = await at(0, 'second')
    await first.asks()
    first.send(U1m)
    await first.hears(U1m)
    for (const index of [0, 1]) {
      await using second = await at(index, 'second')
      expect((await second.asks()).hex).toBe(U1s)
      expect(second.received[0]?.hex).toBe('000003010105')
    }
  },
)

test('[yjs 14] the recorded exchange, byte for byte', async () => {
  await using before = await at(0, 'recorded')
  await before.asks()
  before.send(U1m)
  await before.hears(U1m)
  await using client = await at(0, 'recorded')
  client.send('000003010201', '0106010100027b7d')
  await client.hears(U1s)
  client.send('00010b0101020004010174015800')
  const told = '00020b0101020004010174015800'
  await Promise.all([client.hears(told), before.hears(told)])
  expect(client.received.map(({ hex }) => hex)).toEqual(['000003010105', U1s, told])
})

test('[yjs 4] several messages in a frame are all heard', async () => {
  await using client = await at(0, 'several')
  client.send(S1E + '03' + U1m + U2m)
  await until('all is told', () => client.doc().getText('t').toJSON() === 'hello world')
  expect(client.received.filter(({ hex }) => hex === S2E)).toHaveLength(1)
})

test('[yjs 5.6] an empty update is neither stored nor told', async () => {
  await using client = await at(0, 'empty')
  await client.asks()
  client.send('0002020000', '0001020000', U1m)
  await client.hears(U1m)
  expect(client.of('update')).toHaveLength(1)
  const length = Buffer.from(vectors.U1, 'hex').length + 4
  expect((await cluster.nodes[0]!.document('yjs/empty'))?.length).toBe(length)
})

test('[yjs 5.7] a client that never asks hears updates all the same', async () => {
  await using silent = await at(0, 'silent')
  await using other = await at(1, 'silent')
  await silent.hears(S1E)
  await other.asks()
  other.send(U1m)
  await other.hears(U1m)
  await silent.hears(U1m)
  other.send(U2m)
  await silent.hears(U2m)
  expect(silent.of('step2')).toEqual([])
})

test('[yjs 5.2] who asks again with nothing is given everything again', async () => {
  await using client = await at(0, 'again')
  await client.asks()
  client.send(U1m)
  await client.hears(U1m)
  for (let i = 0; i < 3; i++) expect((await client.asks()).hex).toBe(U1s)
  client.send(S1E, S1E, S1E)
  await client.hears(U1s)
  await until('each is answered', () => client.of('step2').length === 7)
})

test('[yjs 5.2] of many requests at once each is answered', async () => {
  await using client = await at(0, 'impatient')
  client.send(U1m)
  await client.hears(U1m)
  client.send(S1E.repeat(100))
  for (let i = 0; i < 200; i++) client.send(S1E)
  await until('each is answered', () => client.of('step2').length === 300)
  expect(new Set(client.of('step2').map(({ hex }) => hex))).toEqual(new Set([U1s]))
  expect(client.isClosed).toBe(false)
})
