import { expect, test } from 'vitest'
import { ConfigError, readConfig } from '../../src/config.ts'

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

test('without a single variable everything has its default', () => {
  const config = readConfig({})
  expect(config).toMatchObject({
    HOST: '127.0.0.1',
    PORT: 3000,
    ADMIN_PORT: 9600,
    DATA_DIR: './data',
    SURFACES: ['zwibbler', 'yjs'],
    WORKERS: 1,
    MIGRATE: true,
    WHITEBOARD: true,
    EDITOR_PAGE: true,
    MAX_APPEND: 16 * 2 ** 20,
    SOCKET_BUFFER: 65_536,
    ZWIBBLER_EXPIRATION: 86_400,
    DRAIN_NOTICE_MS: 0,
  })
  expect(config.DATABASE_URL).toBeUndefined()
  expect(Object.isFrozen(config)).toBe(true)
})

test('an empty variable counts as unset, and spaces around a value are no part of it', () => {
  expect(readConfig({ PORT: '', ADMIN_PORT: ' 9700 ', REDIS_URL: ' ' })).toMatchObject({
    PORT: 3000,
    ADMIN_PORT: 9700,
    REDIS_URL: undefined,
  })
})

test('a secret keeps its spaces', () => {
  expect(readConfig({ ADMIN_KEY: ' a b ' }).ADMIN_KEY).toBe(' a b ')
})

test('every mistake is named at once, those between settings too', () => {
  const mistakes = mistakesOf({
    PORT: 'web',
    WORKERS: '0',
    MAX_APPEND: '16 elephants',
    LOG_LEVEL: 'loud',
    TLS_CERT_FILE: 'cert.pem',
    ZWIBBLER_SECRET_USER: 'root',
  })
  expect(mistakes).toHaveLength(6)
  expect(mistakes).toEqual([
    'PORT is not a port (0 to 65535): "web"',
    'WORKERS is not a whole number from 1 to 256: "0"',
    expect.stringMatching(/^LOG_LEVEL is not one of trace, .*: "loud"$/),
    expect.stringMatching(/^MAX_APPEND is not a size .*: "16 elephants"$/),
    'TLS_CERT_FILE is of no use without TLS_KEY_FILE',
    'ZWIBBLER_SECRET_USER is of no use without ZWIBBLER_SECRET_PASSWORD',
  ])
})

test('a mistake in a secret is named without its value', () => {
  const [mistake] = mistakesOf({ DATABASE_URL: 'mysql://me:hush@db/x' })
  expect(mistake).toBe('DATABASE_URL is not a URL (postgres:// or postgresql://…)')
})

test.each([
  ['65536', 65_536],
  ['64KiB', 65_536],
  ['1 MiB', 2 ** 20],
  ['2mib', 2 ** 21],
])('a size may be written %s', (text, bytes) => {
  expect(readConfig({ SOCKET_BUFFER: text }).SOCKET_BUFFER).toBe(bytes)
})

test.each([
  { PORT: '3000.5' },
  { PORT: '-1' },
  { PORT: '65536' },
  { PORT: '0x50' },
  { PORT: '1e3' },
  { HOST: 'http://here' },
  { HOST: '127.0.0.1:3000' },
  { MIGRATE: 'maybe' },
  { REDIS_URL: 'localhost:6379' },
  { SURFACES: 'zwibbler,fax' },
  { SURFACES: ',' },
  { ALLOWED_ORIGINS: 'board.example' },
  { ALLOWED_ORIGINS: 'https://board.example/path' },
  { ZWIBBLER_WEBHOOK: 'ftp://there' },
  { ZWIBBLER_WEBHOOK: 'not a url' },
  { SOCKET_BUFFER: '64KB' },
  { MAX_APPEND: '999GiB' },
  { LEASE_MS: '10s' },
])('refused: %j', (env: Environment) => {
  expect(mistakesOf(env)).toEqual([expect.stringContaining(`${Object.keys(env)[0] ?? ''} is not`)])
})

test('origins are a list, without a slash at the end, or a star', () => {
  const { ALLOWED_ORIGINS } = readConfig({
    ALLOWED_ORIGINS: 'https://A.example/, http://b.example:8080',
  })
  expect(ALLOWED_ORIGINS).toEqual(['https://a.example', 'http://b.example:8080'])
  expect(readConfig({ ALLOWED_ORIGINS: '*' }).ALLOWED_ORIGINS).toEqual(['*'])
})

test('[zwibbler 16] expiration is seconds or never; a wrong text is a mistake, not never', () => {
  expect(readConfig({ ZWIBBLER_EXPIRATION: 'never' }).ZWIBBLER_EXPIRATION).toBe('never')
  expect(readConfig({ ZWIBBLER_EXPIRATION: '60' }).ZWIBBLER_EXPIRATION).toBe(60)
  for (const wrong of ['', '0', 'Never', '1d', '-1']) {
    const expected = wrong === '' ? 0 : 1
    expect(mistakesOf({ ZWIBBLER_EXPIRATION: wrong }), wrong).toHaveLength(expected)
  }
})

test.each(['WHITEBOARD', 'EDITOR_PAGE'] as const)(
  '%s is off in production unless asked for',
  (page) => {
    expect(readConfig({ NODE_ENV: 'production' })[page]).toBe(false)
    expect(readConfig({ NODE_ENV: 'production', [page]: '1' })[page]).toBe(true)
    expect(readConfig({ NODE_ENV: 'development' })[page]).toBe(true)
  },
)

test('a node beyond loopback gives notice before it stops accepting', () => {
  const open = { ALLOW_ANONYMOUS: '1' }
  expect(readConfig({ HOST: '0.0.0.0', ...open }).DRAIN_NOTICE_MS).toBe(5_000)
  expect(readConfig({ HOST: '0.0.0.0', DRAIN_NOTICE_MS: '1', ...open }).DRAIN_NOTICE_MS).toBe(1)
  expect(readConfig({ HOST: 'localhost' }).DRAIN_NOTICE_MS).toBe(0)
})

test.each([
  ['loopback, 10.0.0.0/8,fd00::/8', ['loopback', '10.0.0.0/8', 'fd00::/8']],
  ['192.0.2.1', ['192.0.2.1']],
  ['2', 2],
  ['0', 0],
])('proxies that are trusted: %s', (given, expected) => {
  expect(readConfig({ TRUST_PROXY: given }).TRUST_PROXY).toEqual(expected)
})

test.each([
  'true',
  '10.0.0.0/33',
  '10.0.0/8',
  'fd00::/129',
  '1.2.3.4/8/8',
  'board.example',
  '17',
  ',',
])('proxies that cannot be understood are not trusted in part: %s', (given) => {
  expect(() => readConfig({ TRUST_PROXY: given })).toThrow('TRUST_PROXY is not a number of proxies')
})
