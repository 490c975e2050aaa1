import { expect, inject, test } from 'vitest'
import { makeCluster } from '../support/cluster.ts'
import { until } from '../support/wait.ts'
import { connectYjs, roomsOf, updateOf } from '../support/yjs.ts'
import * as Y from 'yjs'
import { connectZwibbler } from '../support/zwibbler.ts'
import { startCollector } from './collector.ts'
import type { Collector, SpanSeen } from './collector.ts'

const { redisUrl = '' } = inject('services')

const envFor = ({ url }: Collector): Record<string, string> => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: url,
  OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=a%20very%20secret%20key',
  OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
  OTEL_BSP_SCHEDULE_DELAY: '100',
  DRAIN_MS: '300',
})

const JSON_WIRE = { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }
const TWO_THREADS = { WORKERS: '2', EXCLUSIVE_PORT: '0' }
/** The kernel chooses a thread for each connection: of so many, hardly all go to one. */
const CLIENTS = 14

const childrenOf = ({ traceId, spanId }: SpanSeen, all: readonly SpanSeen[]): SpanSeen[] =>
  all.filter((span) => span.traceId === traceId && span.parentSpanId === spanId)

const below = (parent: SpanSeen, all: readonly SpanSeen[]): string[] =>
  childrenOf(parent, all)
    .map(({ name }) => name)
    .sort()

test.skipIf(redisUrl === '')(
  'an append is seen from its arrival to the other node: append, commit, publish and deliver, each below the right one',
  async () => {
    await using collector = await startCollector()
    await using cluster = await makeCluster(2, { env: { ...envFor(collector), ...JSON_WIRE } })
    const [near, far] = cluster.nodes
    const upgraded = `00-${'5'.repeat(32)}-${'7'.repeat(16)}-01`
    await using ann = await connectZwibbler(near!.url, 'traced', {
      socket: { headers: { traceparent: upgraded } },
    }).joined()
    await using bob = await connectZwibbler(far!.url, 'traced').joined()
    await ann.append('hello')
    await bob.hears('hello')
    await using editor = await connectYjs(roomsOf(near!), 'traced').opened()
    await editor.asks()
    const doc = new Y.Doc()
    doc.getText('t').insert(0, 'typed')
    editor.send(updateOf(Y.encodeStateAsUpdate(doc)))
    const { spans } = collector
    const appends = () => spans.filter(({ name }) => name === 'append')
    await until('both are told', () => appends().length === 2)
    // What ends with a node is sent before it goes.
    await ann.append(' again')
    await bob.hears(' again')
    const ends = await Promise.all([near!.stop(), far!.stop()])
    expect(ends).toEqual([0, 0])

    const [first, second, third] = ['hello', 'typed', ' again'].map(
      (_, i) => appends().sort((a, b) => a.began - b.began)[i]!,
    ) as [SpanSeen, SpanSeen, SpanSeen]
    expect(first).toMatchObject({ traceId: '5'.repeat(32), parentSpanId: '7'.repeat(16) })
    expect(third.traceId).toBe(first.traceId)
    expect(second.traceId).not.toBe(first.traceId)
    for (const append of [first, third])
      expect(below(append, spans)).toEqual(['commit', 'deliver', 'publish'])
    expect(first.attributes).toMatchObject({
      'lengthwise.surface': 'zwibbler',
      'lengthwise.document': 'zwibbler/traced',
      'lengthwise.offset': 0,
      'lengthwise.size': 5,
      'lengthwise.outcome': 'stored',
    })
    expect(second.attributes['lengthwise.document']).toBe('yjs/traced')
    const published = spans.find(
      ({ name, parentSpanId }) => name === 'publish' && parentSpanId === first.spanId,
    )!
    const delivered = spans.find(({ parentSpanId }) => parentSpanId === published.spanId)!
    expect(delivered).toMatchObject({ name: 'deliver', traceId: first.traceId })
    expect(delivered.attributes).toMatchObject({ 'lengthwise.sessions': 1, 'lengthwise.offset': 0 })
    expect(delivered.instance).not.toBe(first.instance)
    expect(new Set(spans.map(({ service }) => service))).toEqual(new Set(['lengthwise']))
    const commit = spans.find(
      ({ name, parentSpanId }) => name === 'commit' && parentSpanId === first.spanId,
    )!
    expect(commit.began).toBeGreaterThanOrEqual(Math.floor(first.began))
    expect(commit.attributes).toMatchObject({ 'lengthwise.result': 'committed' })
    expect(collector.requests[0]!.headers['x-api-key']).toBe('a very secret key')
  },
)

