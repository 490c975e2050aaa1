import { expect, test } from 'vitest'
import { makeCluster } from '../support/cluster.ts'
import { startPostgresProxy } from '../support/faults.ts'
import type { PostgresProxy } from '../support/faults.ts'
import { checkHistory } from '../support/history.ts'
import { cutPoints } from '../support/postgresProxy.ts'
import { seededRandom } from '../support/random.ts'
import { isLarge, limitMs, troubleMs } from '../support/scale.ts'
import { sleep, until } from '../support/wait.ts'
import { startWorkload } from '../support/workload.ts'

const SECONDS = 15
const LEAST = isLarge ? 100 : 5

test(
  '[I4] [zwibbler 18.4] a commit whose connection breaks is found out before it is answered',
  { timeout: limitMs(SECONDS) },
  async () => {
    const random = seededRandom('no ambiguity')
    let postgres: PostgresProxy | undefined
    await using cluster = await makeCluster(3, {
      through: async (url) => {
        postgres = await startPostgresProxy(url, random.fork())
        return postgres.url
      },
    })
    await using proxy = postgres!
    const workload = startWorkload({ ...cluster, random, documents: ['alpha', 'beta', 'gamma'] })
    await until('it runs', () => workload.acknowledged() > 50)

    proxy.cutCommits({ probability: 0.05 })
    await sleep(troubleMs(SECONDS))
    await until(
      'each kind of cut was made',
      () => cutPoints.every((point) => proxy.cuts[point] >= LEAST),
      {
        withinMs: 30_000,
      },
    )
    proxy.cutCommits()

    const history = await workload.finish()
    expect(checkHistory(history)).toEqual([])
    const figures = await cluster.metrics()
    const doubts = (resolved: string): number => figures.of('appends_in_doubt_total', { resolved })
    console.log(
      proxy.cuts,
      proxy.passed(),
      workload.acknowledged(),
      doubts('stored'),
      doubts('conflict'),
      doubts('unknown'),
    )
    const cuts = cutPoints.reduce((sum, point) => sum + proxy.cuts[point], 0)
    expect(cuts).toBeGreaterThanOrEqual(20)
    expect(doubts('stored')).toBeGreaterThan(0)
    expect(doubts('unknown')).toBe(0)
    // Postgres answered all the time but for the cuts: every append was found out and answered.
    expect(history.attempts.filter(({ outcome }) => outcome === 'unanswered')).toEqual([])
  },
)
