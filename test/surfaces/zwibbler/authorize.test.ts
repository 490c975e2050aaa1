import { SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { makeJwtVerifier, readJwtKey } from '../../../src/auth/jwt.ts'
import { parsePermission } from '../../../src/auth/permission.ts'
import type { Holder } from '../../../src/auth/permissions.ts'
import type { Token } from '../../../src/core/access.ts'
import { StoreError } from '../../../src/core/errors.ts'
import { makeAuthorize } from '../../../src/surfaces/zwibbler/authorize.ts'
import type { AuthorizeOptions, Grant } from '../../../src/surfaces/zwibbler/authorize.ts'

const key = readJwtKey('secret', false)
const soon = Math.floor(Date.now() / 1_000) + 600

function makeJwt(claims: object, secret = key): Promise<string> {
  return new SignJWT({ sub: 'doc', u: 'ann', p: 'rw', exp: soon, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(secret)
}

interface World {
  queries: (readonly string[])[]
  authorize: (id: string | Uint8Array) => Promise<Grant>
}

function makeWorld(
  options: Partial<AuthorizeOptions> & { jwt?: boolean; error?: Error } = {},
): World {
  const registered: Record<string, Token> = {
    tok: { documentId: 'zwibbler/doc', user: 'bob', letters: 'r', isExpired: false, change: 3 },
    old: { documentId: 'zwibbler/doc', user: 'bob', letters: 'rw', isExpired: true, change: 3 },
    blind: { documentId: 'zwibbler/doc', user: 'bob', letters: 'wa', isExpired: false, change: 3 },
    foreign: { documentId: 'yjs/doc', user: 'bob', letters: 'rw', isExpired: false, change: 3 },
  }
  const queries: (readonly string[])[] = []
  const authorize = makeAuthorize({
    plainIds: true,
    permissions: { isLoaded: true, permissionOf: (holder: Holder) => holder.permission },
    tokens: {
      find: (tokens) => {
        queries.push(tokens)
        if (options.error) return Promise.reject(options.error)
        const found = tokens.flatMap((token): [string, Token][] => {
          const row = registered[token]
          return row ? [[token, row]] : []
        })
        return Promise.resolve(new Map(found))
      },
    },
    ...(options.jwt === true && { verifyJwt: makeJwtVerifier(key) }),
    ...options,
  })
  return { queries, authorize: (id) => authorize(typeof id === 'string' ? Buffer.from(id) : id) }
}

const rw = { read: true, write: true, admin: false }
const denied = { kind: 'denied' }
const failed = (message: string): object => ({ kind: 'failed', message })

describe('[zwibbler 12] the id field of an init', () => {
  test('is a plain document id, for reading and writing by anybody, where nothing else is set', async () => {
    const { authorize } = makeWorld()
    for (const documentId of ['doc1', '', 'a/b?c', 'ünï\n']) {
      expect(await authorize(documentId)).toMatchObject({
        kind: 'granted',
        documentId,
        user: '',
        permission: rw,
      })
    }
  })

  test('is a registered token first: its document, user and permission', async () => {
    for (const options of [{}, { plainIds: false }, { jwt: true }]) {
      expect(await makeWorld(options).authorize('tok')).toEqual({
        kind: 'granted',
        documentId: 'doc',
        user: 'bob',
        permission: parsePermission('r'),
        holder: { user: 'bob', permission: parsePermission('r'), since: { change: 3 } },
      })
    }
  })

  test('[zwibbler 18.23] is never a document id once it was a token, although that has expired', async () => {
    for (const options of [{}, { jwt: true }]) {
      expect(await makeWorld(options).authorize('old')).toEqual(denied)
    }
  })

  test('lets nobody in without the letter r, and no token of another surface', async () => {
    expect(await makeWorld().authorize('blind')).toEqual(denied)
    expect(await makeWorld().authorize('foreign')).toEqual(denied)
    expect(await makeWorld({ jwt: true }).authorize(await makeJwt({ p: 'wa' }))).toEqual(denied)
  })

  test('is denied as a plain id where only registered tokens are let in', async () => {
    expect(await makeWorld({ plainIds: false }).authorize('doc1')).toEqual(denied)
  })

  test('is a JWT in JWT mode: subject, user, permission, and when it was issued', async () => {
    const jwt = await makeJwt({ iat: 5, p: 'ra' })
    expect(await makeWorld({ jwt: true }).authorize(jwt)).toEqual({
      kind: 'granted',
      documentId: 'doc',
      user: 'ann',
      permission: parsePermission('ra'),
      holder: { user: 'ann', permission: parsePermission('ra'), since: { issuedAt: 5 } },
    })
    const nobody = await makeJwt({ sub: undefined, u: undefined })
    expect(await makeWorld({ jwt: true }).authorize(nobody)).toMatchObject({
      documentId: '',
      user: '',
    })
  })

  test('is refused in JWT mode with the texts that clients know', async () => {
    const { authorize } = makeWorld({ jwt: true })
    expect(await authorize('doc1')).toEqual(failed('token contains an invalid number of segments'))
    expect(await authorize(await makeJwt({ nbf: soon }))).toEqual(failed('token is not valid yet'))
    expect(await authorize(await makeJwt({ exp: 5 }))).toEqual(denied)
    expect(await authorize(await makeJwt({ exp: undefined }))).toEqual(denied)
    expect(await authorize(await makeJwt({}, readJwtKey('x', false)))).toEqual(denied)
    expect(await authorize(await makeJwt({ u: 7 }))).toEqual(failed('token is malformed'))
  })

  test('is nothing but a document id without a JWT key, also when it looks like a JWT', async () => {
    const jwt = await makeJwt({})
    expect(await makeWorld().authorize(jwt)).toMatchObject({ kind: 'granted', documentId: jwt })
  })
})

describe('[zwibbler 6] document ids that cannot be stored', () => {
  test('are refused with error 0, wherever they come from', async () => {
    const { authorize } = makeWorld()
    expect(await authorize(Uint8Array.of(0x61, 0xff))).toEqual(
      failed('document id is not valid UTF-8'),
    )
    expect(await authorize('a\0b')).toEqual(failed('document id contains NUL'))
    const tooLong = failed('document id is longer than 1024 bytes')
    expect(await authorize('é'.repeat(513))).toEqual(tooLong)
    expect(await authorize('é'.repeat(512))).toMatchObject({ kind: 'granted' })
    const jwt = makeWorld({ jwt: true })
    expect(await jwt.authorize(await makeJwt({ sub: 'x'.repeat(1_025) }))).toEqual(tooLong)
    expect(await jwt.authorize(await makeJwt({ sub: 'a\0' }))).toEqual(
      failed('document id contains NUL'),
    )
    expect(await jwt.authorize(await makeJwt({ sub: '\ud800' }))).toEqual(
      failed('document id is not valid UTF-8'),
    )
  })

  test('keep a byte order mark: it is part of the id', async () => {
    expect(await makeWorld().authorize('\ufeffdoc')).toMatchObject({ documentId: '\ufeffdoc' })
  })

  test('may be long as long as they stand for a short one, and nothing huge is looked at', async () => {
    const jwt = await makeJwt({ note: 'x'.repeat(4_000) })
    expect(await makeWorld({ jwt: true }).authorize(jwt)).toMatchObject({ documentId: 'doc' })
    const world = makeWorld()
    expect(await world.authorize('x'.repeat(16_385))).toEqual(failed('document id is too long'))
    expect(world.queries).toEqual([])
  })
})

describe('many joins at once', () => {
  test('share one query for their tokens', async () => {
    const { authorize, queries } = makeWorld()
    await Promise.all(['tok', 'a', 'b', 'tok'].map((id) => authorize(id)))
    expect(queries).toEqual([['tok', 'a', 'b']])
  })

  test('with a good JWT need none, so they are let in while Postgres is away', async () => {
    const error = new StoreError('away', 'no connection to db.internal:5432')
    const { authorize, queries } = makeWorld({ jwt: true, error })
    expect((await authorize(await makeJwt({}))).kind).toBe('granted')
    expect(queries).toEqual([])
  })
})

describe('[zwibbler 18.21] while Postgres is away', () => {
  const error = new StoreError('away', 'no connection to db.internal:5432')

  test('an init fails without a word about hosts', async () => {
    for (const options of [{ error }, { error, plainIds: false }, { error, jwt: true }]) {
      expect(await makeWorld(options).authorize('doc')).toEqual({ kind: 'unavailable' })
    }
  })

  test('a node that has not yet read who was thrown out lets no user in', async () => {
    const permissions = { isLoaded: false, permissionOf: (holder: Holder) => holder.permission }
    const { authorize } = makeWorld({ jwt: true, permissions })
    expect(await authorize(await makeJwt({}))).toEqual({ kind: 'unavailable' })
    expect(await makeWorld({ permissions }).authorize('doc')).toMatchObject({ kind: 'granted' })
  })
})

test('[zwibbler 13] what holds is the changed permission, not that of the token', async () => {
  const asked: Holder[] = []
  const now = parsePermission('')
  const permissions = {
    isLoaded: true,
    permissionOf: (holder: Holder) => {
      asked.push(holder)
      return now
    },
  }
  expect(await makeWorld({ permissions }).authorize('tok')).toEqual(denied)
  expect(asked).toEqual([{ user: 'bob', permission: parsePermission('r'), since: { change: 3 } }])
})

test('a bug is not taken for a storage failure', async () => {
  await expect(makeWorld({ error: new TypeError('bug') }).authorize('x')).rejects.toThrow('bug')
})
