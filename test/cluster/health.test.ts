/** Each reason of /readyz, caused for real. */
import { expect, inject, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import type { CauseCode, Readiness } from '../../src/core/readiness.ts'
import { startNode } from '../../src/node.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { makeCluster } from '../support/cluster.ts'
import { makeDatabase } from '../support/databases.ts'
import { startPostgresProxy } from '../support/faults.ts'
import { freePort } from '../support/ports.ts'
import { seededRandom } from '../support/random.ts'
import { until } from '../support/wait.ts'

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

test('a node says by codes what it waits for at its start, that Postgres is away, and that it leaves', async () => {
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
  expect((await probe(adminUrl, 'livez')).ready).toBe(true)
  await migrate(database.url, { log })
  const node = await starting
  await says(undefined, 200)
  postgres.stall()
  await says('postgres_away', 503)
  expect((await probe(adminUrl, 'livez')).status).toBe(200)
  postgres.heal()
  await says(undefined, 200)
  const left = node.drain('the test is over')
  await says('draining', 503)
  await left
})

test.skipIf(!redisUrl)(
  'of three nodes that are overloaded together one is not ready; the others stay in and say so',
  async () => {
    // A heap that is always fuller than this: nothing else makes an overload last.
    const env = { OVERLOAD_HEAP_PERCENT: '1', NODE_OPTIONS: '--max-old-space-size=512' }
    await using cluster = await makeCluster(3, { env })
    const codes = () =>
      Promise.all(
        cluster.nodes.map(async ({ adminUrl }) => {
          const { status, details } = await probe(adminUrl, 'readyz')
          return `${status} ${details.map(({ code }) => code).join()}`
        }),
      )
    const wanted = ['200 overloaded_with_others', '200 overloaded_with_others', '503 overloaded']
    await until('one is out', async () => (await codes()).includes('503 overloaded'))
    await until('the others know', async () => (await codes()).sort().join() === wanted.join())
    const figures = await cluster.metrics()
    expect(figures.of('ready')).toBe(2)
    expect(figures.of('not_ready', { reason: 'overloaded' })).toBe(1)
    for (const { adminUrl } of cluster.nodes) {
      expect((await probe(adminUrl, 'livez')).status).toBe(200)
    }
  },
)
