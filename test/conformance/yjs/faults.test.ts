/** What clients see of a cluster that loses its bus, its database or a node: that they converge, and what they are told. */
import { expect, inject, test } from 'vitest'
import { makeCluster } from '../../support/cluster.ts'
import { startPostgresProxy, startRedisProxy } from '../../support/faults.ts'
import type { PostgresProxy } from '../../support/faults.ts'
import { seededRandom } from '../../support/random.ts'
import { sleep, until, within } from '../../support/wait.ts'
import { connectYjs, roomsOf } from '../../support/yjs.ts'
import { areEqual, makePeer, versions } from '../../support/yjsPeers.ts'

const { redisUrl = '' } = inject('services')
const random = seededRandom('yjs faults')
const BUS_GONE_MS = 5_000
const U1m = '00020f01010100040101740568656c6c6f00'

test.skipIf(redisUrl === '')(
  '[yjs 15.16] the bus is interrupted for 5 s during edits: all converge, and nobody had to reconnect',
  async () => {
    await using redis = await startRedisProxy(redisUrl, random)
    await using cluster = await makeCluster(2, { redisUrl: redis.url })
    const rooms = cluster.nodes.map(roomsOf)
    await using near = await makePeer(rooms[0]!, 'bus').synced()
    await using far = await makePeer(rooms[1]!, 'bus').synced()
    near.text.insert(0, 'before. ')
    await far.hears('before. ')
    redis.refuse()
    const end = Date.now() + BUS_GONE_MS
    for (let i = 0; Date.now() < end; i++) {
      for (const { text } of [near, far]) text.insert(random.between(0, text.length + 1), `${i} `)
      await sleep(100) // the pace of typing
    }
    redis.heal()
    near.text.insert(0, 'near is here. ')
    far.text.insert(0, 'far is here. ')
    await near.hears('far is here. ')
    await far.hears('near is here. ')
    await converged([near, far])
    expect([near, far].map(({ traffic }) => traffic.opens)).toEqual([1, 1])
  },
)

const converged = (peers: readonly { readonly doc: ReturnType<typeof makePeer>['doc'] }[]) =>
  until('all are equal', () => areEqual(peers.map(({ doc }) => doc)))

test.skipIf(redisUrl === '')(
  '[yjs 15.17] a node is killed: its clients converge on the other one, with what they wrote meanwhile',
  async () => {
    await using cluster = await makeCluster(2)
    const [dying, other] = cluster.nodes
    const peers = versions.map((version) => makePeer(roomsOf(dying!), 'killed', { version }))
    await using stays = await makePeer(roomsOf(other!), 'killed').synced()
    await Promise.all(peers.map((peer) => peer.synced()))
    for (const [i, { text }] of peers.entries()) text.insert(0, `<before ${versions[i]}>`)
    await dying!.kill()
    for (const [i, { text }] of peers.entries()) text.insert(0, `<after ${versions[i]}>`)
    // What a balancer does for them.
    const moved = peers.map(({ doc }, i) =>
      makePeer(roomsOf(other!), 'killed', { version: versions[i]!, doc }),
    )
    for (const version of versions) await stays.hears(`<after ${version}>`)
    await converged([stays, ...moved])
    for (const peer of [...moved, ...peers]) await peer[Symbol.asyncDispose]()
  },
)

test.skipIf(redisUrl === '')(
  '[yjs 13.9] SIGTERM: connections end with 1012 after what they sent is stored, and clients go on at the other node',
  async () => {
    await using cluster = await makeCluster(2)
    const [leaving, other] = cluster.nodes
    const peers = versions.map((version) => makePeer(roomsOf(leaving!), 'drained', { version }))
    await Promise.all(peers.map((peer) => peer.synced()))
    await using raw = await connectYjs(roomsOf(leaving!), 'drained too').opened()
    await raw.asks()
    raw.send(U1m)
    const stopping = leaving!.stop()
    for (const [i, { text }] of peers.entries()) text.insert(0, `<last of ${versions[i]}>`)
    await until('all are told', () => peers.every(({ traffic }) => traffic.closes.length > 0))
    for (const { provider } of peers) provider.disconnect()
    expect(peers.map(({ traffic }) => traffic.closes[0])).toEqual(versions.map(() => 1012))
    expect(await raw.closed).toEqual({ code: 1012, reason: 'draining' })
    expect(raw.of('update').map(({ hex }) => hex)).toEqual([U1m])
    expect(await stopping).toBe(0)
    const moved = peers.map(({ doc }, i) =>
      makePeer(roomsOf(other!), 'drained', { version: versions[i]!, doc }),
    )
    for (const peer of moved)
      for (const version of versions) await peer.hears(`<last of ${version}>`)
    for (const peer of [...moved, ...peers]) await peer[Symbol.asyncDispose]()
  },
)

test('[yjs 10.3] Postgres is away: an update is not echoed, its sender is closed with 1013, and it comes when Postgres is back', async () => {
  let through: PostgresProxy | undefined
  await using cluster = await makeCluster(1, {
    async through(url) {
      through = await startPostgresProxy(url, random)
      return through.url
    },
    env: { APPEND_DEADLINE_MS: '2000' },
  })
  await using postgres = through!
  const rooms = roomsOf(cluster.nodes[0]!)
  await using raw = await connectYjs(rooms, 'away').opened()
  await raw.asks()
  await using peer = await makePeer(rooms, 'away').synced()
  peer.text.insert(0, 'stored. ')
  await until('it is told', () => raw.of('update').length === 1)
  postgres.refuse()
  raw.send(U1m)
  peer.text.insert(0, 'not yet. ')
  expect((await within(20_000, 'the close', raw.closed)).code).toBe(1013)
  expect(raw.of('update')).toHaveLength(1)
  await until('it is closed', () => peer.traffic.closes.includes(1013))
  await using joining = connectYjs(rooms, 'another')
  expect((await within(20_000, 'the close', joining.closed)).code).toBe(1013)
  postgres.heal()
  await using late = await makePeer(rooms, 'away').synced()
  await late.hears('not yet. stored. ')
  expect(late.text.toJSON()).toBe('not yet. stored. ')

  // Connections that stay and bring nothing.
  await peer.synced()
  const closes = peer.traffic.closes.length
  postgres.stall()
  peer.text.insert(0, 'in doubt. ')
  await until('it is closed', () => peer.traffic.closes.length > closes)
  expect(peer.traffic.closes.at(-1)).toBe(1013)
  postgres.heal()
  await late.hears('in doubt. not yet. stored. ')
  expect(late.text.toJSON()).toBe('in doubt. not yet. stored. ')
})