test('threads send spans as protobuf, the default: of each come its appends, and those of the other as delivered', async () => {
  await using collector = await startCollector()
  await using cluster = await makeCluster(1, { env: { ...envFor(collector), ...TWO_THREADS } })
  const node = cluster.nodes[0]!
  const joins = Array.from({ length: CLIENTS }, () => connectZwibbler(node.url, 'threads').joined())
  const clients = await Promise.all(joins)
  expect((await node.document('zwibbler/threads'))?.sessions).toHaveLength(2)
  for (const [i, client] of clients.entries()) {
    expect((await client.append(`<${i}>`)).kind).toBe('stored')
    await Promise.all(clients.map((each) => each.hears(`<${i}>`)))
  }
  expect(await node.stop()).toBe(0)

  const { spans } = collector
  const appends = spans.filter(({ name }) => name === 'append')
  const instances = new Set(appends.map(({ instance }) => instance))
  expect(appends.length).toBe(CLIENTS)
  expect([...instances].map((instance) => instance.slice(-2)).sort()).toEqual(['.0', '.1'])
  for (const append of appends) {
    expect(append.parentSpanId).toBe('')
    expect(append.attributes['lengthwise.outcome']).toBe('stored')
    const own = childrenOf(append, spans)
    expect(own.map(({ name }) => name).sort()).toEqual(['commit', 'deliver', 'publish'])
    expect(new Set(own.map(({ instance }) => instance))).toEqual(new Set([append.instance]))
    const published = own.find(({ name }) => name === 'publish')!
    const [delivered, ...more] = childrenOf(published, spans)
    expect(more).toEqual([])
    expect(delivered).toMatchObject({ name: 'deliver', traceId: append.traceId })
    expect(instances.has(delivered!.instance)).toBe(true)
    expect(delivered!.instance).not.toBe(append.instance)
    expect(delivered!.attributes['lengthwise.offset']).toBe(append.attributes['lengthwise.offset'])
  }
  const types = collector.requests.map(({ headers }) => headers['content-type'])
  expect(new Set(types)).toEqual(new Set(['application/x-protobuf']))
})

test('appends that share a statement are linked to it', async () => {
  await using collector = await startCollector()
  await using cluster = await makeCluster(1, { env: envFor(collector), redisUrl: '' })
  await using ann = await connectZwibbler(cluster.nodes[0]!.url, 'shared').joined()
  await Promise.all(Array.from({ length: 30 }, (_, i) => ann.append(`<${i}>`)))
  await cluster.nodes[0]!.stop()
  const { spans } = collector
  const commits = spans.filter(({ name }) => name === 'commit')
  const known = commits.flatMap(({ parentSpanId, links }) => [
    parentSpanId,
    ...links.map(({ spanId }) => spanId),
  ])
  const appends = spans.filter(({ name }) => name === 'append').map(({ spanId }) => spanId)
  expect(appends.length).toBe(30)
  expect(known.sort()).toEqual(appends.sort())
  expect(commits.some(({ links }) => links.length > 0)).toBe(true)
})

test('a collector that takes everything and answers nothing delays no append, and no node that leaves', async () => {
  await using collector = await startCollector()
  collector.stall()
  const env = { ...envFor(collector), ...TWO_THREADS }
  await using cluster = await makeCluster(1, { env, redisUrl: '' })
  const node = cluster.nodes[0]!
  await using ann = await connectZwibbler(node.url, 'stalled').joined()
  await ann.append('.')
  await until('it has been told', () => collector.requests.length > 0)
  const slowest = { ms: 0 }
  for (let i = 0; i < 1_500; i += 30) {
    const began = performance.now()
    const answers = await Promise.all(Array.from({ length: 30 }, () => ann.append('x')))
    slowest.ms = Math.max(slowest.ms, performance.now() - began)
    expect(answers.every(({ kind }) => kind === 'stored')).toBe(true)
  }
  expect(slowest.ms).toBeLessThan(5_000)
  const began = performance.now()
  expect(await node.stop()).toBe(0)
  expect(performance.now() - began).toBeLessThan(5_000)
})

test('a collector that is not there is complained of once, without what is in the headers, and holds up nobody who leaves', async () => {
  await using collector = await startCollector()
  const env = {
    ...envFor(collector),
    ...{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_EXPORTER_OTLP_TIMEOUT: '500' },
  }
  await using cluster = await makeCluster(1, { env, redisUrl: '' })
  const node = cluster.nodes[0]!
  await using ann = await connectZwibbler(node.url, 'gone').joined()
  const complaints = () => node.logs('spans could not be sent')
  for (let i = 0; complaints().length === 0; i++)
    expect((await ann.append(`${i}`)).kind).toBe('stored')
  for (let i = 0; i < 100; i++) await ann.append('x')
  expect(complaints().length).toBe(1)
  expect(JSON.stringify(node.logs())).not.toContain('very secret')
  const began = performance.now()
  expect(await node.stop()).toBe(0)
  expect(performance.now() - began).toBeLessThan(5_000)
})
