/** Spec 18, "robustness and safety", and section 2's compression, against two real nodes. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { Cluster } from '../../support/cluster.ts'
import { makeCluster } from '../../support/cluster.ts'
import { slowReader } from '../../support/faults.ts'
import { until } from '../../support/wait.ts'
import { connectZwibbler } from '../../support/zwibbler.ts'
import type { ConnectOptions, ZwibblerClient } from '../../support/zwibbler.ts'
import { addToken, errorOf, manage, outcomeOf, secrets } from './support.ts'

const { redisUrl } = inject('services')
const ALLOWED = 'https://boards.example'
/** Nobody listens at port 1. */
const WEBHOOK = 'http://127.0.0.1:1/hook'

let cluster: Cluster
beforeAll(async () => {
  cluster = await makeCluster(2, {
    env: { ...secrets, ZWIBBLER_WEBHOOK: WEBHOOK, ALLOWED_ORIGINS: ALLOWED, LOG_LEVEL: 'debug' },
    // The first node as the reference server is, the second one strict.
    envOf: (index) => ({ ZWIBBLER_READERS_MAY_SIGNAL: index === 0 ? '1' : '0' }),
  })
})
afterAll(() => cluster[Symbol.asyncDispose]())

const on = (node: number, id: string, options?: ConnectOptions): ZwibblerClient =>
  connectZwibbler(cluster.nodes[node]!.url, id, options)

test.each([1, 2, 3])(
  '[zwibbler 18.16] a maximum message size of %i gives frames of the smallest size that carries something',
  async (maxSize) => {
    const document = `size ${maxSize}`
    const initial = Buffer.alloc(100, '0123456789')
    const writer = await on(0, document, { initial }).joined()
    const reader = await on(0, document, { maxSize }).joined()
    await writer.append('behind it')
    await reader.hears('behind it')
    expect(reader.text()).toBe(`${initial.toString()}behind it`)
    expect(reader.frames.every(({ length }) => length === 3)).toBe(true)
    for (const client of [writer, reader]) await client.close()
  },
)

test.each([
  ['of one byte', [1]],
  ['of no byte', []],
  ['of type 0x84', [0x84, 0, 0, 0]],
  ['that is an append', [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 33]],
])('[zwibbler 18.17] a first frame %s ends the connection', async (_, bytes) => {
  const client = on(0, '', { raw: true })
  await until('it is open', () => client.socket.readyState === client.socket.OPEN)
  client.send(Buffer.from(bytes))
  expect(await client.closed).toBe(1002)
  expect(client.received).toEqual([])
})

test('[zwibbler 18.20] a webhook that cannot be reached takes no node down', async () => {
  await (await on(0, 'idle soon').joined()).close()
  const [node] = cluster.nodes as [Cluster['nodes'][number]]
  const failed = 'idle event not taken by the webhook, to be sent again'
  const failures = () => cluster.nodes.flatMap((each) => each.logs(failed))
  await until('it was tried', () => failures().length > 0, { withinMs: 40_000 })
  expect(cluster.nodes.map(({ isRunning }) => isRunning)).toEqual([true, true])
  const client = await on(0, 'after the webhook').joined()
  expect((await client.append('x')).kind).toBe('stored')
  await client.close()
  expect((await node.ready()).ready).toBe(true)
})

describe('[zwibbler 18.22] a read-only client', () => {
  const wish = { lifetime: 0, old: 0, new: 1, name: 'cursor', value: '1' }
  async function makeReader(node: number, document: string): Promise<ZwibblerClient> {
    const token = `${document} reader`
    await addToken(cluster.nodes[0]!, { token, documentID: document, permissions: 'r' })
    return await on(node, token).joined()
  }

  test('may broadcast and set keys, as with the reference server', async () => {
    const writer = await on(0, 'signals').joined()
    const reader = await makeReader(0, 'signals')
    expect(await reader.setKey(wish)).toBe(true)
    reader.broadcast('hello')
    await until('it is heard', () => writer.received.some(({ kind }) => kind === 'broadcast'))
    expect(writer.keys().get('cursor')?.value).toBe('1')
    for (const client of [writer, reader]) await client.close()
  })

  test('may not with ZWIBBLER_READERS_MAY_SIGNAL=0, and writers still may', async () => {
    const [writer, other] = [await on(1, 'silence').joined(), await on(1, 'silence').joined()]
    const reader = await makeReader(1, 'silence')
    reader.broadcast('hello')
    expect(await reader.setKey(wish)).toBe(false)
    expect(await other.setKey(wish)).toBe(true)
    other.broadcast('from a writer')
    await until('it is heard', () => writer.received.some(({ kind }) => kind === 'broadcast'))
    const heard = writer.received.filter(({ kind }) => kind === 'broadcast')
    expect(heard).toMatchObject([{ data: Buffer.from('from a writer') }])
    for (const client of [writer, other, reader]) await client.close()
  })
})

