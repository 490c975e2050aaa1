import { createSecretKey } from 'node:crypto'
import { SignJWT } from 'jose'
import { describe, expect, test, vi } from 'vitest'
import type { Admission, Change, Gate, GateRequest, Granted } from '../../src/auth/gate.ts'
import { makeGate } from '../../src/auth/gate.ts'
import { readJwtKey } from '../../src/auth/jwt.ts'
import type { JwtOptions } from '../../src/auth/jwt-gate.ts'
import { makeJwtGate } from '../../src/auth/jwt-gate.ts'
import { parsePermission, readAndWrite } from '../../src/auth/permission.ts'
import type { Permission } from '../../src/auth/permission.ts'
import type { Holder } from '../../src/auth/permissions.ts'
import { makePermissions } from '../../src/auth/permissions.ts'
import type { PermissionChange, PermissionStore } from '../../src/core/access.ts'
import { requestOf } from './gateSupport.ts'
import { makeLog } from './support.ts'

const secret = readJwtKey('a secret', false)
const readOnly = parsePermission('r')
const nowS = (): number => Math.floor(Date.now() / 1_000)

function sign(claims: object, key = secret): Promise<string> {
  const all = { sub: 'ann', iat: nowS(), exp: nowS() + 60, rooms: { plan: 'rw' }, ...claims }
  return new SignJWT(all).setProtectedHeader({ alg: 'HS256' }).sign(createSecretKey(key))
}

function gateWith(options: Partial<JwtOptions> = {}): Gate {
  const jwt = { key: { secret }, cookie: 'token', allRooms: false, ...options }
  return makeGate({ mode: 'jwt', jwt, log: makeLog() })
}

async function admit(claims: object, options: Partial<JwtOptions> = {}): Promise<Admission> {
  return gateWith(options).admit(requestOf({ query: `token=${await sign(claims)}` }))
}

const unauthenticated = (text: string): Admission => ({
  kind: 'denied',
  reason: 'unauthenticated',
  text,
})
const forbidden = (text: string): Admission => ({ kind: 'denied', reason: 'forbidden', text })

describe('[yjs 7] a JWT lets in', () => {
  test('whom it names, to the rooms that it names, until it expires', async () => {
    const exp = nowS() + 60
    expect(await admit({ exp })).toMatchObject({
      kind: 'granted',
      user: 'ann',
      permission: readAndWrite,
      expiresAt: exp * 1_000,
    })
    expect(await admit({ exp, rooms: { '**': 'r' } })).toMatchObject({ permission: readOnly })
    expect(await admit({ exp, rooms: { other: 'rw' } })).toEqual(forbidden('access denied'))
  })

  test('nobody whose rooms it does not name, unless a setting says all', async () => {
    expect(await admit({ rooms: undefined })).toEqual(forbidden('token says no rooms'))
    expect(await admit({ rooms: '**' })).toEqual(forbidden('token says no rooms'))
    const all = { allRooms: true }
    expect(await admit({ rooms: undefined }, all)).toMatchObject({ permission: readAndWrite })
    expect(await admit({ rooms: {} }, all)).toEqual(forbidden('access denied'))
    expect(await admit({ rooms: null }, all)).toEqual(forbidden('token says no rooms'))
  })

  test('also somebody without a name', async () => {
    const admission = await admit({ sub: undefined })
    expect(admission.kind).toBe('granted')
    expect(admission).not.toHaveProperty('user')
    expect(await admit({ sub: 7 })).toEqual(unauthenticated('token is malformed'))
  })

  test('nobody without a token, or with one that is expired, endless or signed by others', async () => {
    const none = await gateWith().admit(requestOf())
    expect(none).toEqual(unauthenticated('a token is needed'))
    const invalid = unauthenticated('token is not valid or has expired')
    expect(await admit({ exp: nowS() - 1 })).toEqual(invalid)
    expect(await admit({ exp: undefined })).toEqual(invalid)
    const foreign = await sign({}, readJwtKey('another', false))
    expect(await gateWith().admit(requestOf({ query: `token=${foreign}` }))).toEqual(invalid)
    const long = requestOf({ query: `token=${'x'.repeat(16_385)}` })
    expect(await gateWith().admit(long)).toEqual(unauthenticated('token is too long'))
  })

  test('only of the issuer and for the audience that are configured', async () => {
    const options = { issuer: 'https://id.example', audience: 'boards' }
    const iss = 'https://id.example'
    expect((await admit({ iss, aud: 'boards' }, options)).kind).toBe('granted')
    expect((await admit({ iss, aud: ['x', 'boards'] }, options)).kind).toBe('granted')
    const issuer = unauthenticated('token is of another issuer')
    const audience = unauthenticated('token is for another audience')
    expect(await admit({ aud: 'boards' }, options)).toEqual(issuer)
    expect(await admit({ iss: 'https://id.example/', aud: 'boards' }, options)).toEqual(issuer)
    expect(await admit({ iss }, options)).toEqual(audience)
    expect(await admit({ iss, aud: ['x'] }, options)).toEqual(audience)
    expect(await admit({ iss, aud: { boards: 1 } }, options)).toEqual(audience)
  })
})

