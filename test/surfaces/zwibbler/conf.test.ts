import { describe, expect, test } from 'vitest'
import { readZwibblerConf } from '../../../src/surfaces/zwibbler/conf.ts'

/** The file as the service delivers it, with the keys that its documentation tells people to add. */
const DELIVERED = `ServerBindAddress=0.0.0.0
ServerPort=3000
CertFile=
KeyFile=
Expiration=86400

# Allow websocket compression. Set to 0 if this causes problems.
Compression=1

# Can be sqlite or redis
Database=sqlite

# Default: localhost:6379
RedisServer=
RedisPassword=
DbPort=
DbHost=

SecretUser=
SecretPassword=
MaxFiles=
SwarmURL=
Webhook=
JWTKey=
JWTKeyIsBase64=False
`

const settings = (text: string): Record<string, string> => ({ ...readZwibblerConf(text).settings })
const usual = { HOST: '0.0.0.0', PORT: '3000', ALLOWED_ORIGINS: '*', SURFACES: 'zwibbler' }
const open = { ...usual, ALLOW_ANONYMOUS: '1' }

describe('a zwibbler.conf', () => {
  test('as it is delivered starts as the original does, with a warning that everybody may write', () => {
    const conf = readZwibblerConf(DELIVERED)
    expect(conf.settings).toEqual({
      ...open,
      ZWIBBLER_EXPIRATION: '86400',
      ZWIBBLER_COMPRESSION: '1',
    })
    expect(conf.errors).toEqual([])
    expect(conf.notices).toHaveLength(2)
    expect(conf.notices[0]).toMatch(/^line 11: Database has no meaning here/)
    expect(conf.notices[1]).toMatch(/^no JWTKey: /)
  })

  test('that is empty starts as the original does', () => {
    expect(readZwibblerConf('')).toMatchObject({ settings: open, errors: [] })
    expect(readZwibblerConf('').notices).toHaveLength(1)
  })

  test('sets everything that there is a setting for', () => {
    const text = [
      'ServerBindAddress=10.0.0.1',
      'ServerPort=443',
      'CertFile=/etc/a.pem',
      'KeyFile=/etc/a.key',
      'Expiration=NEVER',
      'SecretUser=u',
      'SecretPassword=p=1#x ',
      'Webhook=http://localhost:1026/?a=b',
      'JWTKey=c2VjcmV0==',
      'JWTKeyIsBase64=True',
      'Compression=off',
    ].join('\r\n')
    expect(readZwibblerConf(text)).toEqual({
      settings: {
        HOST: '10.0.0.1',
        PORT: '443',
        ALLOWED_ORIGINS: '*',
        SURFACES: 'zwibbler',
        TLS_CERT_FILE: '/etc/a.pem',
        TLS_KEY_FILE: '/etc/a.key',
        ZWIBBLER_EXPIRATION: 'never',
        ZWIBBLER_SECRET_USER: 'u',
        ZWIBBLER_SECRET_PASSWORD: 'p=1#x',
        ZWIBBLER_WEBHOOK: 'http://localhost:1026/?a=b',
        ZWIBBLER_JWT_KEY: 'c2VjcmV0==',
        ZWIBBLER_JWT_KEY_IS_BASE64: '1',
        ZWIBBLER_COMPRESSION: '0',
      },
      notices: [expect.stringContaining('ALLOWED_ORIGINS')],
      errors: [],
    })
  })

  test('is read as the original reads it: blanks, comments, case, the last of two', () => {
    const text = '  ServerPort = 1 \n # ServerPort=2\n ServerPort=3\nno equals sign\nServerPort\n\n'
    expect(settings(text).PORT).toBe('3')
    expect(readZwibblerConf(text).notices, 'about the JWT key only').toHaveLength(1)
    expect(settings('ServerBindAddress=').HOST).toBe('0.0.0.0')
    expect(settings('serverport=4').PORT).toBe('3000')
    expect(settings('SecretUser=a\nSecretUser=').ZWIBBLER_SECRET_USER).toBeUndefined()
  })

  test.each([
    ['0', '0'],
    ['False', '0'],
    ['OFF', '0'],
    ['', '1'],
    ['no', '1'],
  ])('Compression=%s is %s', (value, ours) => {
    expect(settings(`Compression=${value}`).ZWIBBLER_COMPRESSION).toBe(ours)
  })

  test.each([
    ['', undefined],
    ['0', undefined],
    ['-1', 'never'],
    ['Never', 'never'],
    ['60', '60'],
  ])('Expiration=%s is %s', (value, ours) => {
    const { errors } = readZwibblerConf(`Expiration=${value}`)
    expect(settings(`Expiration=${value}`).ZWIBBLER_EXPIRATION).toBe(ours)
    expect(errors).toEqual([])
  })

  test.each(['ServerPort=http', 'ServerPort=70000', 'ServerPort=', 'Expiration=1d'])(
    '%s is a mistake, named with its line',
    (line) => {
      const key = line.split('=')[0] ?? ''
      expect(readZwibblerConf(`#\n${line}`).errors).toEqual([
        expect.stringContaining(`line 2: ${key} `),
      ])
    },
  )

  test.each(['Database=redis', 'Database=postgres', 'DbHost=x', 'DbPassword=hunter2'])(
    '%s is refused with advice, and without the value',
    (line) => {
      const { errors } = readZwibblerConf(line)
      expect(errors).toHaveLength(1)
      expect(errors[0]).toContain('DATABASE_URL')
      expect(errors[0]).not.toContain('hunter2')
    },
  )

  test.each(['SwarmURL=http://a', 'MaxFiles=100000', 'RedisServer=x', 'Surprise=', 'Surprise=1'])(
    '%s is ignored and named',
    (line) => {
      const { errors, notices } = readZwibblerConf(`JWTKey=k\n${line}`)
      expect(errors).toEqual([])
      expect(notices[0]).toContain(`line 2: ${line.split('=')[0] ?? ''} is`)
    },
  )
})
