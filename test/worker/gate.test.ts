import { SignJWT } from 'jose'
import { expect, test } from 'vitest'
import type { Permissions } from '../../src/auth/permissions.ts'
import { readConfig } from '../../src/config.ts'
import { gateFor } from '../../src/worker/gate.ts'
import { makeServer, requestOf, sendJson } from '../auth/gateSupport.ts'
import { makeLog } from '../auth/support.ts'
import { makeTally } from '../collab/support/meter.ts'

const permissions: Permissions = {
  isLoaded: true,
  permissionOf: ({ permission }) => permission,
  watch: () => () => undefined,
  change: () => Promise.resolve(),
  hurry: () => undefined,
  reload: () => undefined,
  close: () => Promise.resolve(),
}
const parts = { log: makeLog(), meter: makeTally().meter, permissions }

test('none: everybody may read and write, for ever', async () => {
  const gate = gateFor(readConfig({}), 'none', parts)
  expect(await gate.admit(requestOf({ protocols: ['x'] }))).toEqual({
    kind: 'granted',
    permission: { read: true, write: true, admin: false },
    protocol: 'x',
  })
})

test('jwt: the key, issuer, audience and cookie are those of the settings', async () => {
  const config = readConfig({
    YJS_AUTH: 'jwt',
    AUTH_JWT_KEY: 'aHVzaA==',
    AUTH_JWT_KEY_IS_BASE64: '1',
    AUTH_JWT_ISSUER: 'id',
    AUTH_JWT_AUDIENCE: 'boards',
    AUTH_JWT_COOKIE: 'session',
    AUTH_JWT_ALL_ROOMS: '1',
  })
  const gate = gateFor(config, config.YJS_AUTH, parts)
  const admit = async (claims: object): Promise<string> => {
    const token = await new SignJWT({ exp: 1e10, iss: 'id', aud: 'boards', ...claims })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(Buffer.from('hush'))
    return (await gate.admit(requestOf({ headers: { cookie: `session=${token}` } }))).kind
  }
  expect(await admit({})).toBe('granted')
  expect(await admit({ iss: 'x' })).toBe('denied')
  expect(await admit({ aud: 'x' })).toBe('denied')
})

test('hook: asked at its URL, its answers kept for AUTH_CACHE_SECONDS', async () => {
  await using server = await makeServer((response) => sendJson(response, { permission: 'r' }))
  const env = { YJS_AUTH: 'hook', AUTH_HOOK_URL: server.url }
  const kept = gateFor(readConfig(env), 'hook', parts)
  for (let count = 0; count < 2; count++) {
    expect((await kept.admit(requestOf())).kind).toBe('granted')
  }
  expect(server.heard).toHaveLength(1)
  const anew = gateFor(readConfig({ ...env, AUTH_CACHE_SECONDS: '0' }), 'hook', parts)
  for (let count = 0; count < 2; count++) await anew.admit(requestOf())
  expect(server.heard).toHaveLength(3)
})
