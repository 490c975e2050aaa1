/** YJS_REFUSE_AT_UPGRADE: who is not let in gets an answer of HTTP, and the application is asked once. */
import { get } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeServer, sendJson } from '../../auth/gateSupport.ts'
import type { FakeServer } from '../../auth/gateSupport.ts'
import { handshake } from '../../socket/support/bed.ts'
import { makeCluster } from '../../support/cluster.ts'
import type { Cluster } from '../../support/cluster.ts'
import { until } from '../../support/wait.ts'
import { connectYjs, roomsOf } from '../../support/yjs.ts'
import { makePeer, versions } from '../../support/yjsPeers.ts'

/** Says yes to `good` and `reader`, knows `bad`, and is out of order for `broken`. */
function answer(response: ServerResponse, { body }: { readonly body: string }): void {
  const { token } = (JSON.parse(body) as { query: { token?: string } }).query
  if (token === 'good') sendJson(response, { user: 'ann', permission: 'rw' })
  else if (token === 'reader') sendJson(response, { user: 'bob', permission: 'r' })
  else sendJson(response, {}, token === 'bad' ? 403 : token === 'broken' ? 500 : 401)
}

let hook: FakeServer
let cluster: Cluster
beforeAll(async () => {
  hook = await makeServer(answer)
  cluster = await makeCluster(1, {
    redisUrl: '',
    env: {
      ...{ YJS_REFUSE_AT_UPGRADE: '1', YJS_AUTH: 'hook', AUTH_HOOK_URL: hook.url },
      AUTH_CACHE_SECONDS: '0',
    },
  })
})
afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  await hook[Symbol.asyncDispose]()
})

function upgrade(path: string): Promise<IncomingMessage> {
  const headers = Object.fromEntries(
    handshake('/')
      .split('\r\n')
      .slice(1)
      .filter((line) => line !== '')
      .map((line) => line.split(': ') as [string, string]),
  )
  return new Promise((resolve, reject) => {
    const asking = get(cluster.nodes[0]!.httpUrl + path, { headers }, (response) => {
      response.resume()
      resolve(response)
    })
    asking.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve(response)
    })
    asking.on('error', reject)
  })
}

test.each([
  ['nobody', '', 401],
  ['somebody without access', '?token=bad', 403],
  ['anybody while the application cannot be asked', '?token=broken', 503],
  ['somebody', '?token=good', 101],
])('[yjs 7] %s is answered at the upgrade', async (_, query, status) => {
  const response = await upgrade(`/yjs/plan${query}`)
  expect(response.statusCode).toBe(status)
  if (status === 401) expect(response.headers['www-authenticate']).toBe('Bearer')
  if (status === 503) expect(Number(response.headers['retry-after'])).toBeGreaterThan(0)
})

test('[yjs 7] a room that nobody can have is forbidden, and the application is not asked', async () => {
  const before = hook.heard.length
  const response = await upgrade(`/yjs/${'x'.repeat(1_025)}?token=good`)
  expect(response.statusCode).toBe(403)
  expect(hook.heard).toHaveLength(before)
})

test('[yjs 7] the application is asked once for a client that is let in', async () => {
  const before = hook.heard.length
  await using client = await connectYjs(roomsOf(cluster.nodes[0]!), 'once?token=good').opened()
  await client.asks()
  expect(hook.heard).toHaveLength(before + 1)
})

test('[yjs 15.15] what it was let in with is what it may do', async () => {
  const rooms = roomsOf(cluster.nodes[0]!)
  await using writer = makePeer(rooms, 'may', { params: { token: 'good' } })
  await writer.synced()
  await using reader = makePeer(rooms, 'may', { params: { token: 'reader' } })
  await reader.synced()
  reader.text.insert(0, 'mine')
  writer.text.insert(0, 'yours')
  await reader.hears('yours')
  expect(writer.text.toJSON()).toBe('yours')
})

test.each(versions)(
  '[yjs 7] y-websocket %s is never connected, and waits longer',
  async (version) => {
    const rooms = roomsOf(cluster.nodes[0]!)
    await using peer = makePeer(rooms, 'shut', { version })
    await until('it has tried twice', () => peer.traffic.closes.length >= 2)
    expect(peer.traffic.closes.every((code) => code === 1006)).toBe(true)
    expect(peer.traffic.opens).toBe(0)
    expect(peer.provider.wsUnsuccessfulReconnects).toBeGreaterThanOrEqual(2)
  },
)

test('refusals are counted by what they are', async () => {
  const figures = await cluster.metrics()
  for (const code of ['unauthenticated', 'forbidden', 'try_later'])
    expect(figures.of('protocol_errors_total', { surface: 'yjs', code }), code).toBeGreaterThan(0)
})
