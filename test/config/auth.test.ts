import { expect, test } from 'vitest'
import { ConfigError, readConfig } from '../../src/config.ts'
import type { Known } from '../../src/config.ts'
import { findConflicts } from '../../src/config/conflicts.ts'
import { secretsOf, showConfig } from '../../src/config/show.ts'

type Environment = Record<string, string>

function mistakesOf(env: Environment): readonly string[] {
  try {
    readConfig(env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes
    throw error
  }
}

const AUTH_HOOK_URL = 'https://app.example/may'
const AUTH_JWKS_URL = 'https://id.example/keys'

test.each([
  {},
  { YJS_AUTH: 'none' },
  { YJS_AUTH: 'jwt', AUTH_JWT_KEY: 'hush' },
  { YJS_AUTH: 'jwt', AUTH_JWKS_URL, AUTH_JWT_ISSUER: 'x', AUTH_JWT_AUDIENCE: 'y' },
  { YJS_AUTH: 'hook', AUTH_HOOK_URL, AUTH_CACHE_SECONDS: '0' },
  { YJS_CALLBACK_URL: 'http://app/', YJS_CALLBACK_OBJECTS: '{"text":"Text"}' },
])('allowed: %j', (env: Environment) => {
  expect(mistakesOf(env)).toEqual([])
})

test.each<[Environment, string[]]>([
  [{ YJS_AUTH: 'jwt' }, ['YJS_AUTH=jwt needs AUTH_JWT_KEY or AUTH_JWKS_URL']],
  [{ YJS_AUTH: 'hook' }, ['YJS_AUTH=hook needs AUTH_HOOK_URL']],
  [
    { YJS_AUTH: 'jwt', AUTH_HOOK_URL },
    [
      'YJS_AUTH=jwt needs AUTH_JWT_KEY or AUTH_JWKS_URL',
      'AUTH_HOOK_URL is of no use without YJS_AUTH=hook',
    ],
  ],
  [{ AUTH_JWT_KEY: 'hush' }, ['AUTH_JWT_KEY is of no use without YJS_AUTH=jwt']],
  [{ AUTH_JWT_ISSUER: 'x' }, ['AUTH_JWT_ISSUER is of no use without YJS_AUTH=jwt']],
  [
    { YJS_AUTH: 'jwt', AUTH_JWT_KEY: 'hush', AUTH_JWKS_URL },
    ['AUTH_JWT_KEY and AUTH_JWKS_URL exclude each other'],
  ],
  [
    { YJS_AUTH: 'jwt', AUTH_JWT_KEY: 'h!', AUTH_JWT_KEY_IS_BASE64: '1' },
    ['AUTH_JWT_KEY is not base64, as AUTH_JWT_KEY_IS_BASE64 says'],
  ],
  [{ YJS_AUTH: 'JWT', AUTH_JWT_KEY: 'x' }, ['YJS_AUTH is not one of none, jwt, hook: "JWT"']],
  [
    { YJS_AUTH: 'hook', AUTH_HOOK_URL: 'app.example' },
    ['AUTH_HOOK_URL is not a URL (http:// or https://…)'],
  ],
  [{ YJS_PORT: '3000' }, ['PORT and YJS_PORT are both 3000']],
  [
    { YJS_PATH: '/' },
    ['YJS_PATH / leaves no path to other surfaces: set SURFACES=yjs, or use YJS_PORT instead'],
  ],
  [{ YJS_PATH: '/socket' }, ["YJS_PATH /socket is the zwibbler surface's"]],
  [
    { YJS_CALLBACK_OBJECTS: '{"text":"Text"}' },
    ['YJS_CALLBACK_OBJECTS is of no use without YJS_CALLBACK_URL'],
  ],
  [
    { YJS_CALLBACK_DEBOUNCE_MS: '20000' },
    ['YJS_CALLBACK_DEBOUNCE_MS is above YJS_CALLBACK_MAX_WAIT_MS'],
  ],
])('%j is refused in so many words', (env, mistakes) => {
  expect(mistakesOf(env)).toEqual(mistakes)
})

test.each(['yjs', '/yjs/', '//', '/a?b', '/a b', '/ä'])('the path %j is refused', (path) => {
  expect(mistakesOf({ YJS_PATH: path })).toHaveLength(1)
})

test('a path may have several parts', () => {
  expect(readConfig({ YJS_PATH: '/collab/yjs-1' }).YJS_PATH).toBe('/collab/yjs-1')
  expect(readConfig({ YJS_PATH: '/', SURFACES: 'yjs' }).YJS_PATH).toBe('/')
})

test.each(['{', '[]', '"Text"', '{"text":"text"}', '{"text":1}', 'null'])(
  'the objects %s are refused',
  (objects) => {
    const env = { YJS_CALLBACK_URL: 'http://app/', YJS_CALLBACK_OBJECTS: objects }
    expect(mistakesOf(env)).toHaveLength(1)
  },
)

function openDoors(env: Environment, more: object): string[] {
  const config: Known = readConfig(env)
  return findConflicts({ ...config, HOST: '0.0.0.0', ...more })
}

test('rooms that anybody may open are not shown to others unless that is meant', () => {
  const SURFACES = ['yjs']
  expect(openDoors({}, { SURFACES })).toEqual([expect.stringContaining('set YJS_AUTH to jwt')])
  expect(openDoors({ ALLOW_ANONYMOUS: '1' }, { SURFACES })).toEqual([])
  expect(openDoors({ YJS_AUTH: 'hook', AUTH_HOOK_URL }, { SURFACES })).toEqual([])
  expect(openDoors({}, { SURFACES: ['zwibbler', 'yjs'] })).toEqual([
    expect.stringMatching(/zwibbler, yjs would let anybody in: set ZWIBBLER.*; set YJS_AUTH/),
  ])
})

test('keys and passwords are not shown', () => {
  const jwt = readConfig({ YJS_AUTH: 'jwt', AUTH_JWT_KEY: 'hush1' })
  const hook = readConfig({
    YJS_AUTH: 'hook',
    AUTH_HOOK_URL: 'http://me:hush2@app.example/?key=hush3',
    YJS_CALLBACK_URL: 'http://me:hush4@app.example/',
    YJS_CALLBACK_OBJECTS: '{ "text": "Text" }',
  })
  const lines = [...showConfig(jwt), ...showConfig(hook)]
  expect(lines.join('\n')).not.toContain('hush')
  expect(lines).toContain('AUTH_HOOK_URL=http://me:***@app.example/?key=***')
  expect(lines).toContain('YJS_CALLBACK_OBJECTS={"text":"Text"}')
  expect(secretsOf(jwt)).toEqual(['hush1'])
  expect(secretsOf(hook).sort()).toEqual(['hush2', 'hush4'])
})

test('asked for all surfaces beyond loopback, those without authentication are left out, with a word', () => {
  const warnings: string[] = []
  const guarded = { HOST: '0.0.0.0', ZWIBBLER_JWT_KEY: 'secret' }
  const config = readConfig(guarded, (sentence) => warnings.push(sentence))
  expect(config.SURFACES).toEqual(['zwibbler'])
  expect(warnings).toEqual([expect.stringContaining('yjs: not served')])
  expect(() => readConfig({ ...guarded, SURFACES: 'zwibbler,yjs' })).toThrow('YJS_AUTH')
  expect(() => readConfig({ HOST: '0.0.0.0' })).toThrow('ALLOW_ANONYMOUS=1')
  const open = { HOST: '0.0.0.0', ALLOW_ANONYMOUS: '1' }
  expect(readConfig(open).SURFACES).toEqual(['zwibbler', 'yjs'])
})
