import { expect, test } from 'vitest'
import {
  appendTo,
  creation,
  makeDocument,
  newAppendId,
  newId,
  pattern,
  stateOf,
  textOf,
} from './bench.ts'
import type { UseBench } from './bench.ts'

/** Ids are text, and nothing but equal text is equal. */
const oddIds = [
  ' leading and trailing ',
  'quote\' double" back\\slash %_ $1 {braces}',
  'new\nline\ttab\r',
  'Ünïcödé 文書 🖋️',
  'caf\u00e9',
  'cafe\u0301',
  'CASE',
  'case',
  '../../etc/passwd',
  'a/b/c//',
  '\u0001\u007f\uffff',
  'x'.repeat(1_000),
]

export function openSuite(use: UseBench): void {
  test('a document that is missing stays so, unless it may be created', async () => {
    const { near } = use()
    const id = newId()
    expect(await near.open(creation(id, { creation: 'never' }))).toEqual({ kind: 'missing' })
    expect(await near.find(id)).toBeUndefined()
    const opened = await near.open(creation(id, { creation: 'may', initial: Buffer.from('hello') }))
    expect(opened).toMatchObject({ kind: 'opened', length: 5, created: true })
  })

  test('a document that is there is opened as it is, and not created again', async () => {
    const { near, far } = use()
    const id = newId()
    const request = creation(id, { initial: Buffer.from('first') })
    const first = await near.open(request)
    expect(first).toMatchObject({ kind: 'opened', length: 5, created: true })
    const { epoch } = first as { epoch: number }
    await appendTo(near, epoch, 5, ' more')
    const initial = Buffer.from('other')
    for (const mode of ['never', 'may'] as const) {
      const again = await far.open(creation(id, { creation: mode, initial }))
      expect(again).toEqual({ kind: 'opened', epoch, length: 10, created: false })
    }
    expect(await far.open(creation(id, { creation: 'must', initial }))).toEqual({ kind: 'exists' })
    expect(await textOf(near, epoch)).toBe('first more')
  })

  test('[I4] a creation that is sent again finds its own document', async () => {
    const { near, far } = use()
    for (const mode of ['may', 'must'] as const) {
      const request = creation(newId(), { creation: mode, initial: Buffer.from('once') })
      const first = await near.open(request)
      expect(await far.open(request)).toEqual(first)
      const { epoch } = first as { epoch: number }
      await appendTo(near, epoch, 4, '!')
      expect(await far.open(request)).toEqual({ kind: 'opened', epoch, length: 5, created: true })
      expect(await textOf(near, epoch)).toBe('once!')
    }
  })

  test('[I4] of one creation sent twice at the same time both find the same document', async () => {
    const { near, far } = use()
    for (let round = 0; round < 10; round += 1) {
      const request = creation(newId(), { initial: Buffer.from('once') })
      const [a, b] = await Promise.all([near.open(request), far.open(request)])
      expect(a).toMatchObject({ kind: 'opened', length: 4, created: true })
      expect(b).toEqual(a)
    }
  })

  test('[I3] of many that must create one document exactly one does', async () => {
    const { near, far } = use()
    for (const size of [0, 4, 300_000]) {
      const id = newId()
      const results = await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          (i % 2 ? near : far).open(creation(id, { initial: pattern(size, i) })),
        ),
      )
      const kinds = results.map(({ kind }) => kind).sort()
      expect(kinds).toEqual([...Array<string>(11).fill('exists'), 'opened'])
      const winner = results.findIndex(({ kind }) => kind === 'opened')
      const found = await near.find(id)
      expect(found).toMatchObject({ length: size })
      const stored = await near.read(found!.epoch, 0, size)
      expect(Buffer.compare(stored, pattern(size, winner))).toBe(0)
    }
  })

  test('[I3] of many that may create one document exactly one does, and all open it', async () => {
    const { near, far } = use()
    const id = newId()
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        (i % 2 ? near : far).open(creation(id, { creation: 'may', initial: Buffer.from('x') })),
      ),
    )
    const opened = results.filter((each) => each.kind === 'opened')
    expect(opened).toHaveLength(12)
    expect(new Set(opened.map(({ epoch }) => epoch)).size).toBe(1)
    expect(opened.filter(({ created }) => created)).toHaveLength(1)
    expect(opened.every(({ length }) => length === 1)).toBe(true)
  })

  test('initial bytes of any size are one chunk with the creation id', async () => {
    const { near, far } = use()
    for (const size of [1, 256 * 1024, 256 * 1024 + 1, 9 * 1024 * 1024]) {
      const request = creation(newId(), { initial: pattern(size) })
      const opened = await near.open(request)
      expect(opened).toMatchObject({ kind: 'opened', length: size })
      const { epoch } = opened as { epoch: number }
      expect(await near.appendIdAt(epoch, 0)).toBe(request.creationId)
      const stored = await far.read(epoch, 0, size)
      expect(Buffer.compare(stored, pattern(size))).toBe(0)
      expect(await appendTo(near, epoch, size, '!')).toEqual({ kind: 'stored', length: size + 1 })
    }
  })

  test('ids are any text, and nothing but equal text is equal', async () => {
    const { near, far } = use()
    const prefix = newId()
    const epochs = new Map<string, number>()
    for (const odd of oddIds) {
      const opened = await near.open(creation(prefix + odd, { initial: Buffer.from(odd) }))
      expect(opened).toMatchObject({ kind: 'opened', created: true })
      epochs.set(odd, (opened as { epoch: number }).epoch)
    }
    expect(new Set(epochs.values()).size).toBe(oddIds.length)
    for (const [odd, epoch] of epochs) {
      const length = Buffer.byteLength(odd)
      expect(await far.find(prefix + odd)).toEqual({ epoch, length })
      expect(await textOf(far, epoch)).toBe(odd)
    }
  })

  test('a document that is removed is gone, and made again under a new epoch', async () => {
    const { near, far } = use()
    const id = newId()
    const request = creation(id, { initial: Buffer.from('old') })
    const { epoch } = (await near.open(request)) as { epoch: number }
    expect(await far.remove(id)).toBe(epoch)
    expect(await far.remove(id)).toBeUndefined()
    expect(await near.find(id)).toBeUndefined()
    expect(await stateOf(near, epoch)).toBeUndefined()
    expect(await near.open(creation(id, { creation: 'never' }))).toEqual({ kind: 'missing' })
    expect(await appendTo(near, epoch, 3, 'late')).toEqual({ kind: 'missing' })

    const again = await near.open(creation(id, { initial: Buffer.from('new') }))
    expect(again).toMatchObject({ kind: 'opened', length: 3, created: true })
    const { epoch: second } = again as { epoch: number }
    expect(second).not.toBe(epoch)
    expect(await appendTo(near, epoch, 3, 'late')).toEqual({ kind: 'missing' })
    expect(await appendTo(near, second, 3, '!')).toEqual({ kind: 'stored', length: 4 })
    expect(await textOf(near, second)).toBe('new!')
  })

  test('a removed document takes its keys along', async () => {
    const { near, nodes } = use()
    const id = newId()
    const { epoch } = (await near.open(creation(id))) as { epoch: number }
    const owner = { node: nodes[0], session: 1 }
    const key = { name: 'k', oldVersion: 0, version: 1, value: Buffer.from('v'), owner }
    await near.setKeys(epoch, [
      { ...key, lifetime: 'session' },
      { ...key, lifetime: 'document' },
    ])
    await near.remove(id)
    expect(await near.setKeys(epoch, [{ ...key, lifetime: 'document' }])).toBeUndefined()
    expect(await near.dropKeys(epoch, owner)).toBeUndefined()
    const { epoch: second } = (await near.open(creation(id))) as { epoch: number }
    expect(await near.keys(second)).toEqual({ version: 0, keys: [] })
  })

  test('[I3] a removal and appends that cross it leave no bytes in a document that is gone', async () => {
    const { near, far } = use()
    for (let round = 0; round < 10; round += 1) {
      const id = newId()
      const { epoch } = (await near.open(creation(id))) as { epoch: number }
      const [outcome, removed] = await Promise.all([
        appendTo(near, epoch, 0, 'crossing'),
        far.remove(id),
      ])
      expect(removed).toBe(epoch)
      expect(['stored', 'missing']).toContain(outcome.kind)
      expect(await stateOf(near, epoch)).toBeUndefined()
    }
  })

  test('finding a document tells its epoch and length without creating it', async () => {
    const { near, far } = use()
    const epoch = await makeDocument(near, 'abc')
    const id = newId()
    expect(await far.find(id)).toBeUndefined()
    const opened = await near.open(creation(id, { creationId: newAppendId() }))
    expect(await far.find(id)).toEqual({ epoch: (opened as { epoch: number }).epoch, length: 0 })
    expect((opened as { epoch: number }).epoch).not.toBe(epoch)
  })
}
