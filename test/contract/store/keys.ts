import { expect, test } from 'vitest'
import type { KeyLifetime, KeySet, KeysChanged } from '../../../src/core/ports.ts'
import { makeDocument, stateOf } from './bench.ts'
import type { UseBench } from './bench.ts'

const newest = 2 ** 32 - 1

export function keySuite(use: UseBench): void {
  let sessions = 0
  const newOwner = (node = use().nodes[0]) => ({ node, session: (sessions += 1) })
  function set(name: string, from: number, to: number, more: Partial<KeySet> = {}): KeySet {
    const value = Buffer.from(`${name}@${to}`)
    const owner = { node: use().nodes[0], session: 0 }
    return { lifetime: 'document', name, oldVersion: from, version: to, value, owner, ...more }
  }

  for (const lifetime of ['document', 'session'] as const) {
    test(`a ${lifetime} key is stored only over the version it was based on`, async () => {
      const { near, far } = use()
      const epoch = await makeDocument(near)
      const one = async (from: number, to: number) =>
        (await near.setKeys(epoch, [set('k', from, to, { lifetime })]))!.results[0]
      expect(await one(1, 2)).toBe(false) // missing, and not based on nothing
      expect(await one(0, 5)).toBe(true)
      expect(await one(0, 6)).toBe(false)
      expect(await one(4, 6)).toBe(false)
      expect(await one(5, 5)).toBe(true) // versions need not grow
      expect(await one(5, 3)).toBe(true)
      expect(await one(3, newest)).toBe(true)
      expect(await one(newest, 0)).toBe(true)
      expect(await one(0, 1)).toBe(true) // there, with version 0
      const { version, keys } = await far.keys(epoch)
      expect(version).toBe(6)
      expect(keys).toMatchObject([{ lifetime, name: 'k', version: 1 }])
      expect(Buffer.from(keys[0]!.value).toString()).toBe('k@1')
    })
  }

  test('sets are judged in order, and what was stored is told with the versions it made', async () => {
    const { near } = use()
    const epoch = await makeDocument(near)
    const sets = [set('a', 0, 1), set('a', 0, 2), set('a', 1, 3), set('b', 7, 8), set('b', 0, 9)]
    const changed = await near.setKeys(epoch, sets)
    expect(changed).toEqual({
      from: 0,
      to: 3,
      results: [true, false, true, false, true],
      changes: [sets[0]!, sets[2]!, sets[4]!].map(({ lifetime, name, version, value }) => ({
        ...{ lifetime, name, version, value },
        removed: false,
      })),
    })
    expect(await stateOf(near, epoch)).toMatchObject({ keysVersion: 3 })
  })

  test('sets that are all refused change nothing', async () => {
    const { near } = use()
    const epoch = await makeDocument(near)
    await near.setKeys(epoch, [set('a', 0, 1)])
    expect(await near.setKeys(epoch, [set('a', 0, 2), set('b', 5, 6)])).toEqual({
      ...{ from: 1, to: 1, results: [false, false], changes: [] },
    })
    expect((await near.keys(epoch)).version).toBe(1)
  })

  test('a session key and a document key may have one name', async () => {
    const { near } = use()
    const epoch = await makeDocument(near)
    const owner = newOwner()
    const both = [set('k', 0, 1, { owner }), set('k', 0, 2, { owner, lifetime: 'session' })]
    expect((await near.setKeys(epoch, both))!.results).toEqual([true, true])
    const { keys } = await near.keys(epoch)
    expect(new Map(keys.map((key) => [key.lifetime, key.version]))).toEqual(
      new Map<KeyLifetime, number>([
        ['document', 1],
        ['session', 2],
      ]),
    )
    await near.dropKeys(epoch, owner)
    expect((await near.keys(epoch)).keys.map(({ lifetime }) => lifetime)).toEqual(['document'])
  })

  test('names and values are any bytes', async () => {
    const { near, far } = use()
    const epoch = await makeDocument(near)
    const bytes = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('')
    const names = ['', '\0', 'a\0b', '\xff\xfe', '\xc3\x28', 'caf\xe9', `'"\\$1%_`, bytes]
    const values = [Buffer.alloc(0), Buffer.from(bytes, 'latin1'), Buffer.alloc(100_000, 0xff)]
    const sets = names.map((name, i) => set(name, 0, 1, { value: values[i % 3]! }))
    expect((await near.setKeys(epoch, sets))!.results).toEqual(names.map(() => true))
    const { keys } = await far.keys(epoch)
    expect(keys.map(({ name }) => name).sort()).toEqual([...names].sort())
    for (const { name, value } of keys) {
      const [sent] = sets.filter((each) => each.name === name)
      expect(Buffer.compare(value, sent!.value)).toBe(0)
    }
  })

  test('a session that ends takes along the session keys that it set last', async () => {
    const { near, far } = use()
    const epoch = await makeDocument(near)
    const [ann, bob] = [newOwner(), newOwner(use().nodes[1])]
    const mine = { lifetime: 'session', owner: ann } as const
    await near.setKeys(epoch, [
      set('anns', 0, 4, mine),
      set('passed on', 0, 1, mine),
      set('newest', 0, newest, mine),
      set('stays', 0, 1, { owner: ann }),
    ])
    await far.setKeys(epoch, [set('passed on', 1, 2, { lifetime: 'session', owner: bob })])
    const dropped = await near.dropKeys(epoch, ann)
    expect(dropped).toMatchObject({ from: 5, to: 7 })
    const told = new Map(dropped!.changes.map((change) => [change.name, change]))
    expect([...told.keys()].sort()).toEqual(['anns', 'newest'])
    expect(told.get('anns')).toMatchObject({ lifetime: 'session', version: 5, removed: true })
    expect(told.get('anns')!.value).toHaveLength(0)
    const { version, keys } = await far.keys(epoch)
    expect(version).toBe(7)
    expect(keys.map(({ name }) => name).sort()).toEqual(['passed on', 'stays'])
    expect(await far.dropKeys(epoch, bob)).toMatchObject({ from: 7, to: 8 })
  })

  test('a session without keys leaves nothing to tell', async () => {
    const { near } = use()
    const epoch = await makeDocument(near)
    expect(await near.dropKeys(epoch, newOwner())).toBeUndefined()
    const owner = newOwner()
    await near.setKeys(epoch, [set('a', 0, 1, { owner })])
    expect(await near.dropKeys(epoch, owner)).toBeUndefined()
    expect((await near.keys(epoch)).version).toBe(1)
  })

  test('sessions of one number on two nodes are two sessions', async () => {
    const { near, nodes } = use()
    const epoch = await makeDocument(near)
    const [here, there] = nodes.map((node) => ({ node, session: 12_345 }))
    await near.setKeys(epoch, [set('h', 0, 1, { lifetime: 'session', owner: here! })])
    await near.setKeys(epoch, [set('t', 0, 1, { lifetime: 'session', owner: there! })])
    await near.dropKeys(epoch, here!)
    expect((await near.keys(epoch)).keys.map(({ name }) => name)).toEqual(['t'])
  })

  test('a removed session key can be set anew, based on nothing', async () => {
    const { near } = use()
    const epoch = await makeDocument(near)
    const owner = newOwner()
    await near.setKeys(epoch, [set('k', 0, 8, { lifetime: 'session', owner })])
    await near.dropKeys(epoch, owner)
    const again = [set('k', 8, 9), set('k', 0, 1)].map((each) => ({
      ...each,
      lifetime: 'session' as const,
    }))
    expect((await near.setKeys(epoch, again))!.results).toEqual([false, true])
  })

  test('keys of a document that never was', async () => {
    const { near } = use()
    expect(await near.setKeys(2 ** 40, [set('k', 0, 1)])).toBeUndefined()
    expect(await near.setKeys(2 ** 40, [set('k', 0, 1, { lifetime: 'session' })])).toBeUndefined()
    expect(await near.dropKeys(2 ** 40, newOwner())).toBeUndefined()
    expect(await near.keys(2 ** 40)).toEqual({ version: 0, keys: [] })
  })

  test('[I3] of sets based on one version, on two nodes at once, one is stored', async () => {
    const { near, far } = use()
    for (const lifetime of ['document', 'session'] as const) {
      const epoch = await makeDocument(near)
      for (let version = 0; version < 5; version += 1) {
        const results = await Promise.all(
          Array.from({ length: 8 }, (_, i) =>
            (i % 2 ? near : far).setKeys(epoch, [set('k', version, version + 1, { lifetime })]),
          ),
        )
        expect(results.filter((each) => each!.results[0])).toHaveLength(1)
      }
    }
  })

  test('the versions that concurrent changes made follow each other without a gap', async () => {
    const { near, far } = use()
    const epoch = await makeDocument(near)
    const owners = [newOwner(), newOwner()]
    const changes = await Promise.all(
      Array.from({ length: 40 }, (_, i): Promise<KeysChanged | undefined> => {
        const [store, owner] = [i % 2 ? near : far, owners[i % 2]!]
        if (i % 10 > 7) return store.dropKeys(epoch, owner)
        const lifetime = i % 3 === 0 ? 'session' : 'document'
        return store.setKeys(
          epoch,
          Array.from({ length: 1 + (i % 3) }, (__, j) =>
            set(`${i}.${j}`, 0, 1, { lifetime, owner }),
          ),
        )
      }),
    )
    const ranges = changes.filter((each) => each !== undefined).sort((a, b) => a.from - b.from)
    let version = 0
    for (const { from, to, changes: told } of ranges) {
      expect(from).toBe(version)
      expect(told).toHaveLength(to - from)
      version = to
    }
    expect((await near.keys(epoch)).version).toBe(version)
  })
}
