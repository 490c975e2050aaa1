import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { makeCluster } from '../support/cluster.ts'
import type { Cluster } from '../support/cluster.ts'
import { slowReader } from '../support/faults.ts'
import type { TestNode } from '../support/nodes.ts'
import { isLarge } from '../support/scale.ts'
import { sleep, until } from '../support/wait.ts'
import { connectZwibbler } from '../support/zwibbler.ts'
import type { ZwibblerClient } from '../support/zwibbler.ts'

const { redisUrl } = inject('services')
const MIB = 1024 * 1024
/** What a slow reader is behind by: far more than it may cost. */
const BACKLOG = (isLarge ? 512 : 96) * MIB
const MAY_COST = 32 * MIB
const PIECE = 256 * 1024

let cluster: Cluster
beforeAll(async () => {
  cluster = await makeCluster(2)
  await warmUp()
})
afterAll(() => cluster[Symbol.asyncDispose]())

const content = (size: number, seed: number): Buffer => Buffer.alloc(size, `${seed} and so on `)

async function write(client: ZwibblerClient, bytes: number): Promise<void> {
  for (let sent = 0; sent < bytes; sent += PIECE) {
    expect(await client.append(content(PIECE, sent))).toMatchObject({ kind: 'stored' })
  }
}

/** Caches are filled and code is compiled: what comes on top afterwards is what a test costs. */
async function warmUp(): Promise<void> {
  const [near, far] = cluster.nodes
  const writer = await connectZwibbler(near!.url, 'warm', { record: false }).joined()
  const reader = await connectZwibbler(far!.url, 'warm', { record: false }).joined()
  await write(writer, 32 * MIB)
  await until('it is read', () => reader.position === 32 * MIB)
  const late = await connectZwibbler(far!.url, 'warm', { record: false }).joined()
  await until('it is read again', () => late.position === 32 * MIB)
  for (const client of [writer, reader, late]) await client.close()
}

/** The most memory that a node had while something went on, above what it had before. */
async function growth(node: TestNode, work: () => Promise<void>): Promise<number> {
  const before = await node.memory()
  let most = before
  let isOver = false
  const watching = (async () => {
    while (!isOver) {
      most = Math.max(most, await node.memory())
      await sleep(50)
    }
  })()
  await work().finally(() => (isOver = true))
  await watching
  return most - before
}

test.skipIf(!redisUrl)(
  '[I6] [zwibbler 18.19] a slow reader is paused, costs its node nothing that grows, and is caught up on the same connection',
  { timeout: 120_000 },
  async () => {
    const [near, far] = cluster.nodes
    await using ann = await connectZwibbler(near!.url, 'slow', { record: false }).joined()
    await using slow = await connectZwibbler(far!.url, 'slow', { record: false }).joined()
    await using frozen = await connectZwibbler(far!.url, 'slow', { record: false }).joined()
    await using quick = await connectZwibbler(far!.url, 'slow', { record: false }).joined()

    const slowness = slowReader(slow)
    slowReader(frozen)
    const cost = await growth(far!, async () => {
      await write(ann, BACKLOG)
      await until('the quick one has it', () => quick.position === BACKLOG)
    })
    console.log(`${BACKLOG / MIB} MiB behind cost ${Math.round(cost / MIB)} MiB`)
    expect((await far!.metrics()).of('sessions_paused')).toBe(2)
    expect(slow.position).toBeLessThan(BACKLOG / 2)
    expect(cost).toBeLessThan(MAY_COST)

    slowness.resume()
    const catchingUp = await growth(far!, async () => {
      await until('the slow one has it', () => slow.position === BACKLOG, { withinMs: 60_000 })
    })
    console.log(`catching up cost ${Math.round(catchingUp / MIB)} MiB`)
    expect(catchingUp).toBeLessThan(MAY_COST)
    expect(slow.isClosed).toBe(false)
    expect(frozen.isClosed).toBe(false)
    // What was appended meanwhile goes on as before.
    await ann.append('the end')
    await until(
      'both have it',
      () => slow.position === BACKLOG + 7 && quick.position === BACKLOG + 7,
    )
  },
)

test.skipIf(!redisUrl)(
  '[I6] a huge document is joined by a slow reader without being held whole',
  { timeout: 120_000 },
  async () => {
    const [near, far] = cluster.nodes
    await using ann = await connectZwibbler(near!.url, 'huge', { record: false }).joined()
    await write(ann, BACKLOG)
    let reader: ZwibblerClient | undefined
    const cost = await growth(far!, async () => {
      reader = connectZwibbler(far!.url, 'huge', { record: false, version: 2 })
      const { socket } = reader
      const stutter = setInterval(() => (socket.isPaused ? socket.resume() : socket.pause()), 40)
      await until('it has all', () => reader?.position === BACKLOG, { withinMs: 90_000 })
      clearInterval(stutter)
      socket.resume()
    })
    console.log(`joining ${BACKLOG / MIB} MiB slowly cost ${Math.round(cost / MIB)} MiB`)
    expect(cost).toBeLessThan(MAY_COST)
    expect(reader?.isClosed).toBe(false)
    await reader?.close()
  },
)
