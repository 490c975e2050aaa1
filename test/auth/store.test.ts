import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NewToken } from '../../src/core/access.ts'
import { createDocument } from '../../src/postgres/documents.ts'
import { makePermissionStore } from '../../src/postgres/permissions.ts'
import { makeTokenStore } from '../../src/postgres/tokens.ts'
import { withClient } from '../support/databases.ts'
import { until } from '../support/wait.ts'
import { makeMigrated } from './support.ts'
import type { Migrated } from './support.ts'

let database: Migrated
beforeAll(async () => {
  database = await makeMigrated()
})
afterAll(() => database[Symbol.asyncDispose]())

const stores = (): {
  tokens: ReturnType<typeof makeTokenStore>
  permissions: ReturnType<typeof makePermissionStore>
} => ({
  tokens: makeTokenStore({ lane: database.lane, createDocument }),
  permissions: makePermissionStore(database.lane),
})

let made = 0
function newToken(rest: Partial<NewToken> = {}): NewToken {
  return {
    token: `token ${++made}`,
    documentId: 'zwibbler/doc',
    user: `user ${made}`,
    letters: 'rw',
    expiresAt: new Date(Date.now() + 60_000),
    ...rest,
  }
}
const initial = { initial: Buffer.from('hello'), creationId: 1 }

describe('[zwibbler 12] registered tokens', () => {
  test('are found by their text, many in one query, expired ones too', async () => {
    const { tokens } = stores()
    const one = newToken({ token: 'tökén\n'.repeat(2_000), letters: '' })
    const expired = newToken({ expiresAt: new Date(Date.now() - 1) })
    expect(await tokens.add(one)).toBe('added')
    expect(await tokens.add(expired)).toBe('added')
    const found = await tokens.find([one.token, expired.token, 'none', ''])
    expect([...found.keys()].sort()).toEqual([one.token, expired.token].sort())
    expect(found.get(one.token)).toEqual({
      documentId: 'zwibbler/doc',
      user: one.user,
      letters: '',
      isExpired: false,
      change: 0,
    })
    expect(found.get(expired.token)?.isExpired).toBe(true)
  })

  test('are not in the database as such: who reads it can open nothing', async () => {
    const token = newToken({ token: 'a very secret token' })
    await stores().tokens.add(token)
    await withClient(database.url, async (client) => {
      const all = await client.query<{ row: string }>(
        `select t::text || encode(digest, 'escape') as row from tokens t`,
      )
      expect(all.rows.map(({ row }) => row).join()).not.toContain('secret')
    })
  })

  test('are never replaced while they are valid, but may be registered anew when they have expired', async () => {
    const { tokens } = stores()
    const valid = newToken()
    await tokens.add(valid)
    expect(await tokens.add({ ...valid, letters: 'rwa' })).toBe('token exists')
    expect((await tokens.find([valid.token])).get(valid.token)?.letters).toBe('rw')
    const expired = newToken({ expiresAt: new Date(0) })
    await tokens.add(expired)
    expect(await tokens.add({ ...expired, expiresAt: valid.expiresAt })).toBe('added')
    expect((await tokens.find([expired.token])).get(expired.token)?.isExpired).toBe(false)
  })

  test('[zwibbler 13] come with their document or not at all', async () => {
    const { tokens } = stores()
    const id = 'zwibbler/with contents'
    const token = newToken({ documentId: id, document: initial })
    expect(await tokens.add(token)).toBe('added')
    const lengths = await database.lane.query(
      { name: '', text: `select length from documents where id = $1` },
      [id],
    )
    expect(lengths).toEqual([[5]])

    const second = newToken({ documentId: id, document: initial })
    expect(await tokens.add(second)).toBe('document exists')
    expect((await tokens.find([second.token])).size, 'rolled back').toBe(0)

    const third = { ...token, documentId: 'zwibbler/never made' }
    expect(await tokens.add(third)).toBe('token exists')
    const made = await database.lane.query(
      { name: '', text: `select 1 from documents where id = $1` },
      [third.documentId],
    )
    expect(made).toHaveLength(0)
  })
})

describe('[zwibbler 13] changes of permissions', () => {
  test('change all tokens of the user and nobody else, and are read in order', async () => {
    const { tokens, permissions } = stores()
    const [one, two, other] = [newToken({ user: 'ann' }), newToken({ user: 'ann' }), newToken()]
    for (const token of [one, two, other]) await tokens.add(token)
    const before = (await permissions.changes(0, 1)).last
    const change = await permissions.change('ann', 'r')
    await permissions.change('nobody yet', '')
    const found = await tokens.find([one.token, two.token, other.token])
    expect(found.get(one.token)).toMatchObject({ letters: 'r', change })
    expect(found.get(two.token)).toMatchObject({ letters: 'r', change })
    expect(found.get(other.token)?.letters).toBe('rw')
    const { last, changes } = await permissions.changes(before, 10)
    expect(changes.map(({ user, letters }) => [user, letters])).toEqual([
      ['ann', 'r'],
      ['nobody yet', ''],
    ])
    expect(last).toBe(before + 2)
    expect(Math.abs((changes[0]?.changedAt ?? 0) - Date.now())).toBeLessThan(60_000)
    expect((await permissions.changes(before, 1)).changes).toHaveLength(1)
    expect(await permissions.changes(last, 10)).toEqual({ last, changes: [] })
  })

  test('of the same user leave the newest one, with its number', async () => {
    const { permissions } = stores()
    const { last } = await permissions.changes(0, 1)
    await permissions.change('twice', 'r')
    const change = await permissions.change('twice', 'rw')
    const { changes } = await permissions.changes(last, 10)
    expect(change).toBe(last + 2)
    expect(changes).toMatchObject([{ user: 'twice', letters: 'rw', change }])
  })

  test('give a token that is registered afterwards a number that is not overridden', async () => {
    const { tokens, permissions } = stores()
    const change = await permissions.change('revoked', '')
    const token = newToken({ user: 'revoked' })
    await tokens.add(token)
    const found = (await tokens.find([token.token])).get(token.token)
    expect(found).toMatchObject({ letters: 'rw' })
    expect(found?.change).toBeGreaterThanOrEqual(change)
  })

  test('become visible in the order of their numbers: nothing that polls above the last one misses any', async () => {
    const { permissions } = stores()
    const { last: from } = await permissions.changes(0, 1)
    let at = from
    const seen = new Set<string>()
    let isWriting = true
    const writing = Promise.all(
      Array.from({ length: 4 }, async (_, writer) => {
        for (let n = 0; n < 50; n++) await permissions.change(`${writer}/${n}`, 'r')
      }),
    ).finally(() => (isWriting = false))
    for (let again = true; again;) {
      again = isWriting
      const { changes } = await permissions.changes(at, 1_000)
      for (const { user, change } of changes) {
        expect(change).toBeGreaterThan(at)
        at = change
        seen.add(user)
      }
    }
    await writing
    expect(seen.size).toBe(200)
  })

  test('wait for one another: a change under way hides no later one', async () => {
    const { permissions } = stores()
    const { last } = await permissions.changes(0, 1)
    await withClient(database.url, async (client) => {
      await client.query('begin')
      await client.query('update permission_changes set last = last + 1')
      const later = permissions.change('later', 'r')
      let isDone = false
      void later.then(() => (isDone = true))
      await until('it waits for the lock', async () => {
        const waiting = await client.query(
          `select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%permission_changes%'
           and datname = current_database()`,
        )
        return waiting.rowCount === 1
      })
      expect(isDone).toBe(false)
      await client.query('commit')
      expect(await later).toBe(last + 2)
    })
  })
})
