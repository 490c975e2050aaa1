import type { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as Y from 'yjs'
import { makeCluster } from '../support/cluster.ts'
import type { Cluster } from '../support/cluster.ts'
import { withClient } from '../support/databases.ts'
import { until } from '../support/wait.ts'
import { connectYjs, roomsOf, updateOf } from '../support/yjs.ts'
import { makePeer } from '../support/yjsPeers.ts'
import { readRoom } from '../support/yjsStored.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await makeCluster(2)
})
afterAll(() => cluster[Symbol.asyncDispose]())

const HEAD = 4
const EDITS = 9
const BROKEN = 4

/** What becomes of a stored record: its row keeps its length. */
const damages: Record<string, (row: Buffer) => void> = {
  'its bytes': (row) => row.fill(0xff, HEAD),
  'its bytes, all zero': (row) => row.fill(0, HEAD),
  'everything, its size too': (row) => row.fill(0xa5),
  'its size, to more than any may have': (row) => row.writeUInt32BE(0x7fffffff),
  'its size, to more than is behind it': (row) => row.writeUInt32BE(1_000_000),
  'its size, to what reaches into the next one': (row) => row.writeUInt32BE(row.length + 20),
  'its size, to less': (row) => row.writeUInt32BE(row.length - 10),
  'its size, to nothing': (row) => row.writeUInt32BE(0),
}

/** One row for each of some edits, none of which needs another one. */
async function fill(room: string): Promise<void> {
  await using writer = await connectYjs(roomsOf(cluster.nodes[0]!), room).opened()
  await writer.asks()
  for (let i = 0; i < EDITS; i++) {
    const doc = new Y.Doc()
    doc.getMap('m').set(`edit ${i}`, 'some contents')
    writer.send(updateOf(Y.encodeStateAsUpdate(doc)))
    await until('it is stored', () => writer.of('update').length > i)
  }
}

async function damage(room: string, spoil: (row: Buffer) => void): Promise<void> {
  await withClient(cluster.databaseUrl, async (client) => {
    const { rows } = await client.query<{ key: string; offset: string; data: Buffer }>(
      `select c.key, c."offset", c.data from document_chunks c join documents d on d.key = c.key
       where d.id = $1 order by c."offset"`,
      [`yjs/${room}`],
    )
    await damageRow(client, rows[BROKEN]!, spoil)
  })
}

/** The first row of what the room was folded into. */
async function damageSegment(room: string, spoil: (row: Buffer) => void): Promise<void> {
  await withClient(cluster.databaseUrl, async (client) => {
    const { rows } = await client.query<{ key: string; offset: string; data: Buffer }>(
      `select c.key, c."offset", c.data from document_chunks c
         join document_segments s on s.content = c.key join documents d on d.key = s.key
       where d.id = $1 and s.replaced_at is null order by c."offset"`,
      [`yjs/${room}`],
    )
    await damageRow(client, rows[0]!, spoil)
  })
}

async function damageRow(
  client: Client,
  { key, offset, data }: { key: string; offset: string; data: Buffer },
  spoil: (row: Buffer) => void,
): Promise<void> {
  spoil(data)
  await client.query('update document_chunks set data = $3 where key = $1 and "offset" = $2', [
    key,
    offset,
    data,
  ])
}

async function putAside(room: string): Promise<number> {
  return await withClient(cluster.databaseUrl, async (client) => {
    const { rows } = await client.query<{ count: string }>(
      'select count(*) from yjs_quarantine q join documents d on d.key = q.key where d.id = $1',
      [`yjs/${room}`],
    )
    return Number(rows[0]!.count)
  })
}

const quarantined = async (): Promise<number> =>
  (await cluster.metrics()).of('quarantined_records_total')

for (const [index, [what, spoil]] of Object.entries(damages).entries()) {
  test(`[I10] [yjs 13.5] a stored record that has lost ${what} is put aside; its room and another one go on`, async () => {
    const [near, far] = cluster.nodes.map(roomsOf)
    const [room, other] = [`bad-${index}`, `good-${index}`]
    await fill(room)
    await damage(room, spoil)
    const before = await quarantined()

    // All at once: the damage is found several times.
    await using ann = makePeer(near!, room)
    await using bob = makePeer(far!, room)
    await using cid = makePeer(far!, room)
    await using dan = makePeer(near!, other)
    await using eve = makePeer(far!, other)
    ann.text.insert(0, 'ann was here. ')
    dan.text.insert(0, 'dan was here. ')
    await eve.hears('dan was here')
    for (const peer of [bob, cid]) await peer.hears('ann was here')
    bob.text.insert(0, 'bob was here. ')
    for (const peer of [ann, cid]) await peer.hears('bob was here')

    const rest = Array.from({ length: EDITS }, (_, i) => `edit ${i}`).filter((_, i) => i !== BROKEN)
    for (const { doc } of [ann, bob, cid]) {
      await until('the rest is here', () => doc.getMap('m').size >= rest.length)
      expect([...doc.getMap('m').keys()].sort()).toEqual(rest)
    }
    await using late = await makePeer(near!, room).synced()
    expect([...late.doc.getMap('m').keys()].sort()).toEqual(rest)
    expect(late.text.toJSON()).toBe(ann.text.toJSON())
    const stored = await readRoom(cluster.databaseUrl, room)
    expect([...stored.doc().getMap('m').keys()].sort()).toEqual(rest)

    expect(await putAside(room)).toBeGreaterThan(0)
    expect((await quarantined()) - before).toBe(await putAside(room))
    expect(await putAside(other)).toBe(0)
  })
}

test('[I10] [yjs 13.5] a segment whose first record has a wrong size is put aside as far as it must be; its room goes on, and who has what was lost is asked for it', async () => {
  const [near, far] = cluster.nodes.map(roomsOf)
  const room = 'folded'
  const early = new Y.Doc()
  {
    await using writer = await connectYjs(near!, room).opened()
    await writer.asks()
    early.getText('early').insert(0, 'many words '.repeat(40_000))
    writer.send(updateOf(Y.encodeStateAsUpdate(early)))
    await until('it is folded', async () => (await readRoom(cluster.databaseUrl, room)).segments)
  }
  await damageSegment(room, (row) => row.writeUInt32BE(0x7fffffff))
  const before = await quarantined()

  await using ann = makePeer(near!, room)
  await using bob = makePeer(far!, room)
  ann.text.insert(0, 'ann was here. ')
  await bob.hears('ann was here')
  await using late = await makePeer(far!, room).synced()
  await late.hears('ann was here')
  expect((await quarantined()) - before).toBeGreaterThan(0)
  expect(late.doc.getText('early').length).toBe(0)

  await using owner = makePeer(near!, room, { doc: early })
  await owner.synced()
  const words = early.getText('early').length
  for (const { doc } of [ann, bob, late])
    await until('what was lost is here again', () => doc.getText('early').length === words)
})