describe('[yjs 7] a token may come', () => {
  test.each<[string, (token: string) => GateRequest]>([
    ['in the query', (token) => requestOf({ query: `token=${token}` })],
    ["in y-redis's query", (token) => requestOf({ query: `yauth=${token}` })],
    ['as a subprotocol', (token) => requestOf({ protocols: ['x', `yauth-${token}`] })],
    ['as a bearer', (token) => requestOf({ headers: { authorization: `bearer ${token}` } })],
    ['in a cookie', (token) => requestOf({ headers: { cookie: `a=b; token=${token}; c="d"` } })],
    ['quoted', (token) => requestOf({ headers: { cookie: `token="${token}"` } })],
  ])('%s', async (_, request) => {
    expect((await gateWith().admit(request(await sign({})))).kind).toBe('granted')
  })

  test('in a cookie of another name', async () => {
    const headers = { cookie: `session=${await sign({})}` }
    expect((await gateWith({ cookie: 'session' }).admit(requestOf({ headers }))).kind).toBe(
      'granted',
    )
    expect((await gateWith().admit(requestOf({ headers }))).kind).toBe('denied')
  })

  test('twice: what is asked for beats the cookie that is always sent', async () => {
    const mine = await sign({ sub: 'ann' })
    const headers = { cookie: `token=${await sign({ sub: 'bob' })}` }
    expect(await gateWith().admit(requestOf({ query: `token=${mine}`, headers }))).toMatchObject({
      user: 'ann',
    })
    expect(await gateWith().admit(requestOf({ query: 'token=', headers }))).toMatchObject({
      user: 'bob',
    })
  })

  test('and the answer names one of the subprotocols offered [yjs 3]', async () => {
    const token = await sign({})
    const admitted = async (protocols: string[]): Promise<unknown> =>
      await gateWith().admit(requestOf({ query: `token=${token}`, protocols }))
    expect(await admitted(['x', `yauth-${token}`])).toMatchObject({ protocol: `yauth-${token}` })
    expect(await admitted(['x', 'y'])).toMatchObject({ protocol: 'x' })
    expect(await admitted([])).not.toHaveProperty('protocol')
  })
})

class FakeStore implements PermissionStore {
  changes_: PermissionChange[] = []
  last = 0
  isAway = false
  change(user: string, letters: string): Promise<number> {
    this.last += 1
    this.changes_.push({ user, letters, change: this.last, changedAt: Date.now() + 1_000 })
    return Promise.resolve(this.last)
  }
  changes(after: number) {
    if (this.isAway) return Promise.reject(new Error('away'))
    const changes = this.changes_.filter(({ change }) => change > after)
    return Promise.resolve({ last: this.last, changes })
  }
}

async function withPermissions(work: (parts: Awaited<ReturnType<typeof setUp>>) => Promise<void>) {
  const parts = await setUp()
  try {
    await work(parts)
  } finally {
    await parts.permissions.close()
  }
}

async function setUp() {
  const store = new FakeStore()
  const log = makeLog()
  const permissions = makePermissions({ store, log, pollMs: 60_000 })
  await vi.waitUntil(() => permissions.isLoaded)
  const jwt = { key: { secret }, cookie: 'token', allRooms: false }
  const gate = makeJwtGate({ jwt, permissions, log })
  const change = (letters: string): Promise<void> =>
    permissions.change('ann', parsePermission(letters))
  return { store, permissions, gate, change }
}

async function enter(gate: Gate, claims: object = {}) {
  const request = requestOf({ query: `token=${await sign(claims)}` })
  const admission = (await gate.admit(request)) as Granted
  const told: Change[] = []
  const end = gate.watch(request, admission, (change) => told.push(change))
  return { admission, told, end }
}

