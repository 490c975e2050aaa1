import { afterAll, beforeAll, inject, test } from 'vitest'
import type { Cluster } from '../../support/cluster.ts'
import { makeCluster } from '../../support/cluster.ts'
import { examples } from './examples.ts'
import { play } from './player.ts'

const { redisUrl } = inject('services')
let cluster: Cluster
beforeAll(async () => {
  cluster = await makeCluster(2)
})
afterAll(() => cluster[Symbol.asyncDispose]())

for (const [name, script] of Object.entries(examples)) {
  test.skipIf(!redisUrl)(`[zwibbler 20] ${name}, to the byte, through two nodes`, async () => {
    await play(
      script,
      cluster.nodes.map(({ url }) => url),
    )
  })
}
