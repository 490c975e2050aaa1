import { describe, expect, test } from 'vitest'
import { lettersOf, parsePermission } from '../../src/auth/permission.ts'
import { makePermissions } from '../../src/auth/permissions.ts'
import type { Holder, Permissions, PermissionsOptions } from '../../src/auth/permissions.ts'
import type { PermissionChange, PermissionStore } from '../../src/core/access.ts'
import { until } from '../support/wait.ts'
import { makeLog } from './support.ts'

/** What the database does, for any number of nodes. */
function makeStore(): PermissionStore & { rows: PermissionChange[]; last: number; error?: Error } {
  const self: ReturnType<typeof makeStore> = {
    rows: [],
    last: 0,
    change(user, letters) {
      const change = ++self.last
      self.rows = self.rows.filter((row) => row.user !== user)
      self.rows.push({ user, letters, change, changedAt: 1_000_000 })
      return Promise.resolve(change)
    },
    changes(after, most) {
      if (self.error) return Promise.reject(self.error)
      const changes = self.rows.filter((row) => row.change > after).slice(0, most)
      return Promise.resolve({ last: self.last, changes })
    },
  }
  return self
}

async function makeLoaded(options: Omit<PermissionsOptions, 'log'>): Promise<Permissions> {
  const permissions = makePermissions({ log: makeLog(), ...options })
  await until('loaded', () => permissions.isLoaded)
  return permissions
}

const holder = (since: Holder['since'], user = 'ann'): Holder => ({
  user,
  permission: parsePermission('rw'),
  since,
})
const never = 1_000_000_000

test('[zwibbler 12] permission letters come in any order, and others mean nothing', () => {
  expect(parsePermission('xaRr')).toEqual({ read: true, write: false, admin: true })
  expect(parsePermission('')).toEqual({ read: false, write: false, admin: false })
  expect(lettersOf(parsePermission('awr'))).toBe('rwa')
})

describe('[zwibbler 13] a change of permission', () => {
  test('reaches every session of the user on the node that made it before it is done', async () => {
    const permissions = await makeLoaded({ store: makeStore(), pollMs: never })
    const heard: string[] = []
    permissions.watch(holder({ change: 0 }), (now) => heard.push(`token ${lettersOf(now)}`))
    permissions.watch(holder({ issuedAt: 5 }), (now) => heard.push(`jwt ${lettersOf(now)}`))
    permissions.watch(holder({}, 'bob'), () => heard.push('bob'))
    await permissions.change('ann', parsePermission('r'))
    expect(heard.sort()).toEqual(['jwt r', 'token r'])
    await permissions.close()
  })

  test('reaches other nodes by polling alone, and at once when they are told to hurry', async () => {
    const store = makeStore()
    const polling = await makeLoaded({ store, pollMs: 5 })
    const hurried = await makeLoaded({ store, pollMs: never })
    const near = await makeLoaded({ store, pollMs: never, onLocalChange: () => hurried.hurry() })
    await near.change('ann', parsePermission(''))
    for (const far of [polling, hurried]) {
      await until('heard', () => !far.permissionOf(holder({})).read)
    }
    await Promise.all([near, polling, hurried].map((each) => each.close()))
  })

  test('is told only to those whose permission it changes, and no more after they have left', async () => {
    const permissions = await makeLoaded({ store: makeStore(), pollMs: never })
    const heard: string[] = []
    const stop = permissions.watch(holder({}), (now) => heard.push(lettersOf(now)))
    await permissions.change('ann', parsePermission('wr'))
    expect(heard).toEqual([])
    await permissions.change('ann', parsePermission('rwa'))
    expect(heard).toEqual(['rwa'])
    stop()
    stop()
    await permissions.change('ann', parsePermission(''))
    expect(heard).toEqual(['rwa'])
    await permissions.close()
  })

  test('overrides a JWT unless that was issued later: a revoked user stays out', async () => {
    const permissions = await makeLoaded({ store: makeStore(), pollMs: never })
    await permissions.change('ann', parsePermission(''))
    const may = (since: Holder['since']): boolean => permissions.permissionOf(holder(since)).read
    expect(may({ issuedAt: 999 })).toBe(false)
    expect(may({ issuedAt: 1_000 }), 'in the same second').toBe(false)
    expect(may({ issuedAt: 1_001 })).toBe(true)
    expect(may({ issuedAt: undefined }), 'nobody knows when').toBe(false)
    await permissions.close()
  })

  test('overrides tokens that were registered before it only', async () => {
    const permissions = await makeLoaded({ store: makeStore(), pollMs: never })
    await permissions.change('bob', parsePermission(''))
    await permissions.change('ann', parsePermission('r'))
    expect(permissions.permissionOf(holder({ change: 1 })).write).toBe(false)
    expect(permissions.permissionOf(holder({ change: 2 })).write).toBe(true)
    await permissions.close()
  })

  test('never concerns those who are nobody', async () => {
    const permissions = await makeLoaded({ store: makeStore(), pollMs: never })
    permissions.watch(holder({}, ''), () => expect.unreachable())
    await permissions.change('', parsePermission(''))
    expect(permissions.permissionOf(holder({}, '')).read).toBe(true)
    await permissions.close()
  })

  test('is told to all sessions although one of them fails', async () => {
    const log = makeLog()
    const permissions = makePermissions({ store: makeStore(), pollMs: never, log })
    let heard = 0
    permissions.watch(holder({}), () => {
      throw new Error('broken session')
    })
    permissions.watch(holder({}), () => heard++)
    await permissions.change('ann', parsePermission(''))
    expect(heard).toBe(1)
    expect(log.lines.filter((line) => line.level === 'error')).toHaveLength(1)
    await permissions.close()
  })
})

