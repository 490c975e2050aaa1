/** Threads of one process share its port; without Redis they hear each other within the process. */
import { expect, test } from 'vitest'
import { makeCluster } from '../../support/cluster.ts'
import { until } from '../../support/wait.ts'
import { roomsOf } from '../../support/yjs.ts'
import { areEqual, makePeer } from '../../support/yjsPeers.ts'

/** The kernel chooses a thread for each connection: of so many, hardly all go to one. */
const PEERS = 12
const SOON_MS = 3_000

test('[yjs 15.4] clients at several threads of a process without Redis see each other at once', async () => {
  await using cluster = await makeCluster(1, {
    redisUrl: '',
    env: { WORKERS: '2', EXCLUSIVE_PORT: '0' },
  })
  const rooms = roomsOf(cluster.nodes[0]!)
  const peers = Array.from({ length: PEERS }, (_, i) =>
    makePeer(rooms, 'threads', { state: { name: `peer ${i}` } }),
  )
  await Promise.all(peers.map((peer) => peer.synced()))
  const info = await cluster.nodes[0]!.document('yjs/threads')
  expect(info?.sessions).toHaveLength(2)
  peers.forEach(({ text }, i) => text.insert(0, `<${i}>`))
  const withinMs = SOON_MS
  await until('all are equal', () => areEqual(peers.map(({ doc }) => doc)), { withinMs })
  await until(
    'all see all',
    () => peers.every(({ provider }) => provider.awareness.getStates().size === PEERS),
    { withinMs },
  )
  for (const peer of peers) await peer[Symbol.asyncDispose]()
})
