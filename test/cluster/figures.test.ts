/** What a node says of itself, compared with what clients counted. */
import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { counters, gauges, histograms } from '../../src/metrics.ts'
import { makeCluster, type Cluster } from '../support/cluster.ts'
import type { TestNode } from '../support/nodes.ts'
import { hasPrometheus } from '../support/prometheus.ts'
import { until } from '../support/wait.ts'
import { roomsOf } from '../support/yjs.ts'
import { areEqual, makePeer } from '../support/yjsPeers.ts'
import { connectZwibbler, type ZwibblerClient } from '../support/zwibbler.ts'

const DOCUMENTS = 3
/** The kernel chooses a thread for each connection: of so many, hardly all go to one. */
const CLIENTS = 4 * DOCUMENTS
const APPENDS = 20

describe('a node with three worker threads', () => {
  let cluster: Cluster
  let node: TestNode
  beforeAll(async () => {
    cluster = await makeCluster(1, { env: { WORKERS: '3', EXCLUSIVE_PORT: '0' } })
    node = cluster.nodes[0]!
  })
  afterAll(() => cluster[Symbol.asyncDispose]())

  test('its figures are exactly what clients of all threads counted together', async () => {
    const clients = Array.from({ length: CLIENTS }, (_, i) =>
      counting(node, `doc ${i % DOCUMENTS}`),
    )
    await Promise.all(clients.map(({ client }) => client.joined()))
    const joined = clients.map((each) => each.heard())
    await Promise.all(clients.map((each) => each.work()))
    // What has been acknowledged is on its way to the others.
    for (const { client } of clients) {
      const length = await lengthOf(node, client, clients)
      await until('everybody has everything', () => client.position === length)
    }
    const heard = clients.map((each, i) => each.heard() - joined[i]!)
    const figures = await node.metrics()
    const zwibbler = { surface: 'zwibbler' }
    const sum = (of: (each: Counting) => number) => clients.reduce((all, each) => all + of(each), 0)
    expect({
      stored: figures.of('appends_total', { ...zwibbler, outcome: 'stored' }),
      answered: figures.of('append_duration_seconds_count', zwibbler),
      refused:
        figures.of('appends_total', { ...zwibbler, outcome: 'conflict' }) +
        figures.of('appends_total', { ...zwibbler, outcome: 'conflict_memory' }),
      received: figures.of('received_messages_total', zwibbler),
      joins: figures.of('join_duration_seconds_count', { ...zwibbler, outcome: 'joined' }),
      given:
        figures.of('delivered_bytes_total', zwibbler) +
        figures.of('catch_up_bytes_total', { cause: 'behind' }),
      sessions: figures.of('sessions', zwibbler),
      connections: figures.of('connections', zwibbler),
      accepted: figures.of('connections_accepted_total', zwibbler),
      open: figures.of('documents_open', zwibbler),
      admitted: figures.of('admissions_total', { ...zwibbler, outcome: 'granted' }),
      workers: figures.of('workers'),
      alive: figures.of('nodes_alive'),
    }).toEqual({
      stored: sum((each) => each.stored),
      answered: sum((each) => each.stored + each.refused),
      refused: sum((each) => each.refused),
      received: sum((each) => each.sent),
      joins: CLIENTS,
      given: heard.reduce((all, bytes) => all + bytes, 0),
      sessions: CLIENTS,
      connections: CLIENTS,
      accepted: CLIENTS,
      open: documentsOf(await sessionsOf(node)),
      admitted: CLIENTS,
      workers: 3,
      alive: 3,
    })
    expect(sum((each) => each.refused)).toBeGreaterThan(0)

    for (const { client } of clients) await client.close()
    await until('the sessions have ended', async () => (await node.metrics()).of('sessions') === 0)
    const after = await node.metrics()
    const closed = { ...zwibbler, by: 'client', code: '1000' }
    expect(after.of('connections_closed_total', closed)).toBe(CLIENTS)
    expect(after.of('connections')).toBe(0)
    expect(after.of('appends_total', zwibbler)).toBe(figures.of('appends_total', zwibbler))
  })

  test('rooms are counted under their own surface', async () => {
    const peers = [0, 1, 2].map(() => makePeer(roomsOf(node), 'figures'))
    await Promise.all(peers.map((peer) => peer.synced()))
    peers[0]!.text.insert(0, 'a')
    await until('all are equal', () => areEqual(peers.map(({ doc }) => doc)))
    const figures = await node.metrics()
    expect(figures.of('sessions', { surface: 'yjs' })).toBe(3)
    expect(figures.of('sessions', { surface: 'zwibbler' })).toBe(0)
    expect(figures.of('appends_total', { surface: 'yjs', outcome: 'stored' })).toBe(1)
    for (const peer of peers) await peer[Symbol.asyncDispose]()
  })

  test('its page has every metric of the table, and no other of ours', async () => {
    const page = await pageOf(node)
    const typed = [...page.matchAll(/^# TYPE lengthwise_(\w+) (\w+)$/gm)]
    const table = [
      ...Object.keys(counters).map((name) => [name, 'counter']),
      ...Object.keys(histograms).map((name) => [name, 'histogram']),
      ...Object.keys(gauges).map((name) => [name, 'gauge']),
      ['build_info', 'gauge'],
    ]
    expect(typed.map(([, name, type]) => [name, type]).sort()).toEqual(table.sort())
    // Every metric has a series, but for those of what has not happened or is not there.
    const series = new Set(
      [...page.matchAll(/^lengthwise_(\w+?)(_bucket|_sum|_count)?[{ ]/gm)].map(([, name]) => name),
    )
    const silent = table.map(([name]) => name!).filter((name) => !series.has(name))
    expect(silent).toEqual(
      silent.filter((name) => /^(redis_|tls_|protocol_errors_total$)/.test(name)),
    )
    for (const usual of ['process_resident_memory_bytes', 'nodejs_heap_size_used_bytes']) {
      expect(page).toContain(`\n${usual}`)
    }
  })

  test.skipIf(!hasPrometheus)('Prometheus finds nothing to say against its page', async () => {
    const page = await pageOf(node)
    const ours = page.split('\n').filter((line) => line.includes('lengthwise_'))
    const input = `${ours.join('\n')}\n`
    const found = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })
    expect(`${found.stdout}${found.stderr}`).toBe('')
    expect(found.status).toBe(0)
  })

  test('the public port has neither metrics nor probes nor documents', async () => {
    for (const path of [
      'metrics',
      'livez',
      'readyz',
      'documents/doc%200',
      'documents/zwibbler%2Fdoc',
    ]) {
      const answer = await fetch(`${node.httpUrl}/${path}`)
      expect(answer.status, path).toBe(404)
      expect(await answer.text(), path).not.toMatch(/lengthwise_|ready|epoch/)
    }
  })
})

interface Counting {
  readonly client: ZwibblerClient
  /** Answers to appends, and messages sent. */
  readonly stored: number
  readonly refused: number
  readonly sent: number
  /** Bytes of others' appends. */
  heard(): number
  work(): Promise<void>
}

/** A client that writes down what it does and what it is told. */
function counting(node: TestNode, document: string): Counting {
  const client = connectZwibbler(node.url, document)
  const count = { stored: 0, refused: 0, sent: 1 }
  return {
    client,
    get stored() {
      return count.stored
    },
    get refused() {
      return count.refused
    },
    get sent() {
      return count.sent
    },
    heard: () =>
      client.received.reduce(
        (bytes, each) => bytes + (each.kind === 'append' ? each.data.length : 0),
        0,
      ),
    async work() {
      for (let i = 0; i < APPENDS; i++) {
        count.sent += 1
        const { kind } = await client.append(`${i};`)
        if (kind === 'stored') count.stored += 1
        else count.refused += 1
      }
    },
  }
}

async function lengthOf(
  node: TestNode,
  client: ZwibblerClient,
  all: readonly Counting[],
): Promise<number> {
  const index = all.findIndex((each) => each.client === client) % DOCUMENTS
  return (await node.document(`doc ${index}`))!.length
}

const sessionsOf = (node: TestNode) =>
  Promise.all(Array.from({ length: DOCUMENTS }, (_, i) => node.document(`doc ${i}`)))

/** Each thread that has sessions of a document has it open. */
function documentsOf(documents: readonly ({ sessions: readonly unknown[] } | undefined)[]): number {
  return documents.reduce((sum, document) => sum + (document?.sessions.length ?? 0), 0)
}

async function pageOf(node: TestNode): Promise<string> {
  return await (await fetch(`${node.adminUrl}/metrics`)).text()
}
