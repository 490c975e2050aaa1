/** What must hurt nobody: frames that no client sends. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Cluster } from '../../support/cluster.ts'
import { makeCluster } from '../../support/cluster.ts'
import { until } from '../../support/wait.ts'
import { makePeer } from '../../support/yjsPeers.ts'
import { awarenessOf, connectYjs, roomsOf, updateOf } from '../../support/yjs.ts'
import type { YjsClient } from '../../support/yjs.ts'
import { bytes, vectors } from '../../surfaces/yjs/update/support.ts'

const U1m = '00020f01010100040101740568656c6c6f00'
/** Section 14. */
const errors = ['', '00', '0000', '0009', '000201', '01', '0002020102', 'ffffffffffffffffffff01']
const ignored = ['03', '02', '0206', '05']

// A client says there why it was refused.
vi.spyOn(console, 'warn').mockReturnValue()

let cluster: Cluster
beforeAll(async () => {
  cluster = await makeCluster(1)
})
afterAll(() => cluster[Symbol.asyncDispose]())

const at = async (room: string): Promise<YjsClient> => {
  const client = await connectYjs(roomsOf(cluster.nodes[0]!), room).opened()
  await client.asks()
  return client
}
const lengthOf = async (room: string) => (await cluster.nodes[0]!.document(`yjs/${room}`))?.length

test('[yjs 15.9] after every malformed frame of section 14 a valid request is served, and nothing is stored', async () => {
  await using client = await at('malformed')
  client.send(U1m)
  await client.hears(U1m)
  const before = await lengthOf('malformed')
  const received = client.received.length
  for (const frame of [...errors, ...ignored]) {
    client.send(frame)
    expect((await client.asks()).hex).toBe('00010f01010100040101740568656c6c6f00')
  }
  client.socket.send('a text frame')
  client.socket.send('')
  await client.asks()
  expect(client.received).toHaveLength(received + errors.length + ignored.length + 1)
  expect(await lengthOf('malformed')).toBe(before)
  await using later = await at('malformed')
  expect(later.doc().getText('t').toJSON()).toBe('hello')
})

test('[yjs 13.6] claims beyond the frame are not believed', async () => {
  await using client = await at('claims')
  const huge = 'ffffffffffffff0f'
  const frames = ['0000', '0001', '0002', '01'].map((head) => head + huge + '00')
  // More clients, structs, ranges, entries than there are bytes.
  frames.push('00020a' + huge + '0100', '00020a0001' + '01' + huge, '000009' + huge + '01')
  frames.push('0109' + huge + '01')
  client.send(...frames)
  expect((await client.asks()).hex).toBe('0001020000')
  expect(await lengthOf('claims')).toBe(0)
})

test('[yjs 13.4] who is wrong again and again is sent away; its neighbour is not', async () => {
  await using client = await at('again and again')
  await using neighbour = await at('again and again')
  for (let i = 0; i < 100; i++) client.send('0009')
  expect((await client.closed).code).toBe(1007)
  expect((await neighbour.asks()).hex).toBe('0001020000')
})

test('[yjs 4] a text frame is not taken for a message, and its sender stays', async () => {
  await using client = await at('text')
  client.socket.send(Buffer.from(U1m, 'hex').toString('latin1'))
  expect((await client.asks()).hex).toBe('0001020000')
  expect(await lengthOf('text')).toBe(0)
})

test('[yjs 11.2] an update that is cut off anywhere is not stored', async () => {
  await using client = await at('cut')
  const update = bytes(vectors.M123)
  for (let size = 0; size < update.length; size++) {
    if (client.isClosed) break
    client.send(updateOf(update.subarray(0, size)))
  }
  await client.asks()
  expect(await lengthOf('cut')).toBe(0)
})

test('[yjs 13.7] awareness that is not JSON reaches no client', async () => {
  await using sender = await at('no json')
  await using page = makePeer(roomsOf(cluster.nodes[0]!), 'no json')
  await page.synced()
  const good = Buffer.from(awarenessOf({ id: 7, clock: 1, state: { a: 'b' } })).toString('hex')
  const text = Buffer.from('{"a":"b"}').toString('hex')
  for (const bad of ['{"a":"b"]', '{"a":"b" ', '"a","b"}x'])
    sender.send(good.replace(text, Buffer.from(bad).toString('hex')))
  sender.send(awarenessOf({ id: 8, clock: 1, state: { a: 'b' } }))
  await page.sees(8, true)
  expect(page.provider.awareness.getStates().has(7)).toBe(false)
})

test('[yjs 13.1] an update above the limit closes with 4413, and is not stored', async () => {
  await using small = await makeCluster(1, { env: { YJS_MAX_UPDATE: '1024' } })
  await using client = await connectYjs(roomsOf(small.nodes[0]!), 'large').opened()
  await client.asks()
  await using page = makePeer(roomsOf(small.nodes[0]!), 'large')
  await page.synced()
  page.text.insert(0, 'x'.repeat(2_000))
  await until('it is closed', () => page.traffic.closes.includes(4413))
  expect(client.of('update')).toEqual([])
  expect((await client.asks()).hex).toBe('0001020000')
})