describe('a JWT while connected', () => {
  test('ends its connection when it expires', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    try {
      const { told } = await enter(gateWith())
      const forgotten = await enter(gateWith())
      forgotten.end()
      await vi.advanceTimersByTimeAsync(58_000)
      expect(told).toEqual([])
      await vi.advanceTimersByTimeAsync(3_000)
      expect(told).toEqual(['revoked'])
      expect(forgotten.told).toEqual([])
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  test('may hold for longer than a timer can', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    try {
      const { told } = await enter(gateWith(), { exp: nowS() + 40 * 86_400 })
      await vi.advanceTimersByTimeAsync(39 * 86_400_000)
      expect(told).toEqual([])
      await vi.advanceTimersByTimeAsync(2 * 86_400_000)
      expect(told).toEqual(['revoked'])
    } finally {
      vi.useRealTimers()
    }
  })

  test('gives less when its user is changed, never more than it says', () =>
    withPermissions(async ({ gate, change }) => {
      const writer = await enter(gate)
      const reader = await enter(gate, { rooms: { plan: 'r' } })
      await change('r')
      await change('rwa')
      expect(writer.told).toEqual<Permission[]>([readOnly, readAndWrite])
      expect(reader.told).toEqual([])
      await change('')
      expect(writer.told.at(-1)).toBe('forbidden')
      expect(reader.told).toEqual(['forbidden'])
      await change('rw')
      expect(reader.told).toEqual(['forbidden'])
      writer.end()
      reader.end()
    }))

  test('a revoked user stays out although the JWT has not expired', () =>
    withPermissions(async ({ gate, change }) => {
      await change('')
      const token = await sign({})
      expect(await gate.admit(requestOf({ query: `token=${token}` }))).toEqual(
        forbidden('access denied'),
      )
    }))

  test('nobody with a name comes in before the changes are known', async () => {
    const store = new FakeStore()
    store.isAway = true
    const log = makeLog()
    const permissions = makePermissions({ store, log, pollMs: 60_000 })
    const jwt = { key: { secret }, cookie: 'token', allRooms: false }
    const gate = makeGate({ mode: 'jwt', jwt, permissions, log })
    const request = requestOf({ query: `token=${await sign({})}` })
    expect(await gate.admit(request)).toEqual({ kind: 'unavailable' })
    const nameless = requestOf({ query: `token=${await sign({ sub: undefined })}` })
    expect((await gate.admit(nameless)).kind).toBe('granted')
    await permissions.close()
  })

  test('is watched no longer than its connection lasts', () =>
    withPermissions(async ({ permissions, change }) => {
      let watched = 0
      const counted = {
        isLoaded: true,
        permissionOf: (holder: Holder) => permissions.permissionOf(holder),
        watch(...args: Parameters<typeof permissions.watch>) {
          const end = permissions.watch(...args)
          watched += 1
          return () => {
            watched -= 1
            end()
          }
        },
      }
      const jwt = { key: { secret }, cookie: 'token', allRooms: false }
      const gate = makeGate({ mode: 'jwt', jwt, permissions: counted, log: makeLog() })
      const [left, refused] = [await enter(gate), await enter(gate)]
      expect(watched).toBe(2)
      left.end()
      expect(watched).toBe(1)
      await change('')
      expect([left.told, refused.told]).toEqual([[], ['forbidden']])
      expect(watched).toBe(0)
    }))

  test('a change between admission and watch is told of, after watch has returned', () =>
    withPermissions(async ({ gate, change }) => {
      const request = requestOf({ query: `token=${await sign({})}` })
      const admission = (await gate.admit(request)) as Granted
      await change('r')
      const told: Change[] = []
      const end = gate.watch(request, admission, (now) => told.push(now))
      expect(told).toEqual([])
      await vi.waitUntil(() => told.length > 0)
      expect(told).toEqual([readOnly])
      end()
    }))

  test('who leaves at once is told of nothing', () =>
    withPermissions(async ({ gate, change }) => {
      const request = requestOf({ query: `token=${await sign({})}` })
      const admission = (await gate.admit(request)) as Granted
      await change('')
      const told: Change[] = []
      gate.watch(request, admission, (now) => told.push(now))()
      await new Promise((resolve) => setImmediate(resolve))
      expect(told).toEqual([])
    }))
})
