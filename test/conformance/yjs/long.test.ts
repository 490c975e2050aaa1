/** What takes its time: everything here waits at once. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { Cluster } from '../../support/cluster.ts'
import { makeCluster } from '../../support/cluster.ts'
import { sleep, until } from '../../support/wait.ts'
import { roomsOf } from '../../support/yjs.ts'
import { makePeer, versions } from '../../support/yjsPeers.ts'

const { redisUrl } = inject('services')
const IDLE_MS = 80_000
/** A lease and a grace; clients forget by themselves only after 30 s. */
const DEAD_MS = 20_000

let cluster: Cluster
beforeAll(async () => {
  cluster = await makeCluster(3)
})
afterAll(() => cluster[Symbol.asyncDispose]())

describe.concurrent('long waits', () => {
  const timeout = IDLE_MS + 20_000
  for (const version of versions) {
    test(
      `[yjs 15.8] a lone idle ${version}, shown to others or not, keeps its connection for ${IDLE_MS / 1000} s`,
      { timeout },
      async () => {
        const rooms = roomsOf(cluster.nodes[0]!)
        await using shown = await makePeer(rooms, `idle ${version}`, { version }).synced()
        const hiddenRoom = `hidden ${version}`
        await using hidden = await makePeer(rooms, hiddenRoom, { version, state: null }).synced()
        await sleep(IDLE_MS) // that nothing happens
        for (const { provider, traffic } of [shown, hidden]) {
          expect(traffic).toMatchObject({ opens: 1, closes: [] })
          expect(provider.synced).toBe(true)
        }
      },
    )
  }

  test.skipIf(!redisUrl)(
    '[yjs 15.17] who was at a node that is killed disappears, unless it comes back at another',
    { timeout },
    async () => {
      const [, dying, other] = cluster.nodes
      await using observer = await makePeer(roomsOf(other!), 'killed').synced()
      const state = { name: 'Ann' }
      await using gone = await makePeer(roomsOf(dying!), 'killed', { state }).synced()
      await using back = await makePeer(roomsOf(dying!), 'killed', { state }).synced()
      const ids = [gone, back].map(({ doc }) => doc.clientID)
      for (const id of ids) await observer.sees(id, true)
      const removed = new Set<number>()
      observer.provider.awareness.on('change', (change: { removed: number[] }) => {
        for (const id of change.removed) removed.add(id)
      })
      await dying!.kill()
      back.provider.serverUrl = roomsOf(other!)
      await back.synced()
      await observer.sees(ids[0]!, false, { withinMs: DEAD_MS })
      await until('the other one is still here', () =>
        observer.provider.awareness.getStates().has(ids[1]!),
      )
      expect([...removed]).toEqual([ids[0]])
    },
  )
})
