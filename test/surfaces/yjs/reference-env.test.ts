import { describe, expect, test } from 'vitest'
import { readReferenceEnv } from '../../../src/surfaces/yjs/reference-env.ts'

const usual = {
  HOST: 'localhost',
  PORT: '1234',
  SURFACES: 'yjs',
  YJS_PATH: '/',
  ALLOWED_ORIGINS: '*',
}
const open = { ...usual, ALLOW_ANONYMOUS: '1' }

describe("[yjs 9] the reference server's environment", () => {
  test.each([{}, { HOST: '' }, { YJS_AUTH: 'none', CERTDIR: ' ' }])(
    'that says nothing starts as the original does, with one warning that nothing guards it: %j',
    (env) => {
      const read = readReferenceEnv(env)
      expect(read.settings).toEqual(open)
      expect(read.notices).toEqual([expect.stringMatching(/^nothing guards the rooms/)])
      expect([...read.names]).toEqual([])
    },
  )

  test('sets everything that there is a setting for', () => {
    const { settings, notices, names } = readReferenceEnv({
      HOST: '0.0.0.0',
      CERTDIR: '/etc/certs',
      CALLBACK_URL: 'http://app/hook?x=1',
      CALLBACK_OBJECTS: '{"text":"Text"}',
      CALLBACK_TIMEOUT: '1000',
      CALLBACK_DEBOUNCE_WAIT: '100',
      CALLBACK_DEBOUNCE_MAXWAIT: '300',
    })
    expect(settings).toEqual({
      ...open,
      TLS_CERT_FILE: '/etc/certs/fullchain.pem',
      TLS_KEY_FILE: '/etc/certs/privkey.pem',
      YJS_CALLBACK_URL: 'http://app/hook?x=1',
      YJS_CALLBACK_OBJECTS: '{"text":"Text"}',
      YJS_CALLBACK_TIMEOUT_MS: '1000',
      YJS_CALLBACK_DEBOUNCE_MS: '100',
      YJS_CALLBACK_MAX_WAIT_MS: '300',
    })
    expect(notices).toHaveLength(1)
    expect(names.get('YJS_CALLBACK_URL')).toBe('CALLBACK_URL')
    expect(names.get('TLS_KEY_FILE')).toBe('CERTDIR')
  })

  test('gives way to what is said in our own names', () => {
    const { settings, names } = readReferenceEnv({
      CALLBACK_URL: 'http://theirs/',
      YJS_CALLBACK_URL: 'http://ours/',
      CERTDIR: '/theirs',
      TLS_CERT_FILE: '/ours.pem',
      TLS_KEY_FILE: '/ours.key',
      GC: '0',
      YJS_GC: '1',
    })
    expect(settings).toEqual(open)
    expect([...names]).toEqual([])
  })

  test('with authentication is not said to be open, but for its origins', () => {
    const { settings, notices } = readReferenceEnv({ YJS_AUTH: 'jwt' })
    expect(settings).toEqual(usual)
    expect(notices).toEqual([expect.stringContaining('ALLOWED_ORIGINS')])
    expect(readReferenceEnv({ YJS_AUTH: 'jwt', ALLOWED_ORIGINS: 'https://a' }).notices).toEqual([])
  })

  test.each(['false', '0'])('GC=%s keeps history, with a word', (GC) => {
    const { settings, notices } = readReferenceEnv({ GC })
    expect(settings).toEqual({ ...open, YJS_GC: '0' })
    expect(notices).toHaveLength(2)
    expect(notices[1]).toContain('rooms grow')
  })

  test.each(['true', '1', 'no'])('GC=%s is nothing new', (GC) => {
    expect(readReferenceEnv({ GC }).settings).toEqual(open)
  })

  test('YPERSISTENCE says how to take the rooms along', () => {
    const { settings, notices } = readReferenceEnv({ YPERSISTENCE: './db' })
    expect(settings).toEqual(open)
    expect(notices[1]).toContain('lengthwise import-leveldb ./db')
  })

  test('objects without a URL are ignored, as there', () => {
    const { settings, notices } = readReferenceEnv({ CALLBACK_OBJECTS: '{"text":"Text"}' })
    expect(settings).toEqual(open)
    expect(notices[1]).toContain('no CALLBACK_URL')
    const ours = { CALLBACK_OBJECTS: '{}', YJS_CALLBACK_URL: 'http://app/' }
    expect(readReferenceEnv(ours).settings).toHaveProperty('YJS_CALLBACK_OBJECTS')
  })

  test('a longer wait raises the longest one, as there', () => {
    const { settings, notices } = readReferenceEnv({ CALLBACK_DEBOUNCE_WAIT: '20000' })
    expect(settings).toHaveProperty('YJS_CALLBACK_MAX_WAIT_MS', '20000')
    expect(notices[1]).toContain('raised')
    for (const most of [
      { CALLBACK_DEBOUNCE_MAXWAIT: '30000' },
      { YJS_CALLBACK_MAX_WAIT_MS: '100' },
    ]) {
      const { notices: none } = readReferenceEnv({ CALLBACK_DEBOUNCE_WAIT: '20000', ...most })
      expect(none).toHaveLength(1)
    }
  })
})
