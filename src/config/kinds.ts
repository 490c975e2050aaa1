/** What a setting can be. A kind reads text and, where it cannot, says in words what it wanted. */
import { isIP } from 'node:net'
import { z } from 'zod'

/** What people are told about a setting; `type` and `byDefault` are columns of the README's table. */
export interface About {
  readonly type: string
  readonly byDefault: string
  readonly about: string
  /** Never shown, neither by `config` nor in a message about a mistake. */
  readonly secret: boolean
  /** Of a word: what it may be. */
  readonly words: readonly string[]
}

/** What is known about each schema of config.ts. */
export const abouts = z.registry<About>()

export interface Kind<T> {
  readonly type: string
  readonly secret?: boolean
  readonly words?: readonly string[]
  readonly schema: z.ZodType<T, string>
}

/** A setting with a default, which is written and read as an operator would write it. */
export function setting<T>(kind: Kind<T>, byDefault: string, about: string) {
  return kind.schema.prefault(byDefault).register(abouts, aboutOf(kind, byDefault, about))
}

/** A setting that may be absent; `shown` says what happens then. */
export function optional<T>(kind: Kind<T>, about: string, shown = '') {
  return kind.schema.optional().register(abouts, aboutOf(kind, shown, about))
}

function aboutOf(kind: Kind<unknown>, byDefault: string, about: string): About {
  const { type, secret = false, words = [] } = kind
  return { type, byDefault, about, secret, words }
}

function makeKind<T>(
  type: string,
  wanted: string,
  read: (text: string) => T | undefined,
  secret = false,
): Kind<T> {
  const schema = z.string().transform((text, context): T => {
    const value = read(text)
    if (value !== undefined) return value
    context.addIssue({ code: 'custom', message: `is not ${wanted}` })
    return z.NEVER
  })
  return { type, secret, schema }
}

function wholeNumber(text: string, least: number, most: number): number | undefined {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  return value >= least && value <= most ? value : undefined
}

const DAY = 86_400_000

export const text = makeKind('text', 'text', (given) => given)
export const secret = makeKind('secret', 'text', (given) => given, true)
export const port = makeKind('port', 'a port (0 to 65535)', (given) => wholeNumber(given, 0, 65535))

export function count(least: number, most: number): Kind<number> {
  const wanted = `a whole number from ${least} to ${most}`
  return makeKind('number', wanted, (given) => wholeNumber(given, least, most))
}

export function milliseconds(least: number, most = DAY): Kind<number> {
  const wanted = `a whole number of milliseconds from ${least} to ${most}`
  return makeKind('ms', wanted, (given) => wholeNumber(given, least, most))
}

const units: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }

/** A number of bytes, or one with KiB, MiB or GiB behind it. */
export function bytes(least: number, most = 2 ** 40): Kind<number> {
  const wanted = `a size from ${least} to ${most} bytes, such as 65536, 64KiB or 16MiB`
  return makeKind('bytes', wanted, (given) => {
    const [, digits = '', unit = ''] = /^(\d+) ?(?:([kmg])ib)?$/i.exec(given) ?? []
    const value = digits === '' ? Number.NaN : Number(digits) * (units[unit.toLowerCase()] ?? 1)
    return value >= least && value <= most ? value : undefined
  })
}

export const flag = makeKind('flag', 'a flag (1 or 0)', (given) => {
  if (/^(1|true|yes|on)$/i.test(given)) return true
  return /^(0|false|no|off)$/i.test(given) ? false : undefined
})

export const host = makeKind('host', 'a host name or an address without a port', (given) =>
  isIP(given) !== 0 || /^[a-z0-9._-]+$/i.test(given) ? given : undefined,
)

/** May hold a password, so it counts as a secret: shown with the password taken out. */
export function url(...schemes: readonly string[]): Kind<string> {
  const wanted = `a URL (${schemes.map((scheme) => `${scheme}://`).join(' or ')}…)`
  const read = (given: string): string | undefined =>
    URL.canParse(given) && schemes.includes(new URL(given).protocol.slice(0, -1))
      ? given
      : undefined
  return makeKind('URL', wanted, read, true)
}

/** Where a surface sits: `/yjs`, or `/` itself. */
export const path = makeKind('path', 'a path such as /yjs, without a slash at its end', (given) =>
  given === '/' || /^(\/[\w.~-]+)+$/.test(given) ? given : undefined,
)

const sharedTypes = ['Array', 'Map', 'Text', 'XmlFragment', 'XmlElement'] as const

/** Shared types of a Yjs document by name, as JSON. */
export const sharedObjects = makeKind(
  'JSON',
  `a JSON object of names and their types (${sharedTypes.join(', ')})`,
  (given): Readonly<Record<string, (typeof sharedTypes)[number]>> | undefined => {
    try {
      const read = z.record(z.string(), z.enum(sharedTypes)).safeParse(JSON.parse(given))
      return read.data
    } catch {
      return undefined
    }
  },
)

export function oneOf<const T extends string>(...values: readonly T[]): Kind<T> {
  const wanted = `one of ${values.join(', ')}`
  const kind = makeKind('word', wanted, (given) => values.find((value) => value === given))
  return { ...kind, words: values }
}

/** `all`, or some of these separated by commas. */
export function someOf<const T extends string>(...values: readonly T[]): Kind<readonly T[]> {
  const wanted = `\`all\` or a list of ${values.join(', ')}`
  return makeKind('list', wanted, (given) => {
    if (given === 'all') return values
    const found = splitList(given).map((name) => values.find((value) => value === name))
    const named = found.filter((name) => name !== undefined)
    return named.length === found.length && found.length > 0 ? [...new Set(named)] : undefined
  })
}

export const origins = makeKind(
  'list',
  '`*` or a list of origins such as https://board.example',
  (given): readonly string[] | undefined => {
    const read = splitList(given).map((item) => (item === '*' ? item : originOf(item)))
    const named = read.filter((item) => item !== undefined)
    return named.length === read.length && read.length > 0 ? named : undefined
  },
)

function originOf(given: string): string | undefined {
  if (!/^https?:\/\//i.test(given) || !URL.canParse(given)) return undefined
  const { origin, href } = new URL(given)
  return href === `${origin}/` ? origin : undefined
}

/** Names of networks as Express has them. */
const networks = ['loopback', 'linklocal', 'uniquelocal']

/** How many proxies are between, or where they are. */
export const proxies = makeKind(
  'list',
  `a number of proxies, or a list of addresses, networks such as 10.0.0.0/8, and ${networks.join(', ')}`,
  (given): number | readonly string[] | undefined => {
    const hops = wholeNumber(given, 0, 16)
    if (hops !== undefined) return hops
    const items = splitList(given)
    return items.length > 0 && items.every(isNetwork) ? items : undefined
  },
)

function isNetwork(item: string): boolean {
  const [address = '', bits, ...more] = item.split('/')
  if (networks.includes(item)) return true
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
  const isWhole = bits === undefined || wholeNumber(bits, 0, most) !== undefined
  return most > 0 && isWhole && more.length === 0
}

/** Seconds, or `never`. */
export const expiration = makeKind(
  'seconds',
  'a number of seconds from 1 on, or `never`',
  (given): number | 'never' | undefined =>
    given === 'never' ? given : wholeNumber(given, 1, 10 ** 10),
)

function splitList(given: string): string[] {
  return given
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
