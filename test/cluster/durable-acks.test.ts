import { expect, inject, test } from 'vitest'
import { makeCluster } from '../support/cluster.ts'
import { startPostgres } from '../support/faults.ts'
import { checkHistory } from '../support/history.ts'
import { seededRandom } from '../support/random.ts'
import { isLarge, limitMs } from '../support/scale.ts'
import { sleep, until } from '../support/wait.ts'
import { startWorkload } from '../support/workload.ts'

const { redisUrl } = inject('services')
const KILLS = isLarge ? 60 : 6
const RESTARTS = isLarge ? 20 : 4

test.skipIf(!redisUrl)(
  '[I2] no acknowledged append is lost while nodes are killed',
  { timeout: limitMs(KILLS * 2) },
  async () => {
    const random = seededRandom('kills')
    await using cluster = await makeCluster(3)
    const workload = startWorkload({ ...cluster, random, documents: ['alpha', 'beta', 'gamma'] })
    for (let kill = 0; kill < KILLS; kill++) {
      const before = workload.acknowledged()
      await until('appends go on', () => workload.acknowledged() > before + 50, {
        withinMs: 20_000,
      })
      const node = random.pick(cluster.nodes)
      await node.kill()
      await sleep(random.between(0, 1_000))
      await node.start()
    }
    const history = await workload.finish()
    expect(checkHistory(history)).toEqual([])
    // Some were under way when their node died: the checker has had something to decide.
    expect(
      history.attempts.filter(({ outcome }) => outcome === 'unanswered').length,
    ).toBeGreaterThan(0)
  },
)

test.skipIf(!redisUrl)(
  '[I2] no acknowledged append is lost while Postgres is restarted, by an operator and by a power cut',
  { timeout: limitMs(RESTARTS * 6) },
  async () => {
    const random = seededRandom('restarts of Postgres')
    await using server = await startPostgres()
    await using cluster = await makeCluster(3, { server: server.url })
    const workload = startWorkload({ ...cluster, random, documents: ['alpha', 'beta', 'gamma'] })
    for (let restart = 0; restart < RESTARTS; restart++) {
      const before = workload.acknowledged()
      await until('appends go on', () => workload.acknowledged() > before + 50, {
        withinMs: 20_000,
      })
      await server.restart(restart % 2 === 0 ? 'immediate' : 'fast')
    }
    const before = workload.acknowledged()
    await until('appends go on', () => workload.acknowledged() > before + 50, { withinMs: 20_000 })
    expect(checkHistory(await workload.finish())).toEqual([])
    const figures = await cluster.metrics()
    console.log(
      figures.of('append_statements_total', { result: 'lost' }),
      figures.of('appends_in_doubt_total'),
    )
    expect(figures.of('append_statements_total', { result: 'lost' })).toBeGreaterThan(0)
  },
)