test('[zwibbler 18.24] pages of other origins may neither connect nor read answers', async () => {
  const open = async (origin: string) => {
    const client = on(0, 'origins', { socket: { origin } })
    const refused = new Promise<number | undefined>((resolve) => {
      client.socket.once('unexpected-response', (_request, response: IncomingMessage) => {
        resolve(response.statusCode)
        client.socket.terminate()
      })
    })
    const outcome = await Promise.race([refused, outcomeOf(client)])
    client.socket.terminate()
    return outcome
  }
  expect(await open(ALLOWED)).toBe('in')
  expect(await open('https://elsewhere.example')).toBe(403)
  expect(await open('null')).toBe(403)
  const cors = async (origin: string) => {
    const answer = await fetch(`${cluster.nodes[0]!.httpUrl}/socket`, { headers: { origin } })
    return answer.headers.get('access-control-allow-origin')
  }
  expect(await cors(ALLOWED)).toBe(ALLOWED)
  expect(await cors('https://elsewhere.example')).toBeNull()
})

test.skipIf(!redisUrl)(
  '[zwibbler 18.25] a deleted document’s clients are all ended, on both nodes',
  async () => {
    const clients = Array.from({ length: 80 }, (_, i) => on(i % 2, 'crowded'))
    await Promise.all(clients.map((client) => client.joined()))
    await manage(cluster.nodes[0]!, { method: 'deleteDocument', documentID: 'crowded' })
    const codes = await Promise.all(clients.map(({ closed }) => closed))
    expect(new Set(codes)).toEqual(new Set([1008]))
    expect(new Set(clients.map(errorOf))).toEqual(new Set(['1 does not exist']))
  },
)

test('[zwibbler 18.26] an error frame goes out before the close code, behind all that waits', async () => {
  const [node] = cluster.nodes as [Cluster['nodes'][number]]
  const token = { token: 'slow', documentID: 'flood', permissions: 'r', userID: 'slow' }
  await addToken(node, token)
  const writer = await on(0, 'flood').joined()
  const reader = await on(0, 'slow').joined()
  const slow = slowReader(reader)
  const piece = Buffer.alloc(32 * 1024, 'flood ')
  const paused = async () => (await node.metrics()).of('sessions_paused_total')
  const before = await paused()
  await until('its buffer is full', async () => {
    await writer.append(piece)
    return (await paused()) > before
  })
  await manage(node, { method: 'updateUser', userID: 'slow', permissions: '' })
  const denied = { surface: 'zwibbler', code: 'denied' }
  await until('it is refused', async () => {
    return (await node.metrics()).of('protocol_errors_total', denied) > 0
  })
  slow.resume()
  expect(await reader.closed).toBe(1008)
  expect(reader.received.at(-1)).toMatchObject({ kind: 'error', code: 4, text: 'access denied' })
  expect(writer.text().startsWith(reader.text())).toBe(true)
  await reader[Symbol.asyncDispose]()
  await writer.close()
})

describe('[zwibbler 2] permessage-deflate', () => {
  const large = Buffer.alloc(1024 * 1024, 'easily compressed ')
  async function open(node: number, query: string) {
    const extensions: string[] = []
    let raw: Socket | undefined
    const { url } = cluster.nodes[node]!
    const socket = { perMessageDeflate: true }
    const client = connectZwibbler(`${url}${query}`, `deflate${query}`, { socket })
    client.socket.once('upgrade', ({ headers, socket: made }: IncomingMessage) => {
      extensions.push(...(headers['sec-websocket-extensions']?.split('; ').toSorted() ?? []))
      raw = made
    })
    await client.joined()
    return { client, extensions, bytesRead: () => raw?.bytesRead ?? 0 }
  }

  const answer = ['client_no_context_takeover', 'permessage-deflate', 'server_no_context_takeover']

  test.skipIf(!redisUrl).each([
    ['is negotiated without context takeover when it is offered', '', answer],
    ['is off with compression=0', '?compression=0', []],
  ])('%s, and a large message arrives right', async (_, query, extensions) => {
    const [writer, reader] = [await open(0, query), await open(1, query)]
    expect([writer.extensions, reader.extensions]).toEqual([extensions, extensions])
    expect((await writer.client.append(large)).kind).toBe('stored')
    await until('it is there', () => reader.client.position === large.length)
    expect(reader.client.text() === large.toString()).toBe(true)
    if (extensions.length === 0) expect(reader.bytesRead()).toBeGreaterThan(large.length)
    else expect(reader.bytesRead()).toBeLessThan(large.length / 20)
    for (const { client } of [writer, reader]) await client.close()
  })
})
