import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeJwtVerifier, readJwtKey } from '../../../src/auth/jwt.ts'
import { lettersOf } from '../../../src/auth/permission.ts'
import { makePermissions } from '../../../src/auth/permissions.ts'
import type { Permissions } from '../../../src/auth/permissions.ts'
import { createDocument, makeDocumentStore } from '../../../src/postgres/documents.ts'
import { makePermissionStore } from '../../../src/postgres/permissions.ts'
import { makeTokenStore } from '../../../src/postgres/tokens.ts'
import type { HttpAnswer } from '../../../src/surfaces/surface.ts'
import { makeAuthorize } from '../../../src/surfaces/zwibbler/authorize.ts'
import type { Grant } from '../../../src/surfaces/zwibbler/authorize.ts'
import { makeManagement } from '../../../src/surfaces/zwibbler/management.ts'
import { makeLog, makeMigrated } from '../../auth/support.ts'
import type { Migrated } from '../../auth/support.ts'
import { seededRandom } from '../../support/random.ts'
import { until } from '../../support/wait.ts'
import { makeRequest } from './support.ts'

const jwtKey = readJwtKey('secret', false)

/** One node: the management API, and what an init is told. */
interface Node {
  permissions: Permissions
  post(fields: Record<string, string | Blob>): Promise<HttpAnswer>
  authorize(id: string): Promise<Grant>
  close(): Promise<void>
}

let database: Migrated
let near: Node
let far: Node

function makeNode(): Node {
  const log = makeLog()
  const tokens = makeTokenStore({ lane: database.lane, createDocument })
  const store = makePermissionStore(database.lane)
  const permissions = makePermissions({ store, log, pollMs: 20 })
  const management = makeManagement({
    store: makeDocumentStore(database.pools),
    tokens,
    changePermission: (user, permission) => permissions.change(user, permission),
    documentDeleted: () => undefined,
    credentials: { user: 'u', password: 'p' },
    maxContentsBytes: 16 * 1024 * 1024,
    maxDumpBytes: 64 * 1024 * 1024,
    log,
  })
  const verifyJwt = makeJwtVerifier(jwtKey)
  const authorize = makeAuthorize({ tokens, permissions, verifyJwt, plainIds: true })
  return {
    permissions,
    authorize: (id) => authorize(Buffer.from(id)),
    close: () => permissions.close(),
    async post(fields) {
      const form = new FormData()
      for (const [name, value] of Object.entries(fields)) form.set(name, value)
      const sent = new Response(form)
      const headers = {
        authorization: `Basic ${Buffer.from('u:p').toString('base64')}`,
        'content-type': sent.headers.get('content-type')!,
      }
      const body = new Uint8Array(await sent.arrayBuffer())
      return await management(makeRequest({ headers, body }))
    },
  }
}

beforeAll(async () => {
  database = await makeMigrated()
  near = makeNode()
  far = makeNode()
  await until('loaded', () => near.permissions.isLoaded && far.permissions.isLoaded)
})
afterAll(async () => {
  await Promise.all([near, far].map((node) => node.close()))
  await database[Symbol.asyncDispose]()
})

const expiration = new Date(Date.now() + 60_000).toUTCString()
const lettersFor = async (node: Node, id: string): Promise<string> => {
  const grant = await node.authorize(id)
  return grant.kind === 'granted' ? lettersOf(grant.permission) : grant.kind
}

describe('[zwibbler 13] the management API on Postgres', () => {
  test('gives back exactly the bytes that it was given, whatever their size', async () => {
    const random = seededRandom('dumped bytes')
    const data = Buffer.alloc(3_000_000)
    for (let at = 0; at < data.length; at += 4) data.writeUInt32LE(random.between(0, 2 ** 32), at)
    const contents = new Blob([data])
    const create = { method: 'createDocument', documentID: 'big', contents }
    expect(await near.post(create)).toEqual({ status: 200 })
    const dump = await far.post({ method: 'dumpDocument', documentID: 'big' })
    expect(dump.status).toBe(200)
    expect(data.equals(dump.body as Uint8Array)).toBe(true)
    expect(await far.post(create)).toEqual({ status: 409 })
  })

  test('a deleted document is gone on every node, and its tokens stay', async () => {
    const token = 'tok of gone'
    const add = { documentID: 'gone', userID: 'ann', token, expiration, permissions: 'rw' }
    expect(await near.post({ method: 'addToken', ...add, contents: 'hello' })).toEqual({
      status: 200,
    })
    expect(await far.post({ method: 'checkDocument', documentID: 'gone' })).toEqual({ status: 200 })
    expect(await near.post({ method: 'deleteDocument', documentID: 'gone' })).toEqual({
      status: 200,
    })
    expect(await far.post({ method: 'checkDocument', documentID: 'gone' })).toEqual({ status: 404 })
    expect(await lettersFor(far, token)).toBe('rw')
  })

  test('[zwibbler 18.10] a token is taken once, and without contents makes no document', async () => {
    const add = { method: 'addToken', token: 'once', documentID: 'unmade', userID: 'bob' }
    expect(await near.post({ ...add, expiration })).toEqual({ status: 200 })
    expect(await far.post({ ...add, expiration })).toEqual({ status: 409 })
    const check = { method: 'checkDocument', documentID: 'unmade' }
    expect(await near.post(check)).toEqual({ status: 404 })
  })

  test('[zwibbler 18.9] updateUser reaches tokens and JWT of the user, live and later, on every node', async () => {
    const add = { method: 'addToken', documentID: 'd', userID: 'cid', permissions: 'rw' }
    await near.post({ ...add, token: 'cid’s', expiration })
    const issued = Math.floor(Date.now() / 1_000) - 60
    const jwt = (iat: number): Promise<string> =>
      new SignJWT({ sub: 'd', u: 'cid', p: 'rw', iat, exp: issued + 600 })
        .setProtectedHeader({ alg: 'HS256' })
        .sign(jwtKey)
    const old = await jwt(issued)
    const live: string[] = []
    for (const id of ['cid’s', old]) {
      const grant = await far.authorize(id)
      if (grant.kind !== 'granted') throw new Error(grant.kind)
      far.permissions.watch(grant.holder, (now) => live.push(lettersOf(now)))
    }
    await near.post({ method: 'updateUser', userID: 'cid', permissions: 'r' })
    expect(await lettersFor(near, 'cid’s')).toBe('r')
    expect(await lettersFor(near, old)).toBe('r')
    await until('the other node has heard of it', () => live.length === 2)
    expect(live).toEqual(['r', 'r'])

    await near.post({ method: 'updateUser', userID: 'cid' })
    await until('thrown out', () => live.length === 4)
    const late = makeNode()
    await until('loaded', () => late.permissions.isLoaded)
    for (const node of [near, far, late]) {
      expect(await lettersFor(node, 'cid’s')).toBe('denied')
      expect(await lettersFor(node, old)).toBe('denied')
    }
    await late.close()
    await near.post({ ...add, token: 'new of cid', expiration })
    expect(await lettersFor(far, 'new of cid'), 'registered after he was thrown out').toBe('rw')
  })

  test('[zwibbler 18.23] an expired token is refused on every node, and never becomes a document', async () => {
    const token = 'short'
    const add = { method: 'addToken', documentID: 'd', userID: 'eve', permissions: 'rw', token }
    expect(await near.post({ ...add, expiration: new Date(0).toUTCString() })).toEqual({
      status: 200,
    })
    expect(await lettersFor(far, token)).toBe('denied')
    expect(await near.post({ ...add, expiration })).toEqual({ status: 200 })
    expect(await lettersFor(far, token), 'registered anew').toBe('rw')
  })
})
