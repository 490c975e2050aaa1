import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import * as Y from 'yjs'
import { makeCluster } from '../support/cluster.ts'
import type { Cluster } from '../support/cluster.ts'
import { withClient } from '../support/databases.ts'
import { makeRandom, seededRandom } from '../support/random.ts'
import type { Random } from '../support/random.ts'
import { isLarge, limitMs } from '../support/scale.ts'
import { sleep, until } from '../support/wait.ts'
import { connectYjs, roomsOf, stepOne, updateOf } from '../support/yjs.ts'
import type { YjsClient } from '../support/yjs.ts'
import { startYjsWorkload } from '../support/yjsWorkload.ts'

const { redisUrl } = inject('services')
const KILLS = isLarge ? 20 : 2

let cluster: Cluster
beforeAll(async () => {
  cluster = await makeCluster(2, {
    // Far too short for a real cluster: readers shall find what they were reading gone.
    env: { YJS_FOLD_DELAY_MS: '1000', LEASE_MS: '3000' },
  })
})
afterAll(() => cluster[Symbol.asyncDispose]())

async function count(sql: string): Promise<number> {
  return await withClient(cluster.databaseUrl, async (client) => {
    const { rows } = await client.query<{ count: string }>(`select count(*) ${sql}`)
    return Number(rows[0]!.count)
  })
}

const randomText = (random: Random, length: number): string => {
  let text = ''
  while (text.length < length) text += random.next().toString(36).slice(2)
  return text.slice(0, length)
}

/** A raw client that uploads what is done in a document, and has a view of how much came back. */
async function makeWriter(room: string): Promise<{ doc: Y.Doc; client: YjsClient }> {
  const doc = new Y.Doc()
  const client = await connectYjs(roomsOf(cluster.nodes[0]!), room).opened()
  await client.asks()
  doc.on('update', (update) => client.send(updateOf(update)))
  return { doc, client }
}

const hasAll = (client: YjsClient, doc: Y.Doc): boolean =>
  Y.equalSnapshots(Y.snapshot(client.doc()), Y.snapshot(doc))

test.skipIf(!redisUrl)(
  '[I2] [yjs 11.2] [yjs 15.13] folds on two nodes, killed in the middle of some, lose nothing of what is written meanwhile',
  { timeout: limitMs(KILLS * 10) },
  async () => {
    const random = seededRandom('folding')
    const rooms = ['one', 'two', 'three']
    for (const room of rooms) {
      await using seed = (await makeWriter(room)).client
      const doc = new Y.Doc()
      doc.getText('paste').insert(0, randomText(random, 60_000))
      seed.send(updateOf(Y.encodeStateAsUpdate(doc)))
      await until('it is stored', () => seed.of('update').length > 0)
    }
    const options = {
      ...cluster,
      random: random.fork(),
      rooms,
      thinkMs: [4, 16] as [number, number],
    }
    const workload = startYjsWorkload(options)
    const folded = async (kind: string): Promise<number> =>
      (await cluster.metrics()).of('folds_total', { kind })
    for (let kills = 0; kills < KILLS; kills++) {
      const before = workload.echoed()
      await until('edits come back', () => workload.echoed() > before + 300)
      await until(
        'somebody folds',
        () => count('from document_claims where claimed_until > clock_timestamp()'),
        { withinMs: 60_000, everyMs: 2 },
      )
      await sleep(random.between(0, 100))
      const node = random.pick(cluster.nodes)
      await node.kill()
      expect(await workload.check()).toEqual([])
      await node.start()
    }
    await until(
      'small and large folds',
      async () => (await folded('minor')) * (await folded('major')) > 0,
      {
        withinMs: 60_000,
        everyMs: 200,
      },
    )
    await until('something is trimmed', () => count('from document_segments where is_trimmed'))
    expect(await workload.finish()).toEqual([])
    console.log({
      echoed: workload.echoed(),
      minor: await folded('minor'),
      major: await folded('major'),
    })
  },
)

test.skipIf(!redisUrl)(
  '[I6] [yjs 11.2] a paused reader and a join in parts have everything in the end, although the log was folded and deleted under them',
  { timeout: 120_000 },
  async () => {
    const random = makeRandom(1)
    const { doc, client: writer } = await makeWriter('slow')
    const text = doc.getText('t')
    const write = async (pieces: number): Promise<void> => {
      for (let i = 0; i < pieces; i++) {
        text.insert(random.between(0, text.length + 1), randomText(random, 50_000))
        if (i % 4 === 3) text.delete(random.between(0, text.length - 30_000), 30_000)
        const behind = () => writer.socket.bufferedAmount > 1_000_000
        if (behind()) await until('it is sent', () => !behind())
      }
      text.insert(0, '.')
      await until('it is stored', () => writer.of('update').length > 0 && isEchoed(writer, doc))
    }
    await using slow = await connectYjs(roomsOf(cluster.nodes[1]!), 'slow').opened()
    await slow.asks()
    slow.socket.pause()
    await write(400)

    await using joining = await connectYjs(roomsOf(cluster.nodes[1]!), 'slow').opened()
    joining.socket.once('message', () => joining.socket.pause())
    joining.send(stepOne(Buffer.of(0)))
    await until('both are paused', async () => (await cluster.metrics()).of('sessions_paused') >= 2)
    await write(50)
    await until(
      'what they read is gone',
      async () =>
        (await count('from document_segments where is_trimmed')) > 0 &&
        (await count('from document_segments where replaced_at is not null')) === 0,
      { withinMs: 60_000, everyMs: 200 },
    )
    for (const client of [slow, joining]) client.socket.resume()
    await write(5)
    await until('the slow one has it', () => hasAll(slow, doc), { withinMs: 60_000, everyMs: 500 })
    await until('the joining one has it', () => hasAll(joining, doc), { everyMs: 500 })
    expect([slow.isClosed, joining.isClosed, joining.of('step2').length]).toEqual([false, false, 1])
    await writer.close()
  },
)

function isEchoed(client: YjsClient, doc: Y.Doc): boolean {
  const own = Y.getState(doc.store, doc.clientID)
  return client.of('update').some(({ payload }) => {
    const to = Y.parseUpdateMeta(payload).to.get(doc.clientID)
    return to === own
  })
}
