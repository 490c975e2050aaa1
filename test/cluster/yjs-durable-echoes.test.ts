import { expect, inject, test } from 'vitest'
import { makeCluster } from '../support/cluster.ts'
import { seededRandom } from '../support/random.ts'
import { isLarge, limitMs } from '../support/scale.ts'
import { until } from '../support/wait.ts'
import { startYjsWorkload } from '../support/yjsWorkload.ts'

const { redisUrl } = inject('services')
const KILLS = isLarge ? 30 : 3

test.skipIf(!redisUrl)(
  '[I2] [yjs 15.17] whatever the author of an update was told before a node is killed is in the room afterwards',
  { timeout: limitMs(KILLS * 3) },
  async () => {
    const random = seededRandom('durable echoes')
    await using cluster = await makeCluster(3, { env: { LEASE_MS: '3000' } })
    const workload = startYjsWorkload({ ...cluster, random: random.fork(), rooms: ['ann', 'bob'] })
    for (let kills = 0; kills < KILLS; kills++) {
      const before = workload.echoed()
      await until('edits come back', () => workload.echoed() > before + 40)
      const node = random.pick(cluster.nodes)
      await node.kill()
      // Before anybody has come back to upload it again.
      expect(await workload.check()).toEqual([])
      await node.start()
    }
    expect(await workload.finish()).toEqual([])
    console.log({ kills: KILLS, echoed: workload.echoed() })
  },
)
