import { expect, inject, test } from 'vitest'
import { makeCluster } from '../support/cluster.ts'
import type { Cluster } from '../support/cluster.ts'
import { withClient } from '../support/databases.ts'
import { startPostgres } from '../support/faults.ts'
import type { TestNode } from '../support/nodes.ts'
import { storedId } from '../support/stored.ts'
import { sleep, until } from '../support/wait.ts'
import { connectZwibbler } from '../support/zwibbler.ts'
import type { ZwibblerClient } from '../support/zwibbler.ts'

const { redisUrl } = inject('services')
const LEASE_MS = 4_000
const env = { LEASE_MS: String(LEASE_MS) }
/** Lapsed leases are looked for four times in a lease; some for a busy machine. */
const CLEARED_MS = LEASE_MS + LEASE_MS / 4 + 5_000

const setCursor = (client: ZwibblerClient, value: string) =>
  client.setKey({ lifetime: 0, old: 0, new: 1, name: 'cursor', value })

/** How often a client was told that the key is gone: an empty value is the only sign of it (spec 9). */
const removals = (client: ZwibblerClient): number[] =>
  client.received.flatMap((message) =>
    message.kind === 'keys'
      ? message.entries
          .filter(({ name, value }) => name === 'cursor' && value.length === 0)
          .map(({ version }) => version)
      : [],
  )

const nodesOf = async (node: TestNode, document: string): Promise<number> =>
  (await node.document(storedId(document)))?.sessions.length ?? 0

async function countRows(cluster: Cluster, table: string): Promise<number> {
  return await withClient(cluster.databaseUrl, async (client) => {
    const found = await client.query<{ count: string }>(`select count(*) from ${table}`)
    return Number(found.rows[0]!.count)
  })
}

/** Three clients on three nodes; the first has set a key that ends with its session. */
async function gather(cluster: Cluster): Promise<[ZwibblerClient, ZwibblerClient, ZwibblerClient]> {
  const [a, b, c] = cluster.nodes
  const ann = await connectZwibbler(a!.url, 'doc').joined()
  const bob = await connectZwibbler(b!.url, 'doc').joined()
  const carl = await connectZwibbler(c!.url, 'doc').joined()
  expect(await setCursor(ann, 'at 1,1')).toBe(true)
  for (const client of [bob, carl]) {
    await until('the cursor is seen', () => client.keys().get('cursor')?.value === 'at 1,1')
  }
  return [ann, bob, carl]
}

test.skipIf(!redisUrl)(
  "[I8] a killed node's sessions and keys are gone when its lease lapses, recorded exactly once",
  { timeout: 60_000 },
  async () => {
    await using cluster = await makeCluster(3, { env })
    const [a, b] = cluster.nodes
    const [, bob, carl] = await gather(cluster)
    await until('all three are listed', async () => (await nodesOf(b!, 'doc')) === 3)

    await a!.kill()
    const killedAt = performance.now()
    await until('its keys are gone', () => removals(bob).length > 0 && removals(carl).length > 0, {
      withinMs: CLEARED_MS,
    })
    console.log(`cleared ${Math.round(performance.now() - killedAt)} ms after the kill`)
    expect(await nodesOf(b!, 'doc')).toBe(2)
    await until('its rows are gone', async () => (await countRows(cluster, 'nodes')) === 2)
    expect(await countRows(cluster, 'document_nodes')).toBe(2)
    // Both nodes looked for it, one removed it: version 1 was set, version 2 says gone, to each client once.
    await using dora = await connectZwibbler(b!.url, 'doc').joined()
    expect(await setCursor(dora, 'mine now')).toBe(true)
    await until('the new cursor is seen', () => carl.keys().get('cursor')?.value === 'mine now')
    expect(removals(bob)).toEqual([2])
    expect(removals(carl)).toEqual([2])
    await bob.close()
    await carl.close()
  },
)

test.skipIf(!redisUrl)(
  '[I8] a node that was stopped for two lease times is off the lists, and back with a new lease when it goes on',
  { timeout: 90_000 },
  async () => {
    await using cluster = await makeCluster(3, { env })
    const [a, b] = cluster.nodes
    const [ann, bob, carl] = await gather(cluster)
    await until('all three are listed', async () => (await nodesOf(b!, 'doc')) === 3)

    a!.pause()
    await until('its keys are gone', () => removals(bob).length > 0 && removals(carl).length > 0, {
      withinMs: CLEARED_MS,
    })
    expect(await nodesOf(b!, 'doc')).toBe(2)
    await bob.append('while it slept;')
    await sleep(2 * LEASE_MS - CLEARED_MS + 5_000) // the length of the fault

    a!.resume()
    await ann.hears('while it slept;')
    await until('it is listed again', async () => (await nodesOf(b!, 'doc')) === 3)
    // Its key went with its lease; it may be set anew, and is not taken for removed once more.
    expect(ann.isClosed).toBe(false)
    expect(removals(bob)).toEqual([2])
    const before = carl.received.length
    await until('the key can be set', async () => (await setCursor(ann, 'here again')) === true)
    await until('it is seen', () => carl.keys().get('cursor')?.value === 'here again')
    expect(removals(carl)).toEqual([2])
    expect(carl.received.length).toBeGreaterThan(before)
    for (const client of [ann, bob, carl]) await client.close()
  },
)

test.skipIf(!redisUrl)(
  '[I8] after an outage of Postgres longer than a lease nobody is taken for dead',
  { timeout: 90_000 },
  async () => {
    await using server = await startPostgres()
    await using cluster = await makeCluster(3, { server: server.url, env })
    const [, b] = cluster.nodes
    const [ann, bob, carl] = await gather(cluster)

    await server.stop()
    await sleep(LEASE_MS + 3_000) // the length of the fault
    await server.start()
    await until('all renew their leases', async () => (await nodesOf(b!, 'doc')) === 3, {
      withinMs: 20_000,
    })
    await sleep(LEASE_MS + LEASE_MS / 2) // what must not happen would happen by now
    expect(await nodesOf(b!, 'doc')).toBe(3)
    for (const client of [bob, carl]) {
      expect(removals(client)).toEqual([])
      expect(client.isClosed).toBe(false)
      expect(client.keys().get('cursor')?.value).toBe('at 1,1')
    }
    await ann.append('still here;')
    await bob.hears('still here;')
    for (const client of [ann, bob, carl]) await client.close()
  },
)