describe('what a node knows', () => {
  test('is everything that was ever changed before it lets anybody in', async () => {
    const store = makeStore()
    store.last = 12_000
    for (let change = 1; change <= store.last; change++) {
      store.rows.push({ user: `user ${change}`, letters: '', change, changedAt: 0 })
    }
    // It polls once: what it has not read by then it never will.
    const permissions = await makeLoaded({ store, pollMs: never })
    for (const user of ['user 1', 'user 12000']) {
      expect(permissions.permissionOf(holder({}, user)).read).toBe(false)
    }
    await permissions.close()
  })

  test('is nothing while the database is away at the start, and it tries again', async () => {
    const store = makeStore()
    await store.change('ann', '')
    store.error = new Error('away')
    const log = makeLog()
    const permissions = makePermissions({ store, log, pollMs: 1 })
    await until('a failure', () => log.lines.length === 1)
    expect(permissions.isLoaded).toBe(false)
    delete store.error
    await until('loaded', () => permissions.isLoaded)
    expect(permissions.permissionOf(holder({})).read).toBe(false)
    await permissions.close()
  })

  test('is read anew when the database has gone back, and sessions are told', async () => {
    const store = makeStore()
    const permissions = await makeLoaded({ store, pollMs: never })
    await permissions.change('ann', parsePermission('r'))
    await permissions.change('bob', parsePermission(''))
    const heard: string[] = []
    permissions.watch(holder({}), (now) => heard.push(lettersOf(now)))
    store.rows = []
    store.last = 1
    permissions.hurry()
    await until('told', () => heard.length > 0)
    expect(heard).toEqual(['rw'])
    // The numbers are given again, for other users.
    await store.change('cid', '')
    permissions.hurry()
    await until('cid', () => !permissions.permissionOf(holder({}, 'cid')).read)
    await permissions.close()
  })

  test('is read anew when it is told that another database may be answering', async () => {
    const store = makeStore()
    const permissions = await makeLoaded({ store, pollMs: never })
    await permissions.change('ann', parsePermission(''))
    // Numbers have passed what the node knew: only a whole reading sees it.
    store.rows = [{ user: 'bob', letters: '', change: 1, changedAt: 0 }]
    store.last = 5
    permissions.reload()
    await until('bob', () => !permissions.permissionOf(holder({}, 'bob')).read)
    expect(permissions.permissionOf(holder({})).read).toBe(true)
    await permissions.close()
  })
})
