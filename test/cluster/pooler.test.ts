import { expect, inject, test } from 'vitest'
import { migrate } from '../../src/postgres/migrate.ts'
import { makeCluster } from '../support/cluster.ts'
import { checkHistory } from '../support/history.ts'
import { hasPooler, startPooler } from '../support/pooler.ts'
import { seededRandom } from '../support/random.ts'
import { until } from '../support/wait.ts'
import { startWorkload } from '../support/workload.ts'
import { roomsOf } from '../support/yjs.ts'
import { areEqual, makePeer } from '../support/yjsPeers.ts'

const { databaseUrl, redisUrl } = inject('services')
const silent = () => undefined
const log = { debug: silent, info: silent, warn: silent, error: silent }
/** Of 2 nodes with 11 each. */
const CONNECTIONS = 6

test.skipIf(!hasPooler || !redisUrl)(
  '[I1] [I2] [I3] two nodes share few connections through a pooler in transaction mode',
  { timeout: 60_000 },
  async () => {
    await using pooler = await startPooler(databaseUrl, CONNECTIONS)
    await using cluster = await makeCluster(2, {
      env: { MIGRATE: '0', PREPARED_STATEMENTS: '0', SWEEP_ACTIVE_MS: '500', LEASE_MS: '3000' },
      async through(url) {
        await migrate(url, { log })
        return pooler.through(url)
      },
    })
    const random = seededRandom('pooler')
    const workload = startWorkload({ ...cluster, random, documents: ['a', 'b'] })
    const peers = Array.from({ length: 6 }, (_, i) =>
      makePeer(roomsOf(cluster.nodes[i % 2]!), 'pooled', { state: { name: `peer ${i}` } }),
    )
    await Promise.all(peers.map((peer) => peer.synced()))
    for (let i = 0; i < 120; i++) {
      peers[i % 6]!.text.insert(0, `<${i}>`)
      if (i % 10 === 9) await peers[i % 6]!.hears(`<${i - 1}>`)
    }
    await until('all are equal', () => areEqual(peers.map(({ doc }) => doc)))
    await until('some appends are stored', () => workload.acknowledged() > 300)
    expect(checkHistory(await workload.finish())).toEqual([])
    expect((await cluster.nodes[0]!.document('yjs/pooled'))?.sessions).toHaveLength(2)
    const figures = await cluster.metrics()
    expect(figures.of('ready')).toBe(2)
    // `retry` is no fault of the pooler: rows that are locked for long, as on a busy disk.
    const failed = ['away', 'lost', 'rejected'].map((code) =>
      figures.of('postgres_errors_total', { code }),
    )
    expect(failed).toEqual([0, 0, 0])
    expect(figures.of('postgres_connections')).toBeGreaterThan(CONNECTIONS)
    for (const peer of peers) await peer[Symbol.asyncDispose]()
  },
)
