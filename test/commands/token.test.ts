import { expect, inject, test } from 'vitest'
import { makeJwtVerifier } from '../../src/auth/jwt.ts'
import { permissionFor } from '../../src/auth/rooms.ts'
import { makePools } from '../../src/postgres/pool.ts'
import { makeTokenStore } from '../../src/postgres/tokens.ts'
import { makeDatabase } from '../support/databases.ts'
import { lengthwise } from './support.ts'

const { databaseUrl } = inject('services')

async function find(url: string, token: string) {
  const one = { appends: 1, alone: 1, reads: 1, others: 1 }
  const ignore = () => undefined
  const pools = makePools({
    url,
    statementMs: 5_000,
    sizes: one,
    onServerChange: ignore,
    onError: ignore,
  })
  try {
    const lane = pools.others
    const store = makeTokenStore({ lane, createDocument: () => Promise.resolve(undefined) })
    return (await store.find([token])).get(token)
  } finally {
    await pools.close()
  }
}

test('[zwibbler 12] a registered token is printed, works, is listed without its text, and can be ended', async () => {
  await using database = await makeDatabase(databaseUrl)
  const env = { DATABASE_URL: database.url }
  const options = [
    '--document',
    'my board',
    '--user',
    'ann',
    '--permissions',
    'rwa',
    '--expires',
    '2d',
  ]
  const { out, err, code } = await lengthwise(['token', ...options], env)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  const token = out.trim()
  expect(token).toMatch(/^[\w-]{32}$/)
  const found = { documentId: 'zwibbler/my board', user: 'ann', letters: 'rwa', isExpired: false }
  expect(await find(database.url, token)).toMatchObject(found)

  const list = (...more: string[]) => lengthwise(['token', '--list', ...more], env)
  const listed = await list()
  expect(listed.out).not.toContain(token)
  const shown = JSON.parse(listed.out) as { id: string; expires: string }
  expect(shown).toMatchObject({ document: 'my board', user: 'ann', permissions: 'rwa' })
  const days = (Date.parse(shown.expires) - Date.now()) / 86_400_000
  expect(days).toBeGreaterThan(1.99)
  expect(days).toBeLessThan(2.01)
  expect((await list('--document', 'my board')).out).toBe(listed.out)
  expect((await list('--document', 'another')).out).toBe('')

  expect(await lengthwise(['token', '--remove', token], env)).toMatchObject({ code: 0 })
  // Kept as expired: as an unknown text it would be the id of a new, writable document.
  expect(await find(database.url, token)).toMatchObject({ isExpired: true })
  expect((await list()).out).toBe('')
  expect(await lengthwise(['token', '--remove', token], env)).toMatchObject({ code: 1 })

  const { out: second } = await lengthwise(['token', '--document', 'x'], env)
  const { id } = JSON.parse((await list()).out) as { id: string }
  expect(await lengthwise(['token', '--remove', id], env)).toMatchObject({ code: 0 })
  expect(await find(database.url, second.trim())).toMatchObject({ isExpired: true, letters: 'rw' })
})

test.each([
  ['hush', '0'],
  ['aHVzaGh1c2g=', '1'],
])(
  '[zwibbler 12] a JWT is signed with the configured key (%s, base64 %s), without a database',
  async (key, isBase64) => {
    const env = {
      ZWIBBLER_JWT_KEY: key,
      ZWIBBLER_JWT_KEY_IS_BASE64: isBase64,
      DATABASE_URL: 'postgres://127.0.0.1:1/x',
    }
    const options = [
      '--document',
      'board',
      '--user',
      'bob',
      '--permissions',
      'r',
      '--expires',
      '90s',
    ]
    const { out, code } = await lengthwise(['token', '--jwt', ...options], env)
    expect(code).toBe(0)
    const bytes = isBase64 === '1' ? Buffer.from(key, 'base64') : Buffer.from(key)
    const now = Date.now()
    const at = (later: number) => makeJwtVerifier(bytes, () => now + later)(out.trim())
    expect(await at(80_000)).toMatchObject({
      kind: 'valid',
      claims: { sub: 'board', u: 'bob', p: 'r' },
    })
    expect(await at(100_000)).toMatchObject({ kind: 'denied' })
  },
)

test("a token for a Yjs room is good for that room, whatever its name has in it, as node and key's settings want it", async () => {
  const env = {
    ...{
      YJS_AUTH: 'jwt',
      AUTH_JWT_KEY: 'a key',
      AUTH_JWT_ISSUER: 'us',
      AUTH_JWT_AUDIENCE: 'rooms',
    },
    DATABASE_URL: 'postgres://127.0.0.1:1/x',
  }
  const room = String.raw`plans/*\2`
  const { out, code } = await lengthwise(
    ['token', '--room', room, '--user', 'bob', '--permissions', 'r'],
    env,
  )
  expect(code).toBe(0)
  const outcome = await makeJwtVerifier(Buffer.from('a key'))(out.trim())
  expect(outcome).toMatchObject({ kind: 'valid', claims: { sub: 'bob', iss: 'us', aud: 'rooms' } })
  const rooms = outcome.kind === 'valid' ? outcome.claims.rooms : undefined
  expect(permissionFor(rooms, room)).toMatchObject({ read: true, write: false })
  expect(permissionFor(rooms, String.raw`plans/other\2`)).toMatchObject({ read: false })
})

test.each([
  [[]],
  [['--room', 'x', '--jwt']],
  [['--room', 'x']],
  [['--document', 'x', '--permissions', 'rx']],
  [['--document', 'x', '--expires', '1 week']],
  [['--document', 'x', '--expires', '0s']],
  [['--document', 'x'.repeat(1_025)]],
  [['--document', 'x', '--jwt']],
])('a token that makes no sense is refused: %j', async (options: string[]) => {
  const { code, out, err } = await lengthwise(['token', ...options], { DATABASE_URL: databaseUrl })
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toContain('lengthwise token --document')
})
