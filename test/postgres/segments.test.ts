import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { DocumentStore, Epoch } from '../../src/core/ports.ts'
import type { Fold, SegmentStore, VersionStore } from '../../src/core/segments.ts'
import { makeDocumentStore } from '../../src/postgres/documents.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { makePools, type Pools } from '../../src/postgres/pool.ts'
import { makePresenceStore } from '../../src/postgres/presence.ts'
import { giveNewEpochs } from '../../src/postgres/restored.ts'
import { makeSegmentStore } from '../../src/postgres/segments.ts'
import { makeVersionStore } from '../../src/postgres/versions.ts'
import { silent } from '../embedded/support.ts'
import { makeDatabase, withClient, type Database } from '../support/databases.ts'
import { until } from '../support/wait.ts'

const { databaseUrl } = inject('services')
const KB = 1024
const SUMMARY = Buffer.from('summary')

let database: Database
let pools: Pools
let store: DocumentStore
let segments: SegmentStore
let versions: VersionStore
let names = 0

beforeAll(async () => {
  database = await makeDatabase(databaseUrl)
  await migrate(database.url, { log: silent })
  pools = makePools({
    url: database.url,
    statementMs: 5_000,
    sizes: { appends: 2, alone: 1, reads: 2, others: 4 },
    onServerChange: () => undefined,
    onError: () => undefined,
  })
  store = makeDocumentStore(pools)
  segments = makeSegmentStore(pools)
  versions = makeVersionStore(pools)
})

afterAll(async () => {
  await pools.close()
  await database[Symbol.asyncDispose]()
})

/** A document whose log has appends of these contents. */
async function documentOf(
  ...appends: readonly Uint8Array[]
): Promise<{ id: string; epoch: Epoch }> {
  const id = `yjs/room ${++names}`
  const opened = await store.open({ id, creation: 'must', initial: Buffer.of(), creationId: 1 })
  if (opened.kind !== 'opened') throw new Error(opened.kind)
  for (const data of appends) await appendTo(opened.epoch, data)
  return { id, epoch: opened.epoch }
}

async function appendTo(epoch: Epoch, data: Uint8Array): Promise<void> {
  const expected = (await store.states([epoch])).get(epoch)!.length
  const id = Math.floor(Math.random() * 2 ** 48)
  const [outcome] = await store.append([{ epoch, expected, chunks: [{ id, data }] }], true)
  expect(outcome?.kind).toBe('stored')
}

function foldOf(from: number, to: number, text: string, replaces: readonly Epoch[] = []): Fold {
  const bytes = Buffer.from(text)
  return { from, to, replaces, pieces: [bytes], length: bytes.length, summary: SUMMARY }
}

async function count(sql: string, values: readonly unknown[] = []): Promise<number> {
  return await withClient(database.url, async (client) => {
    const answer = await client.query<{ n: string }>(`select count(*) as n ${sql}`, [...values])
    return Number(answer.rows[0]?.n)
  })
}

async function contentsOf(epoch: Epoch): Promise<string[]> {
  const found = await segments.segments(epoch)
  const texts = found.map(async ({ from, to, content, length }) => {
    const bytes = await store.read(content, 0, length)
    return `${from}-${to} ${Buffer.from(bytes).toString()}`
  })
  return await Promise.all(texts)
}

/** Deletes what is due, until nothing is left. */
async function trimAll(delayMs = 0): Promise<void> {
  while (await segments.trim(delayMs, 2));
}

const record = (text: string) => {
  const bytes = Buffer.alloc(4 + text.length, text, 'latin1')
  bytes.writeUInt32BE(text.length)
  bytes.write(text, 4)
  return bytes
}

