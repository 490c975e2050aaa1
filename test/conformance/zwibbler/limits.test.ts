import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Cluster } from '../../support/cluster.ts'
import { makeCluster } from '../../support/cluster.ts'
import { until } from '../../support/wait.ts'
import { connectZwibbler } from '../../support/zwibbler.ts'
import type { ZwibblerClient } from '../../support/zwibbler.ts'

const env = {
  MAX_APPEND: '4KiB',
  MAX_INITIAL: '8KiB',
  MAX_DOCUMENT: '12KiB',
  MAX_BROADCAST: '2KiB',
  MAX_KEYS: '3',
  MAX_KEY_BYTES: '2KiB',
  MAX_CONNECTIONS: '8',
  MAX_MESSAGES: '200',
  MAX_UNANSWERED: '8',
  HANDSHAKE_MS: '500',
}
const { redisUrl } = inject('services')
let cluster: Cluster
let neighbour: ZwibblerClient
beforeAll(async () => {
  cluster = await makeCluster(1, { env })
  neighbour = await connectZwibbler(cluster.nodes[0]!.url, 'neighbour').joined()
})
afterAll(() => cluster[Symbol.asyncDispose]())

let documents = 0
const connect = (options: Parameters<typeof connectZwibbler>[2] = {}) =>
  connectZwibbler(cluster.nodes[0]!.url, `limited ${(documents += 1)}`, options)

/** The connection that crossed a limit ends with this code; the limit is counted, and others are served on. */
async function crosses(client: ZwibblerClient, limit: string, code: number): Promise<void> {
  expect(await client.closed).toBe(code)
  const hits = async () => (await cluster.nodes[0]!.metrics()).of('limits_hit_total', { limit })
  await until(`${limit} is counted`, async () => (await hits()) > 0)
  expect((await neighbour.append('.')).kind).toBe('stored')
}

const big = (size: number) => Buffer.alloc(size, 'x')

test.skipIf(!redisUrl)('[zwibbler 18.19] an append above MAX_APPEND: error 0, 1009', async () => {
  const client = await connect().joined()
  void client.append(big(4097))
  await crosses(client, 'MAX_APPEND', 1009)
  expect(client.received.at(-1)).toMatchObject({ kind: 'error', code: 0 })
})

test.skipIf(!redisUrl)('initial data above MAX_INITIAL: error 0, 1009', async () => {
  const client = connect({ initial: big(8193) })
  client.joined().catch(() => undefined)
  await crosses(client, 'MAX_INITIAL', 1009)
})

test.skipIf(!redisUrl)('a document that would pass MAX_DOCUMENT: error 0, 1009', async () => {
  const client = await connect({ initial: big(8192) }).joined()
  expect((await client.append(big(4096))).kind).toBe('stored')
  void client.append('x')
  await crosses(client, 'MAX_DOCUMENT', 1009)
})

test.skipIf(!redisUrl)('a broadcast above MAX_BROADCAST: error 0, 1009', async () => {
  const client = await connect().joined()
  client.broadcast(big(2049))
  await crosses(client, 'MAX_BROADCAST', 1009)
})

test.skipIf(!redisUrl)(
  'keys beyond MAX_KEYS or MAX_KEY_BYTES are refused; the connection stays',
  async () => {
    const client = await connect().joined()
    const set = (name: string, value: string) =>
      client.setKey({ lifetime: 0, old: 0, new: 1, name, value })
    for (const name of ['a', 'b', 'c']) expect(await set(name, '1')).toBe(true)
    expect(await set('d', '1')).toBe(false)
    const other = await connect().joined()
    expect(
      await other.setKey({ lifetime: 0, old: 0, new: 1, name: 'a', value: 'x'.repeat(2048) }),
    ).toBe(false)
    expect((await client.append('still here')).kind).toBe('stored')
    await client.close()
    await other.close()
  },
)

test.skipIf(!redisUrl)('more than MAX_UNANSWERED appends at once: 1013', async () => {
  const client = await connect().joined()
  for (let i = 0; i < 20; i++) void client.append('x', i)
  const frame = Buffer.concat([
    Buffer.from([5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 99]),
    Buffer.from('x'),
  ])
  for (let i = 0; i < 20; i++) client.send(frame)
  await crosses(client, 'MAX_UNANSWERED', 1013)
})

test.skipIf(!redisUrl)('[zwibbler 18.19] more messages than MAX_MESSAGES: 1013', async () => {
  const client = await connect().joined()
  for (let i = 0; i < 1_000; i++) client.broadcast('x')
  await crosses(client, 'MAX_MESSAGES', 1013)
})

test.skipIf(!redisUrl)('[zwibbler 18.19] no whole init within HANDSHAKE_MS: dropped', async () => {
  const client = connect({ raw: true })
  await crosses(client, 'HANDSHAKE_MS', 1006)
})

test.skipIf(!redisUrl)('more than MAX_CONNECTIONS: 503 with Retry-After', async () => {
  const { url } = cluster.nodes[0]!
  const crowd = await Promise.all(Array.from({ length: 7 }, () => connect().joined()))
  const refused = await new Promise<{ status: number | undefined; retry: string | undefined }>(
    (resolve) => {
      const socket = new WebSocket(url)
      socket.on('unexpected-response', (_request, response) => {
        resolve({ status: response.statusCode, retry: response.headers['retry-after'] })
        socket.terminate()
      })
      socket.on('error', () => undefined)
      socket.on('open', () => resolve({ status: 101, retry: undefined }))
    },
  )
  expect(refused.status).toBe(503)
  expect(Number(refused.retry)).toBeGreaterThan(0)
  expect((await neighbour.append('.')).kind).toBe('stored')
  await Promise.all(crowd.map((client) => client.close()))
})
