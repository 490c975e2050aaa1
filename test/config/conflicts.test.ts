import { expect, test } from 'vitest'
import { ConfigError, readConfig } from '../../src/config.ts'

function mistakesOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes
    throw error
  }
}

test.each(['0.0.0.0', '::', '192.168.1.5', 'board.example'])(
  'listening at %s without authentication is refused',
  (HOST) => {
    expect(mistakesOf({ HOST })).toEqual([expect.stringContaining('ALLOW_ANONYMOUS=1')])
  },
)

test.each([
  { HOST: '127.0.0.1' },
  { HOST: '127.8.0.1' },
  { HOST: '::1' },
  { HOST: 'localhost' },
  { HOST: '0.0.0.0', ALLOW_ANONYMOUS: '1' },
  { HOST: '0.0.0.0', ZWIBBLER_PLAIN_IDS: '0' },
  { HOST: '0.0.0.0', ZWIBBLER_JWT_KEY: 'hush' },
])('allowed: %j', (env: Record<string, string>) => {
  expect(mistakesOf(env)).toEqual([])
})

test('a misread ALLOW_ANONYMOUS is one mistake, not two', () => {
  expect(mistakesOf({ HOST: '0.0.0.0', ALLOW_ANONYMOUS: 'perhaps' })).toHaveLength(1)
})

test('the admin port may be open to others without a key', () => {
  expect(mistakesOf({ ADMIN_HOST: '0.0.0.0' })).toEqual([])
})

test('two ports may not be the same, unless both are to be chosen', () => {
  expect(mistakesOf({ PORT: '9600' })).toEqual(['PORT and ADMIN_PORT are both 9600'])
  expect(mistakesOf({ PORT: '0', ADMIN_PORT: '0', ZWIBBLER_PORT: '0' })).toEqual([])
  expect(mistakesOf({ ZWIBBLER_PORT: '3000' })).toEqual(['PORT and ZWIBBLER_PORT are both 3000'])
})

test.each([
  { TLS_CERT_FILE: 'x' },
  { TLS_KEY_FILE: 'x' },
  { ZWIBBLER_SECRET_USER: 'x' },
  { ZWIBBLER_SECRET_PASSWORD: 'x' },
])('half of a pair is refused: %j', (env: Record<string, string>) => {
  expect(mistakesOf(env)).toEqual([expect.stringContaining('is of no use without')])
})

test('a base64 key must be base64, and the message does not show it', () => {
  const key = (ZWIBBLER_JWT_KEY: string) => ({ ZWIBBLER_JWT_KEY, ZWIBBLER_JWT_KEY_IS_BASE64: '1' })
  expect(mistakesOf(key('aHVzaA=='))).toEqual([])
  expect(mistakesOf(key('aHVzaA'))).toEqual([])
  expect(mistakesOf(key('_-__'))).toEqual([])
  for (const wrong of ['not base64!', 'aaaaa', '====']) {
    expect(mistakesOf(key(wrong)), wrong).toEqual([
      'ZWIBBLER_JWT_KEY is not base64, as ZWIBBLER_JWT_KEY_IS_BASE64 says',
    ])
  }
  expect(mistakesOf({ ZWIBBLER_JWT_KEY: 'not base64!' })).toEqual([])
})