describe('replacing', () => {
  test('segments tile the folded part, and a wider one takes the place of those within it', async () => {
    const { epoch } = await documentOf(Buffer.from('aaaa'), Buffer.from('bbbb'), Buffer.from('cc'))
    expect(await segments.segments(epoch)).toEqual([])
    expect(await segments.replace(epoch, foldOf(0, 4, 'A'))).toBe(true)
    expect(await segments.replace(epoch, foldOf(4, 8, 'B'))).toBe(true)
    expect(await contentsOf(epoch)).toEqual(['0-4 A', '4-8 B'])
    const [a, b] = await segments.segments(epoch)
    expect(a).toMatchObject({ from: 0, to: 4, length: 1, summary: SUMMARY })
    const both = [a!.content, b!.content]
    expect(await segments.replace(epoch, foldOf(0, 10, 'ABC', both))).toBe(true)
    expect(await contentsOf(epoch)).toEqual(['0-10 ABC'])
    expect(Buffer.from(await store.read(both[0]!, 0, 1)).toString()).toBe('A')
    expect(Buffer.from(await store.read(epoch, 0, 10)).toString()).toBe('aaaabbbbcc')
  })

  test('a content of many rows is stored whole, whatever the pieces', async () => {
    const { epoch } = await documentOf(Buffer.from('x'))
    const bytes = Buffer.alloc(5 * KB * KB + 17, 'lengthwise ')
    async function* pieces() {
      for (const [from, to] of [
        [0, 1],
        [1, 300],
        [300, 4_500 * KB],
        [4_500 * KB, bytes.length],
      ]) {
        await Promise.resolve()
        yield bytes.subarray(from, to)
      }
    }
    const fold = { from: 0, to: 1, replaces: [], summary: SUMMARY }
    expect(await segments.replace(epoch, { ...fold, pieces: pieces(), length: bytes.length })).toBe(
      true,
    )
    const [segment] = await segments.segments(epoch)
    expect(segment?.length).toBe(bytes.length)
    const read = await store.read(segment!.content, 0, bytes.length)
    expect(bytes.equals(read)).toBe(true)
  })

  test('is refused when the segments are others than were read, and leaves nothing behind', async () => {
    const { epoch } = await documentOf(Buffer.from('aaaa'), Buffer.from('bbbb'))
    expect(await segments.replace(epoch, foldOf(0, 4, 'A'))).toBe(true)
    const a = (await segments.segments(epoch))[0]!.content
    const before = await count('from documents')
    for (const fold of [
      foldOf(0, 4, '-'),
      foldOf(0, 8, '-'),
      foldOf(0, 8, '-', [a + 1]),
      foldOf(2, 8, '-', [a]),
      foldOf(0, 2, '-', [a]),
      foldOf(5, 8, '-'),
      foldOf(4, 9, '-'),
      foldOf(4, 4, '-'),
      foldOf(4, 8, '-', [a]),
    ]) {
      expect(await segments.replace(epoch, fold), `${fold.from}-${fold.to}`).toBe(false)
    }
    expect(await contentsOf(epoch)).toEqual(['0-4 A'])
    expect(await count('from documents')).toBe(before)
    expect(await segments.replace(epoch + 1_000_000, foldOf(0, 4, '-'))).toBe(false)
  })

  test('of several at once exactly one wins', async () => {
    const { epoch } = await documentOf(
      Buffer.from('aaaa'),
      Buffer.from('bbbb'),
      Buffer.from('cccc'),
    )
    await segments.replace(epoch, foldOf(0, 4, 'A'))
    const [a] = await segments.segments(epoch)
    // All of these overlap.
    const folds = [
      foldOf(0, 8, '1', [a!.content]),
      foldOf(4, 8, '2'),
      foldOf(4, 12, '3'),
      foldOf(0, 12, '4', [a!.content]),
      foldOf(0, 12, '5', [a!.content]),
    ]
    const before = await count(`from documents where starts_with(id, 'segments/')`)
    const won = await Promise.all(folds.map((fold) => segments.replace(epoch, fold)))
    const found = await segments.segments(epoch)
    expect(found[0]?.from).toBe(0)
    for (const [at, segment] of found.entries()) {
      if (at > 0) expect(segment.from).toBe(found[at - 1]?.to)
    }
    expect(won.filter(Boolean)).toHaveLength(1)
    expect(await count(`from documents where starts_with(id, 'segments/')`)).toBe(before + 1)
  })

  test('waits for one that is about to commit, and is refused then', async () => {
    const { epoch } = await documentOf(Buffer.from('aaaa'), Buffer.from('bbbb'))
    await segments.replace(epoch, foldOf(0, 4, 'A'))
    const [a] = await segments.segments(epoch)
    await withClient(database.url, async (client) => {
      await client.query('begin')
      await client.query(
        `insert into document_claims (key) values ($1) on conflict (key) do update set key = excluded.key`,
        [epoch],
      )
      await client.query(
        `with d as (insert into documents (id) values ('segments/of another node') returning key)
         insert into document_segments (key, from_offset, to_offset, content, length, summary)
         select $1, 4, 8, key, 0, '' from d`,
        [epoch],
      )
      let won: boolean | undefined
      const folded = segments.replace(epoch, foldOf(0, 8, 'AB', [a!.content]))
      void folded.then((result) => (won = result))
      const blocked = `from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
      await until(
        'it waits or is done',
        async () => won !== undefined || (await count(blocked)) > 0,
      )
      await client.query('commit')
      expect(await folded).toBe(false)
    })
    expect((await segments.segments(epoch)).map(({ from, to }) => [from, to])).toEqual([
      [0, 4],
      [4, 8],
    ])
  })

  test('does not hold up appends while it stores its bytes', async () => {
    const { epoch } = await documentOf(Buffer.from('aaaa'))
    let hold = (): void => undefined
    const held = new Promise<void>((resolve) => (hold = resolve))
    let begun = (): void => undefined
    const began = new Promise<void>((resolve) => (begun = resolve))
    async function* pieces() {
      yield Buffer.from('A')
      begun()
      await held
      yield Buffer.from('!')
    }
    const fold = { from: 0, to: 4, replaces: [], pieces: pieces(), length: 2, summary: SUMMARY }
    const replaced = segments.replace(epoch, fold)
    await began
    const appends = [{ epoch, expected: 4, chunks: [{ id: 7, data: Buffer.from('bb') }] }]
    expect(await store.append(appends, false)).toEqual([{ kind: 'stored', length: 6 }])
    hold()
    expect(await replaced).toBe(true)
    expect(await contentsOf(epoch)).toEqual(['0-4 A!'])
  })

  test('a fold whose bytes fail to come leaves nothing behind', async () => {
    const { epoch } = await documentOf(Buffer.from('aaaa'))
    const before = await count('from documents')
    async function* pieces() {
      yield Buffer.from('A')
      await Promise.reject(new Error('the worker died'))
    }
    const fold = { from: 0, to: 4, replaces: [], pieces: pieces(), length: 2, summary: SUMMARY }
    await expect(segments.replace(epoch, fold)).rejects.toThrow('the worker died')
    expect(await segments.segments(epoch)).toEqual([])
    expect(await count('from documents')).toBe(before)
  })
})

describe('deleting the document', () => {
  const left = `from document_chunks c where not exists (select 1 from documents d where d.key = c.key)
    and not exists (select 1 from deleted_documents d where d.key = c.key)`

  test('buries its segments, replaced ones and versions with it', async () => {
    const { id, epoch } = await documentOf(Buffer.from('aaaa'), Buffer.from('bbbb'))
    await segments.replace(epoch, foldOf(0, 4, 'A'))
    const [a] = await segments.segments(epoch)
    await segments.replace(epoch, foldOf(0, 8, 'AB', [a!.content]))
    const [ab] = await segments.segments(epoch)
    const saved = { name: 'v', offset: 8, pieces: [Buffer.from('AB')], length: 2 }
    const version = await versions.save(epoch, saved)
    const contents = [a!.content, ab!.content, version!.content]
    await segments.claim(epoch, 'me', 60_000)
    expect(await store.remove(id)).toBe(epoch)
    expect(await count('from documents where key = any ($1)', [contents])).toBe(0)
    expect(await count(left)).toBe(0)
    const presence = makePresenceStore({ pools })
    while (await presence.bury(100));
    expect(await count('from document_chunks where key = any ($1)', [contents])).toBe(0)
    expect(await segments.segments(epoch)).toEqual([])
  })

  test('and folding it exclude each other', async () => {
    for (let round = 0; round < 20; round++) {
      const { id, epoch } = await documentOf(Buffer.from('aaaa'))
      const folded = segments.replace(epoch, foldOf(0, 4, 'A'))
      const removed = store.remove(id)
      await Promise.all([folded, removed])
      expect(await removed).toBe(epoch)
    }
    const orphans = `from documents d where starts_with(d.id, 'segments/')
      and not exists (select 1 from document_segments s where s.content = d.key)`
    expect(await count(orphans)).toBe(0)
    expect(await count(left)).toBe(0)
  })

  test('a purge takes segments with their document, and never by themselves', async () => {
    const { epoch } = await documentOf(Buffer.from('aaaa'))
    await segments.replace(epoch, foldOf(0, 4, 'A'))
    const [a] = await segments.segments(epoch)
    await withClient(database.url, (client) =>
      client.query(`update documents set accessed_at = now() - interval '1 day'`),
    )
    const presence = makePresenceStore({ pools })
    await presence.purge('zwibbler/', 1_000, 1_000)
    expect(await contentsOf(epoch)).toEqual(['0-4 A'])
    await presence.purge('yjs/', 1_000, 1_000)
    expect(await count('from documents where key = any ($1)', [[epoch, a!.content]])).toBe(0)
    expect(await count(left)).toBe(0)
  })
})

describe('trimming', () => {
  test('deletes the rows of the log behind old segments, in portions, and what stood before them', async () => {
    const rows = Array.from({ length: 7 }, (_, at) => Buffer.from(`row${at}`))
    const { epoch } = await documentOf(...rows)
    await segments.replace(epoch, foldOf(0, 8, 'A'))
    const [a] = await segments.segments(epoch)
    await segments.replace(epoch, foldOf(0, 20, 'AB', [a!.content]))
    await trimAll(60_000)
    expect(await count('from document_chunks where key = $1', [epoch])).toBe(7)
    expect(Buffer.from(await store.read(a!.content, 0, 1)).toString()).toBe('A')
    await trimAll()
    expect(await count('from document_chunks where key = $1', [epoch])).toBe(2)
    expect(await contentsOf(epoch)).toEqual(['0-20 AB'])
    expect(Buffer.from(await store.read(epoch, 20, 28)).toString()).toBe('row5row6')
    await expect(store.read(epoch, 0, 28)).rejects.toMatchObject({ code: 'hole' })
    expect(await count('from documents where key = $1', [a!.content])).toBe(0)
    expect(await store.read(a!.content, 0, 1)).toHaveLength(0)
    await appendTo(epoch, Buffer.from('row7'))
    expect(await segments.trim(0, 2)).toBe(false)
  })

  test('a row that goes on behind the segment stays', async () => {
    const { epoch } = await documentOf(Buffer.from('aaaa'), Buffer.from('bbbb'))
    await segments.replace(epoch, foldOf(0, 6, 'A'))
    await trimAll()
    expect(Buffer.from(await store.read(epoch, 4, 8)).toString()).toBe('bbbb')
  })

  test('by several nodes at once ends with the same', async () => {
    const rows = Array.from({ length: 30 }, (_, at) => Buffer.from(`row${at % 10}`))
    const { epoch } = await documentOf(...rows)
    await segments.replace(epoch, foldOf(0, 120, 'A'))
    await Promise.all([trimAll(), trimAll(), trimAll()])
    await trimAll()
    expect(await count('from document_chunks where key = $1', [epoch])).toBe(0)
    expect(await contentsOf(epoch)).toEqual(['0-120 A'])
  })
})

describe('claims', () => {
  test('one holder at a time, who may prolong it and give it back', async () => {
    const { epoch } = await documentOf(Buffer.from('aaaa'))
    expect(await segments.claim(epoch, 'a', 60_000)).toBe(true)
    expect(await segments.claim(epoch, 'b', 60_000)).toBe(false)
    expect(await segments.claim(epoch, 'a', 60_000)).toBe(true)
    await segments.release(epoch, 'b')
    expect(await segments.claim(epoch, 'b', 60_000)).toBe(false)
    await segments.release(epoch, 'a')
    expect(await segments.claim(epoch, 'b', 60_000)).toBe(true)
  })

  test('of many at once one gets it; a lapsed one is anybody’s; a fold changes no claim', async () => {
    const { epoch } = await documentOf(Buffer.from('aaaa'))
    const holders = ['a', 'b', 'c', 'd']
    const got = await Promise.all(holders.map((each) => segments.claim(epoch, each, 0)))
    expect(got.filter(Boolean).length).toBeGreaterThan(0)
    const again = await Promise.all(holders.map((each) => segments.claim(epoch, each, 60_000)))
    expect(again.filter(Boolean)).toHaveLength(1)
    await segments.replace(epoch, foldOf(0, 4, 'A'))
    const after = await Promise.all(holders.map((each) => segments.claim(epoch, each, 60_000)))
    expect(after).toEqual(again)
  })

  test('nobody claims what is not there', async () => {
    expect(await segments.claim(123_456_789, 'a', 60_000)).toBe(false)
  })
})

describe('quarantine', () => {
  const kept = async (epoch: Epoch) =>
    await withClient(database.url, async (client: Client) => {
      const text = `select "offset"::int, data, reason from yjs_quarantine where key = $1 order by "offset"`
      return (await client.query<{ offset: number; data: Buffer; reason: string }>(text, [epoch]))
        .rows
    })

  test('one record becomes filler, its neighbours in the same append stay, and once is enough', async () => {
    const append = Buffer.concat([record('one'), record('poison'), record('three')])
    const { epoch } = await documentOf(record('before'), append, record('after'))
    expect(await segments.quarantine(epoch, 17, 'bad')).toBe(true)
    expect(await segments.quarantine(epoch, 17, 'bad')).toBe(false)
    const filler = Buffer.concat([record('poison')])
    filler[0]! |= 0x80
    const expected = [record('before'), record('one'), filler, record('three'), record('after')]
    const length = Buffer.concat(expected).length
    expect(Buffer.concat(expected).equals(await store.read(epoch, 0, length))).toBe(true)
    expect(await kept(epoch)).toEqual([{ offset: 17, data: record('poison'), reason: 'bad' }])
  })

  test('a record whose size cannot be is cut at the end of its append', async () => {
    const broken = Buffer.concat([record('one'), Buffer.from('7fffffff6162', 'hex')])
    const { epoch } = await documentOf(broken, record('after'))
    expect(await segments.quarantine(epoch, 7, 'bad')).toBe(true)
    const bytes = Buffer.from(await store.read(epoch, 0, 1_000))
    expect(bytes.toString('hex')).toBe(
      Buffer.concat([record('one'), Buffer.from('800000026162', 'hex'), record('after')]).toString(
        'hex',
      ),
    )
    expect(await segments.quarantine(epoch, 7, 'bad')).toBe(false)
  })

  test('where not even a header fits, the whole append goes', async () => {
    const { epoch } = await documentOf(
      Buffer.concat([record('one'), Buffer.from('ab')]),
      record('after'),
    )
    expect(await segments.quarantine(epoch, 7, 'bad')).toBe(true)
    const bytes = Buffer.from(await store.read(epoch, 0, 1_000))
    const filler = Buffer.concat([Buffer.from('80000005', 'hex'), Buffer.from('oneab')])
    expect(bytes.equals(Buffer.concat([filler, record('after')]))).toBe(true)
  })

  test('a record over several rows, its header between two of them', async () => {
    const first = record('x'.repeat(256 * KB - 6))
    const poison = record('p'.repeat(300 * KB))
    const { epoch } = await documentOf(record('b'), Buffer.concat([first, poison, record('after')]))
    const at = 5 + first.length
    expect((at - 5) % (256 * KB)).toBe(256 * KB - 2)
    expect(await segments.quarantine(epoch, at, 'bad')).toBe(true)
    const filler = Buffer.from(poison)
    filler[0]! |= 0x80
    const expected = Buffer.concat([record('b'), first, filler, record('after')])
    expect(expected.equals(await store.read(epoch, 0, expected.length))).toBe(true)
    expect((await kept(epoch))[0]?.data.equals(poison)).toBe(true)
  })

  test('of what is gone nothing is taken', async () => {
    const { epoch } = await documentOf(record('one'))
    expect(await segments.quarantine(epoch, 400, 'bad')).toBe(false)
    expect(await segments.quarantine(epoch + 1_000_000, 0, 'bad')).toBe(false)
  })
})

describe('versions', () => {
  test('are saved, listed newest first, read and removed', async () => {
    const { epoch } = await documentOf(Buffer.from('aaaa'))
    const save = (name: string) =>
      versions.save(epoch, { name, offset: 4, pieces: [Buffer.from(name)], length: name.length })
    const one = await save('one')
    const two = await save('two')
    expect(one).toMatchObject({ name: 'one', offset: 4, length: 3 })
    expect(await versions.list(epoch)).toEqual([two, one])
    expect(await versions.find(epoch, one!.id)).toEqual(one)
    expect(await versions.find(epoch + 1, one!.id)).toBeUndefined()
    expect(Buffer.from(await store.read(one!.content, 0, 3)).toString()).toBe('one')
    expect(await versions.remove(epoch, one!.id)).toBe(true)
    expect(await versions.remove(epoch, one!.id)).toBe(false)
    expect(await count('from documents where key = $1', [one!.content])).toBe(0)
    expect(await versions.list(epoch)).toEqual([two])
    const saved = { name: 'x', offset: 0, pieces: [], length: 0 }
    expect(await versions.save(epoch + 1_000_000, saved)).toBeUndefined()
  })
})

test('after a restore segments and versions belong to the new epochs, contents have new ones too', async () => {
  const { id, epoch } = await documentOf(Buffer.from('aaaa'))
  await segments.replace(epoch, foldOf(0, 4, 'A'))
  const saved = { name: 'v', offset: 4, pieces: [Buffer.from('V')], length: 1 }
  const version = await versions.save(epoch, saved)
  const [before] = await segments.segments(epoch)
  await giveNewEpochs(database.url, { log: silent, portion: 3 })
  const found = await store.find(id)
  expect(found?.epoch).toBeGreaterThan(before!.content)
  const [after] = await segments.segments(found!.epoch)
  expect(after).toMatchObject({ from: 0, to: 4, length: 1 })
  expect(after?.content).toBeGreaterThan(before!.content)
  expect(await contentsOf(found!.epoch)).toEqual(['0-4 A'])
  const [restored] = await versions.list(found!.epoch)
  expect(restored?.id).toBe(version?.id)
  expect(Buffer.from(await store.read(restored!.content, 0, 1)).toString()).toBe('V')
  expect(await segments.segments(epoch)).toEqual([])
})
