import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeCluster } from '../support/cluster.ts'
import type { Cluster } from '../support/cluster.ts'
import { withClient } from '../support/databases.ts'
import { lockRow } from '../support/faults.ts'
import { readStored, storedId } from '../support/stored.ts'
import { sleep, until } from '../support/wait.ts'
import { connectZwibbler } from '../support/zwibbler.ts'
import type { ZwibblerClient } from '../support/zwibbler.ts'

const LOCKED_MS = 5_000
/** A document that is not at fault: far below the 5 s of the lock, far above what a busy test machine costs. */
const UNDISTURBED_MS = 1_500

let cluster: Cluster
beforeAll(async () => {
  cluster = await makeCluster(2)
})
afterAll(() => cluster[Symbol.asyncDispose]())

const join = (document: string, node = 0): Promise<ZwibblerClient> =>
  connectZwibbler(cluster.nodes[node]!.url, document).joined()

interface Watch {
  /** Ends it. @returns the slowest append, in ms */
  stop(): Promise<number>
}

/** Appends to documents of its own, one after the other, on both nodes, as long as something else is in trouble. */
async function watchOthers(name: string): Promise<Watch> {
  const clients = await Promise.all(
    [0, 1, 0, 1].map((node, index) => join(`${name}-other${index}`, node)),
  )
  let isOver = false
  const times: number[] = []
  const work = clients.map(async (client) => {
    while (!isOver) {
      const began = performance.now()
      expect(await client.append('x')).toMatchObject({ kind: 'stored' })
      times.push(performance.now() - began)
      await sleep(10)
    }
  })
  return {
    async stop() {
      isOver = true
      await Promise.all(work)
      for (const client of clients) await client[Symbol.asyncDispose]()
      times.sort((a, b) => a - b)
      const slowest = times.at(-1) ?? Infinity
      const median = times[times.length >> 1] ?? Infinity
      console.log(
        `${name}: ${times.length} appends elsewhere, median ${median.toFixed(1)} ms, slowest ${slowest.toFixed(0)} ms`,
      )
      return slowest
    },
  }
}

test(
  '[I10] a row locked for 5 s delays its own document only, whose appends then commit',
  { timeout: 60_000 },
  async () => {
    const held = await Promise.all([0, 0, 1].map((node) => join('held', node)))
    await held[0]!.append('before')
    await until('all have it', () => held.every(({ position }) => position === 6))
    const others = await watchOthers('locked')
    const lock = await lockRow(cluster.databaseUrl, storedId('held'), LOCKED_MS)
    const began = performance.now()
    const answers = held.map(async (client, index) => {
      const answer = await client.append(`rival${index}`)
      return { answer, ms: performance.now() - began }
    })
    // Somebody who comes meanwhile gets in: a lock on the row is no reason to wait.
    await lock.released
    const settled = await Promise.all(answers)
    expect(await others.stop()).toBeLessThan(UNDISTURBED_MS)
    expect(settled.filter(({ answer }) => answer.kind === 'stored')).toHaveLength(1)
    expect(settled.filter(({ answer }) => answer.kind === 'refused')).toHaveLength(2)
    expect(Math.min(...settled.map(({ ms }) => ms))).toBeGreaterThan(LOCKED_MS - 500)
    expect((await cluster.metrics()).of('appends_busy_total')).toBeGreaterThan(0)
    await until('all have the winner', () => held.every(({ position }) => position === 12))
    for (const client of held) await client[Symbol.asyncDispose]()
  },
)

test(
  '[I10] an append that Postgres rejects fails alone, not with those it shares a statement with',
  { timeout: 60_000 },
  async () => {
    const poisoned = await join('poisoned')
    await withClient(cluster.databaseUrl, async (client) => {
      const found = await client.query<{ key: string }>('select key from documents where id = $1', [
        storedId('poisoned'),
      ])
      await client.query(`create function spit() returns trigger language plpgsql as
      $$ begin if new.key = ${found.rows[0]!.key} then raise 'poison'; end if; return new; end $$`)
      await client.query(
        'create trigger spit before insert on document_chunks for each row execute function spit()',
      )
    })
    const others = await watchOthers('poisoned')
    let failed = 0
    for (let client = poisoned; failed < 20; failed++) {
      expect(await client.append('bad')).toEqual({ kind: 'unanswered' })
      await client.closed
      client = await join('poisoned')
      if (failed === 19) await client.close()
    }
    expect(await others.stop()).toBeLessThan(UNDISTURBED_MS)
    expect(await readStored(cluster.databaseUrl, 'poisoned')).toHaveLength(0)
    expect(
      (await cluster.metrics()).of('append_statements_total', { result: 'rejected' }),
    ).toBeGreaterThanOrEqual(20)
  },
)

test(
  '[I10] a document whose log has a hole is refused, and the others are served',
  { timeout: 60_000 },
  async () => {
    const writer = await join('holed')
    for (let i = 0; i < 10; i++) await writer.append(`<chunk ${i}>`)
    await writer.close()
    await withClient(cluster.databaseUrl, (client) =>
      client.query(
        `delete from document_chunks c using documents d where d.key = c.key and d.id = $1 and c."offset" = 18`,
        [storedId('holed')],
      ),
    )
    const others = await watchOthers('holed')
    const readers = await Promise.all(
      [0, 1, 0, 1].map(async (node) => {
        const client = connectZwibbler(cluster.nodes[node]!.url, 'holed')
        await Promise.race([client.closed, sleep(15_000)])
        return client
      }),
    )
    for (const reader of readers) {
      // Never a byte behind the hole: that would be taken for the whole.
      expect('<chunk 0><chunk 1>'.startsWith(reader.text())).toBe(true)
      expect(reader.isClosed).toBe(true)
    }
    expect(await others.stop()).toBeLessThan(UNDISTURBED_MS)
  },
)

test(
  '[I10] a hot document and one of huge appends do not stop the others',
  { timeout: 60_000 },
  async () => {
    const hot = await Promise.all(Array.from({ length: 20 }, (_, index) => join('hot', index % 2)))
    const huge = await connectZwibbler(cluster.nodes[0]!.url, 'huge', { record: false }).joined()
    const others = await watchOthers('hot and huge')
    let isOver = false
    const hammer = hot.map(async (client) => {
      while (!isOver) await client.append('hammer')
    })
    const big = Buffer.alloc(8 * 1024 * 1024, 'big')
    for (let i = 0; i < 4; i++) expect(await huge.append(big)).toMatchObject({ kind: 'stored' })
    await sleep(3_000) // how long it is hot
    isOver = true
    await Promise.all(hammer)
    expect(await others.stop()).toBeLessThan(UNDISTURBED_MS)
    const stored = await readStored(cluster.databaseUrl, 'hot')
    expect(stored.length).toBeGreaterThan(0)
    await until('all have it all', () => hot.every(({ position }) => position === stored.length))
    for (const client of hot) await client[Symbol.asyncDispose]()
    await huge.close()
  },
)
