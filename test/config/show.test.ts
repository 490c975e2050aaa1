import { expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { secretsOf, showConfig } from '../../src/config/show.ts'

const env = {
  DATABASE_URL: 'postgres://lena:hush%21@db.example/board?sslpassword=hush2',
  REDIS_URL: 'redis://:hush3@cache.example:6379',
  ADMIN_KEY: 'hush4',
  ZWIBBLER_SECRET_USER: 'root',
  ZWIBBLER_SECRET_PASSWORD: 'hush5',
  ZWIBBLER_JWT_KEY: 'hush6',
  ZWIBBLER_WEBHOOK: 'https://me:hush7@hook.example/?token=hush8',
  MAX_APPEND: '1MiB',
  MIGRATE: 'no',
}

test('the effective settings are shown without secrets', () => {
  const lines = showConfig(readConfig(env))
  expect(lines.join('\n')).not.toContain('hush')
  expect(lines).toEqual(
    expect.arrayContaining([
      'HOST=127.0.0.1',
      'MIGRATE=0',
      'MAX_APPEND=1048576',
      'DATABASE_URL=postgres://lena:***@db.example/board?sslpassword=***',
      'REDIS_URL=redis://:***@cache.example:6379',
      'ADMIN_KEY=(set, not shown)',
      'ZWIBBLER_WEBHOOK=https://me:***@hook.example/?token=***',
      'SURFACES=zwibbler,yjs',
      'DRAIN_NOTICE_MS=0',
      '# ZWIBBLER_PORT is not set: none',
    ]),
  )
})

test('the secrets that a log must not show include those within URLs', () => {
  expect(secretsOf(readConfig(env)).sort()).toEqual(
    ['hush!', 'hush3', 'hush4', 'hush5', 'hush6', 'hush7'].sort(),
  )
})
