/** The keys of a `zwibbler.conf`, and what becomes of each here. */

/** @returns the value of our setting, or undefined to leave it at its default */
export type Translate = (value: string) => string | undefined | { readonly error: string }

const asIs: Translate = (value) => (value === '' ? undefined : value)

/** As the original reads it: anything but these three is yes, nothing at all among it. */
const flag: Translate = (value) => (['0', 'false', 'off'].includes(value.toLowerCase()) ? '0' : '1')

const port: Translate = (value) =>
  /^\d{1,5}$/.test(value) && Number(value) <= 65_535 ? value : { error: 'is not a port' }

const expiration: Translate = (value) => {
  const lower = value.toLowerCase()
  // 0 is the original's word for its default of a day, -1 for never.
  if (lower === '' || /^0+$/.test(lower)) return undefined
  if (lower === 'never' || lower === '-1') return 'never'
  return /^\d+$/.test(lower) ? lower : { error: 'is neither seconds nor `never`' }
}

export const keys: ReadonlyMap<string, { setting: string; translate: Translate }> = new Map([
  // No address means every address there.
  ['ServerBindAddress', { setting: 'HOST', translate: (value) => value || '0.0.0.0' }],
  ['ServerPort', { setting: 'PORT', translate: port }],
  ['CertFile', { setting: 'TLS_CERT_FILE', translate: asIs }],
  ['KeyFile', { setting: 'TLS_KEY_FILE', translate: asIs }],
  ['Expiration', { setting: 'ZWIBBLER_EXPIRATION', translate: expiration }],
  ['SecretUser', { setting: 'ZWIBBLER_SECRET_USER', translate: asIs }],
  ['SecretPassword', { setting: 'ZWIBBLER_SECRET_PASSWORD', translate: asIs }],
  ['Webhook', { setting: 'ZWIBBLER_WEBHOOK', translate: asIs }],
  ['JWTKey', { setting: 'ZWIBBLER_JWT_KEY', translate: asIs }],
  ['JWTKeyIsBase64', { setting: 'ZWIBBLER_JWT_KEY_IS_BASE64', translate: flag }],
  ['Compression', { setting: 'ZWIBBLER_COMPRESSION', translate: flag }],
])

/** Keys that have no meaning here, and why. */
export const ignoredKeys: ReadonlyMap<string, string> = new Map([
  [
    'SwarmURL',
    'is ignored: nodes find each other through Postgres and Redis (DATABASE_URL, REDIS_URL)',
  ],
  ['MaxFiles', 'is ignored: set the limit of open files where the service is started'],
  ['RedisServer', 'is ignored: documents are kept in Postgres; REDIS_URL connects several nodes'],
  ['RedisPassword', 'is ignored: documents are kept in Postgres; REDIS_URL connects several nodes'],
])

/** `Database` and `Db…`: where the original keeps its documents. */
export const storage = {
  isKey: (key: string): boolean => key === 'Database' || key.startsWith('Db'),
  /** What the delivered file says. Nobody chose it, so it does not stop the start. */
  isDefault: (key: string, value: string): boolean => key === 'Database' && value === 'sqlite',
  advice:
    'has no meaning here: documents are kept in Postgres, the embedded one unless DATABASE_URL names another, ' +
    'and those of the old server are not taken over; remove the line',
} as const
