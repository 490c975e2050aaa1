/** Each reason of /readyz, caused for real; side by side, because most of it is waiting. `redis_deaf`: deaf-subscriber.test.ts. */
import { expect, inject, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import type { CauseCode, Readiness } from '../../src/core/readiness.ts'
import { startNode } from '../../src/node.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { makeCluster } from '../support/cluster.ts'
import { makeDatabase } from '../support/databases.ts'
import { startPostgresProxy, starve } from '../support/faults.ts'
import { parseMetrics } from '../support/metrics.ts'
import { freePort } from '../support/ports.ts'
import { seededRandom } from '../support/random.ts'
import { makeSystemd } from '../support/systemd.ts'
import { hangThread, inspectable } from '../support/threads.ts'
import { until } from '../support/wait.ts'
import { connectZwibbler } from '../support/zwibbler.ts'

const { databaseUrl, redisUrl = '' } = inject('services')
const nothing = (): void => undefined
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing }

interface Heard extends Readiness {
  readonly status: number
}

async function probe(adminUrl: string, path: 'livez' | 'readyz'): Promise<Heard> {
  const answer = await fetch(`${adminUrl}/${path}`)
  return { status: answer.status, ...((await answer.json()) as Readiness) }
}

test.concurrent(
  'a node says by codes what it waits for at its start, that Postgres is away, and that it leaves',
  async () => {
    await using database = await makeDatabase(databaseUrl)
    await using postgres = await startPostgresProxy(database.url, seededRandom('readiness'))
    postgres.refuse()
    const adminPort = await freePort()
    const adminUrl = `http://127.0.0.1:${adminPort}`
    const says = (code: CauseCode | undefined, status: number) =>
      until(code ?? 'ready', async () => {
        const heard = await probe(adminUrl, 'readyz').catch(() => undefined)
        return heard?.status === status && heard.details[0]?.code === code
      })
    const env = { ADMIN_PORT: `${adminPort}`, PORT: '0', MIGRATE: '0', DRAIN_NOTICE_MS: '500' }
    const starting = startNode(readConfig({ ...env, DATABASE_URL: postgres.url }), { log })
    await says('postgres_away', 503)
    postgres.heal()
    await says('schema_old', 503)
    const metrics = async () => parseMetrics(await (await fetch(`${adminUrl}/metrics`)).text())
    const figures = await metrics()
    expect(figures.of('not_ready', { reason: 'schema_old' })).toBe(1)
    expect([figures.of('not_ready'), figures.of('ready')]).toEqual([1, 0])
    expect((await probe(adminUrl, 'livez')).ready).toBe(true)
    await migrate(database.url, { log })
    const node = await starting
    await says(undefined, 200)
    postgres.stall()
    await says('postgres_away', 503)
    expect((await probe(adminUrl, 'livez')).status).toBe(200)
    postgres.heal()
    await says(undefined, 200)
    const settings = ['lease_limit_seconds', 'drain_limit_seconds', 'drain_age_seconds']
    const serving = await metrics()
    expect(settings.map((name) => serving.of(name))).toEqual([10, 35.5, 0])
    const left = node.drain('the test is over')
    await says('draining', 503)
    expect((await metrics()).of('drain_age_seconds')).toBeGreaterThan(0)
    await left
  },
)

test.skipIf(!redisUrl)(
  'of three nodes that are overloaded together one is not ready; the others stay in and say so',
  { concurrent: true },
  async () => {
    // A heap that is always fuller than this: nothing else makes an overload last.
    const env = { OVERLOAD_HEAP_PERCENT: '1', NODE_OPTIONS: '--max-old-space-size=512' }
    await using cluster = await makeCluster(3, { env })
    const codes = () => Promise.all(cluster.nodes.map((node) => node.probe('readyz')))
    const wanted = ['200 overloaded_with_others', '200 overloaded_with_others', '503 overloaded']
    await until('one is out', async () => (await codes()).includes('503 overloaded'))
    await until('the others know', async () => (await codes()).sort().join() === wanted.join())
    const figures = await cluster.metrics()
    expect(figures.of('ready')).toBe(2)
    expect(figures.of('not_ready', { reason: 'overloaded' })).toBe(1)
    for (const node of cluster.nodes) expect(await node.probe('livez')).toBe('200 ')
  },
)

test.concurrent(
  'a node whose event loop is late is unready until it is better, and its clients stay',
  async () => {
    const env = { OVERLOAD_DELAY_MS: '200' }
    await using cluster = await makeCluster(1, { redisUrl: '', env })
    const node = cluster.nodes[0]!
    await using ann = await connectZwibbler(node.url, 'late').joined()
    const starved = starve(node)
    await until('it is overloaded', async () => (await node.probe('readyz')) === '503 overloaded')
    expect(await node.probe('livez')).toBe('200 ')
    expect((await ann.append('slowly;')).kind).toBe('stored')
    await starved.feed()
    const figures = await node.metrics()
    expect([figures.of('ready'), figures.of('not_ready', { reason: 'overloaded' })]).toEqual([0, 1])
    await until('it is better', async () => (await node.probe('readyz')) === '200 ')
    expect((await node.metrics()).of('not_ready')).toBe(0)
    expect((await ann.append('quickly;')).kind).toBe('stored')
    expect(ann.isClosed).toBe(false)
  },
)

test.concurrent(
  'a node with a thread that hangs for good fails both probes, and feeds no watchdog; the other thread serves on',
  async () => {
    await using systemd = await makeSystemd()
    const inspector = await inspectable()
    const unit = { PATH: systemd.path, NOTIFY_SOCKET: '/run/nobody', WATCHDOG_USEC: '1500000' }
    const env = { WORKERS: '2', EXCLUSIVE_PORT: '0', ...unit, ...inspector.env }
    await using cluster = await makeCluster(1, { redisUrl: '', env })
    const node = cluster.nodes[0]!
    const fed = async () => (await systemd.heard()).filter((state) => state === 'WATCHDOG=1').length
    await until('the watchdog is fed', async () => (await fed()) > 1)
    expect(await Promise.all([node.probe('readyz'), node.probe('livez')])).toEqual(['200 ', '200 '])
    const joins = Array.from({ length: 14 }, () => connectZwibbler(node.url, 'stuck').joined())
    const clients = await Promise.all(joins)
    expect((await node.document('zwibbler/stuck'))?.sessions).toHaveLength(2)

    await hangThread(node, inspector.port)
    await until('it is stuck', async () => (await node.probe('livez')) === '503 worker_stuck')
    const before = await fed()
    const probes = Promise.all([node.probe('readyz'), node.probe('livez')])
    const figures = await node.metrics()
    expect(await probes).toEqual(['503 worker_stuck', '503 worker_stuck'])
    expect([figures.of('ready'), figures.of('workers_late')]).toEqual([0, 1])
    expect(figures.of('not_ready', { reason: 'worker_stuck' })).toBe(1)
    expect(await fed()).toBe(before)
    const answers = clients.map((client) => client.append('x'))
    expect((await Promise.any(answers)).kind).toBe('stored')
  },
)
