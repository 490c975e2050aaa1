/** deploy/nginx, apache and haproxy, each as it is committed, in front of two nodes. */
import { get } from 'node:http'
import { get as getTls } from 'node:https'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { ClientOptions } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { makeCluster } from '../support/cluster.ts'
import type { Cluster } from '../support/cluster.ts'
import { freePort } from '../support/ports.ts'
import { hasReverseProxies, SITE, startReverseProxy } from '../support/reverseProxies.ts'
import type { ProxyName, ReverseProxy } from '../support/reverseProxies.ts'
import { until } from '../support/wait.ts'
import { connectZwibbler } from '../support/zwibbler.ts'

const IDLE_SECONDS = 3
const TOKEN = 'a-token-in-a-url'
/** Not the proxies', so that it is seen whose address a node takes for the client's. */
const localAddress = '127.0.0.77'
const trusting = { rejectUnauthorized: false, servername: SITE, headers: { Host: SITE } }
const options: ClientOptions = { ...trusting, localAddress }

class TrustingSocket extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols, options)
  }
}

const portsOf = async () => ({ port: await freePort(), adminPort: await freePort() })

const all: [ProxyName, 'kill' | 'stop'][] = [
  ['nginx', 'kill'],
  ['apache', 'stop'],
  ['haproxy', 'kill'],
]

describe.skipIf(!hasReverseProxies).each(all)('%s', (name, end) => {
  let cluster: Cluster
  let proxy: ReverseProxy
  const disposables: AsyncDisposable[] = []
  const url = (path = '/socket') => `wss://127.0.0.1:${proxy.port}${path}`
  const id = `${name}-board`
  const join = (document = id) => connectZwibbler(url(), document, { socket: options })

  beforeAll(async () => {
    const backends = await Promise.all([portsOf(), portsOf()])
    cluster = await makeCluster(2, {
      env: {
        ...{ TRUST_PROXY: '127.0.0.1', KEEP_ALIVE_MS: '1000', LOG_LEVEL: 'debug' },
        ...{ LEASE_MS: '3000', DRAIN_MS: '300' },
      },
      envOf: (index) => ({
        PORT: String(backends[index]!.port),
        ADMIN_PORT: String(backends[index]!.adminPort),
      }),
    })
    disposables.push(cluster)
    proxy = await startReverseProxy(name, backends, IDLE_SECONDS)
    disposables.push(proxy)
  })

  afterAll(async () => {
    for (const each of disposables.reverse()) await each[Symbol.asyncDispose]()
  })

  test('an idle connection outlives the proxy’s timeout by the pings of its node', async () => {
    await using idle = join(`${name}-idle`)
    await idle.joined()
    let pings = 0
    idle.socket.on('ping', () => (pings += 1))
    await until('pings for longer than the proxy would wait', () => pings > IDLE_SECONDS + 1)
    expect(idle.isClosed).toBe(false)
  })

  test('clients of both protocols meet across the nodes, over TLS', async () => {
    const clients = Array.from({ length: 4 }, () => join())
    await Promise.all(clients.map((client) => client.joined()))
    await until('both nodes have some of them', async () => {
      const seen = await cluster.nodes[0]!.document(`zwibbler/${id}`)
      return seen?.sessions.length === 2
    })
    expect((await clients[0]!.append('through the proxy')).kind).toBe('stored')
    await Promise.all(clients.map((client) => client.hears('through the proxy')))
    for (const client of clients) await client.close()
  })

  test('a node sees the client’s own address and the host that it asked for, whatever it says', async () => {
    const told = { ...trusting.headers, 'X-Forwarded-For': '6.6.6.6', Forwarded: 'for=6.6.6.6' }
    const page = (origin: string) =>
      new WebSocket(url(), {
        ...options,
        origin,
        headers: { ...told, 'X-Forwarded-Host': 'evil.example' },
      })
    const evil = page('https://evil.example')
    const status = await new Promise((resolve) => {
      evil.on('unexpected-response', (_, response) => resolve(response.statusCode))
      evil.on('error', () => undefined)
    })
    evil.terminate()
    expect(status).toBe(403)
    const refused = await until('a node has refused it', () =>
      cluster.nodes.flatMap((node) => node.logs('a page of another origin was refused')).at(-1),
    )
    expect(refused).toMatchObject({ address: localAddress, host: SITE })
    const own = page(`https://${SITE}`)
    await new Promise((resolve, reject) => own.once('open', resolve).once('error', reject))
    own.terminate()
  })

  test('nothing of the admin port can be reached, and who comes without TLS is sent away', async () => {
    for (const path of ['/metrics', '/readyz', '/livez', '/documents/x'])
      expect(await statusOf(getTls, proxy.port, path), path).toBe(404)
    expect(await statusOf(getTls, proxy.port, '/')).toBe(200)
    expect(await statusOf(get, proxy.plainPort, '/socket')).toBe(301)
  })

  test('its log has requests, and no tokens', async () => {
    const socket = new WebSocket(url(`/socket?token=${TOKEN}`), options)
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    socket.close()
    await statusOf(getTls, proxy.port, `/socket?token=${TOKEN}`)
    await until('it is logged', async () => (await proxy.log()).includes('GET /socket'))
    expect(await proxy.log()).not.toContain(TOKEN)
  })

  test('clients come back through it to the other node when one is gone', async () => {
    const [ann, bob] = [makeDoc(proxy, `${name}-room`), makeDoc(proxy, `${name}-room`)]
    await until('both are there', () => ann.provider.synced && bob.provider.synced)
    ann.text.insert(0, 'before')
    await until('bob has it', () => bob.text.toJSON() === 'before')
    const [gone, other] = cluster.nodes
    await gone![end]()
    // At once, before the proxy has noticed by itself.
    const first = Array.from({ length: 4 }, () => join())
    await Promise.all(first.map((client) => client.joined()))
    await Promise.all(first.map((client) => client.close()))
    ann.text.insert(6, ', after')
    await until('bob has that, too', () => bob.text.toJSON() === 'before, after')
    // Every new connection, not only most of them.
    for (let i = 0; i < 6; i += 1) {
      await using client = join()
      await client.joined()
      await client.hears('through the proxy')
    }
    await gone!.start()
    await until('it is used again', async () => {
      await using client = join()
      await client.joined()
      return (await gone!.metrics()).of('connections') > 0
    })
    expect(other!.isRunning).toBe(true)
    for (const { provider } of [ann, bob]) provider.destroy()
    expect(await proxy.log()).not.toContain(TOKEN)
  })
})

function makeDoc(proxy: ReverseProxy, room: string) {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(`wss://127.0.0.1:${proxy.port}/yjs`, room, doc, {
    WebSocketPolyfill: TrustingSocket as never,
    disableBc: true,
    maxBackoffTime: 500,
  })
  return { provider, text: doc.getText('t') }
}

function statusOf(ask: typeof get, port: number, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    ask({ port, path, ...trusting, localAddress, agent: false }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode))
    }).on('error', reject)
  })
}
