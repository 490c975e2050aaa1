import { expect, inject, test } from 'vitest'
import { connectStubborn, gatherCrowd, tenths } from '../support/crowd.ts'
import { makeCluster } from '../support/cluster.ts'
import { slowReader, startPostgresProxy, startRedisProxy } from '../support/faults.ts'
import { seededRandom } from '../support/random.ts'
import { isLarge } from '../support/scale.ts'
import { until } from '../support/wait.ts'
import { connectZwibbler } from '../support/zwibbler.ts'

const { redisUrl = '' } = inject('services')
const SOCKETS = isLarge ? 10_000 : 500
const NOTICE_MS = isLarge ? 15_000 : 1_500
const DRAIN_MS = isLarge ? 20_000 : 2_000
/** What README and chart allow beyond those two. */
const SLACK_MS = 15_000
const env = { MAX_HANDSHAKES: '0', DRAIN_NOTICE_MS: String(NOTICE_MS), DRAIN_MS: String(DRAIN_MS) }
const CLOSE_1012 = Buffer.from([0x88, 10, 0x03, 0xf4])

test.skipIf(redisUrl === '')(
  `[I2] ${SOCKETS} connections of a node that is told to leave: everybody is closed with 1012, evenly over the drain time, and nothing that was acknowledged is lost`,
  { timeout: 240_000 },
  async () => {
    await using cluster = await makeCluster(2, { env })
    const [node, other] = cluster.nodes as [(typeof cluster.nodes)[0], (typeof cluster.nodes)[0]]
    const crowd = await gatherCrowd({ node, sockets: SOCKETS, thinkMs: isLarge ? 30_000 : 400 })
    const stubborn = await Promise.all(
      Array.from({ length: 5 }, () => connectStubborn(node, 'stubborn')),
    )
    await using author = await connectZwibbler(node.url, 'large').joined()
    await author.append(Buffer.alloc(8 * 2 ** 20, '.'))
    const readers = Array.from({ length: 4 }, () => connectZwibbler(node.url, 'large'))
    await until('they are connected', () => readers.every(({ socket }) => socket.readyState === 1))
    const paused = readers.map(slowReader)
    await until('changes are acknowledged', () => crowd.acknowledged() > SOCKETS / 5)

    const before = crowd.acknowledged()
    const began = performance.now()
    const stopping = node.stop(NOTICE_MS + DRAIN_MS + SLACK_MS)
    await until('it is not ready', async () => !(await node.ready()).ready, { everyMs: 5 })
    const noticedMs = performance.now() - began
    // Whoever does not know yet is served as before.
    await using late = await connectZwibbler(node.url, 'late').joined()
    expect((await late.append('late')).kind).toBe('stored')
    expect(crowd.farewells).toEqual([])
    await until('it closes', () => crowd.farewells.length > 0)
    // Two read on after all, two never do.
    for (const reader of paused.slice(2)) reader.resume()
    expect(await stopping).toBe(0)
    const tookMs = performance.now() - began

    for (const reader of paused) reader.resume()
    await until('all are closed', () => crowd.farewells.length === SOCKETS)
    const counts = tenths(crowd.farewells)
    console.log(
      `not ready after ${noticedMs.toFixed(0)} ms, gone after ${tookMs.toFixed(0)} ms, ${crowd.acknowledged() - before} acknowledged meanwhile`,
      `closes in each 100 ms: ${counts.join(' ')}`,
    )
    expect(new Set(crowd.farewells.map(({ code }) => code))).toEqual(new Set([1012]))
    expect(await Promise.all([late.closed, author.closed])).toEqual([1012, 1012])
    expect(await Promise.all(readers.slice(2).map(({ closed }) => closed))).toEqual([1012, 1012])
    for (const { heard, socket } of stubborn) {
      expect(heard.includes(CLOSE_1012)).toBe(true)
      socket.destroy()
    }
    // Not all at once, and not the rest at the end.
    expect(counts.length * 100).toBeGreaterThan(DRAIN_MS * 0.6)
    expect(Math.max(...counts)).toBeLessThan(SOCKETS / (isLarge ? 10 : 2))
    expect(tookMs).toBeLessThan(NOTICE_MS + DRAIN_MS + 2_000)
    expect(crowd.acknowledged()).toBeGreaterThan(before)
    expect(await crowd.violations(cluster.databaseUrl, other)).toEqual([])
    crowd.dispose()
  },
)

const absences = [
  { away: 'Redis', workers: '2', hurries: false },
  { away: 'Postgres', workers: '1', hurries: true },
  { away: 'Redis', workers: '1', hurries: false },
  { away: 'Postgres', workers: '2', hurries: true },
  { away: 'Postgres', workers: '2', hurries: false },
]

test.skipIf(redisUrl === '').each(absences.slice(0, isLarge ? absences.length : 2))(
  '[I2] with $away stalled, and $workers workers, a node leaves in time all the same (a second signal: $hurries)',
  { timeout: 120_000 },
  async ({ away, workers, hurries }) => {
    const random = seededRandom(`drain without ${away}`)
    await using redis = await startRedisProxy(redisUrl, random)
    const proxies: Awaited<ReturnType<typeof startPostgresProxy>>[] = []
    await using cluster = await makeCluster(1, {
      redisUrl: redis.url,
      env: { ...env, DRAIN_NOTICE_MS: '0', DRAIN_MS: '1000', WORKERS: workers },
      async through(url) {
        proxies.push(await startPostgresProxy(url, random))
        return proxies[0]!.url
      },
    })
    await using postgres = proxies[0]!
    const node = cluster.nodes[0]!
    const crowd = await gatherCrowd({ node, sockets: 60, thinkMs: 50 })
    await until('changes are acknowledged', () => crowd.acknowledged() > 60)
    if (away === 'Redis') redis.stall()
    else postgres.stall()
    const began = performance.now()
    const stopping = node.stop(1_000 + SLACK_MS)
    if (hurries) {
      await until('it closes', () => crowd.farewells.length > 0)
      process.kill(node.pid, 'SIGTERM')
    }
    expect(await stopping).toBe(0)
    const mostMs = hurries ? 5_000 : away === 'Redis' ? 5_000 : 1_000 + SLACK_MS
    expect(performance.now() - began).toBeLessThan(mostMs)
    await until('all are closed', () => crowd.farewells.length === crowd.size)
    expect(new Set(crowd.farewells.map(({ code }) => code))).toEqual(new Set([1012]))
    postgres.heal()
    redis.heal()
    await node.start()
    expect(await crowd.violations(cluster.databaseUrl, node)).toEqual([])
    crowd.dispose()
  },
)
