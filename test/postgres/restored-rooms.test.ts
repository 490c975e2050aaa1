import { expect, inject, test } from 'vitest'
import type { Epoch } from '../../src/core/ports.ts'
import { makeDocumentStore } from '../../src/postgres/documents.ts'
import { migrate } from '../../src/postgres/migrate.ts'
import { makePools } from '../../src/postgres/pool.ts'
import { giveNewEpochs } from '../../src/postgres/restored.ts'
import { makeSegmentStore } from '../../src/postgres/segments.ts'
import { makeVersionStore } from '../../src/postgres/versions.ts'
import { silent } from '../embedded/support.ts'
import { makeDatabase } from '../support/databases.ts'

const { databaseUrl } = inject('services')
const SUMMARY = Buffer.from('summary')

/** `portion` 1: a room and what it holds get their new epochs in transactions of their own. */
test.each([1, 3, 100])(
  'rooms keep their segments and versions when every document gets a new epoch (%i at a time)',
  async (portion) => {
    await using database = await makeDatabase(databaseUrl)
    await migrate(database.url, { log: silent })
    const pools = makePools({
      url: database.url,
      statementMs: 5_000,
      sizes: { appends: 1, alone: 1, reads: 1, others: 1 },
      onServerChange: () => undefined,
      onError: () => undefined,
    })
    const store = makeDocumentStore(pools)
    const segments = makeSegmentStore(pools)
    const versions = makeVersionStore(pools)

    async function make(id: string): Promise<void> {
      const initial = Buffer.from(`${id}: the log`)
      const request = { id, creation: 'must', initial, creationId: 1 } as const
      const opened = await store.open(request)
      if (opened.kind !== 'opened') throw new Error(opened.kind)
      const { epoch } = opened
      for (const [from, to] of [
        [0, 3],
        [3, 6],
      ] as const) {
        const content = Buffer.from(`${id} ${from}`)
        const fold = { from, to, replaces: [], length: content.length, summary: SUMMARY }
        expect(await segments.replace(epoch, { ...fold, pieces: [content] })).toBe(true)
      }
      const content = Buffer.from(`${id} then`)
      const version = { name: 'then', offset: 5, length: content.length, pieces: [content] }
      await versions.save(epoch, version)
      await segments.claim(epoch, 'somebody', 60_000)
    }

    const text = async (epoch: Epoch, length: number) =>
      Buffer.from(await store.read(epoch, 0, length)).toString()

    async function look(id: string) {
      const { epoch, length } = (await store.find(id))!
      const parts = await segments.segments(epoch)
      const [version] = await versions.list(epoch)
      return {
        epochs: [epoch, ...parts.map(({ content }) => content), version!.content],
        log: await text(epoch, length),
        segments: await Promise.all(
          parts.map(async (each) => [each.from, each.to, await text(each.content, each.length)]),
        ),
        version: [version!.id, version!.name, await text(version!.content, version!.length)],
      }
    }

    try {
      await make('yjs/a')
      await make('yjs/b')
      const before = [await look('yjs/a'), await look('yjs/b')]
      expect(await giveNewEpochs(database.url, { log: silent, portion })).toBe(8)
      const after = [await look('yjs/a'), await look('yjs/b')]
      const withoutEpochs = after.map((each, at) => ({ ...each, epochs: before[at]!.epochs }))
      expect(withoutEpochs).toEqual(before)
      const old = before.flatMap(({ epochs }) => epochs)
      const fresh = after.flatMap(({ epochs }) => epochs)
      expect(new Set(fresh).size).toBe(8)
      expect(Math.min(...fresh)).toBeGreaterThan(Math.max(...old))
      // They can be folded on, and go with their room.
      const { epoch } = (await store.find('yjs/a'))!
      const content = Buffer.from('whole')
      const replaces = (await segments.segments(epoch)).map((each) => each.content)
      const fold = { from: 0, to: 8, replaces, length: 5, summary: SUMMARY, pieces: [content] }
      expect(await segments.replace(epoch, fold)).toBe(true)
      await store.remove('yjs/a')
      const left = await pools.others.query(
        { name: 'left', text: 'select count(*) from documents' },
        [],
      )
      expect(left).toEqual([[4]])
    } finally {
      await pools.close()
    }
  },
)
