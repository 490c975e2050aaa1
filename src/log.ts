/** The log: one JSON line for each thing that happened, on stdout, with nothing in it that opens a door. */
import { pino } from 'pino'
import type { DestinationStream, Logger } from 'pino'

export interface LogOptions {
  readonly level: string
  /** Values that must not appear in any line, whatever text they are part of. */
  readonly secrets?: readonly (string | undefined)[]
  /** Where lines go; stdout unless a test looks. */
  readonly destination?: DestinationStream
}

const HIDDEN = '***'

/** Fields whose whole value is a secret, at the top of a line or one level down. */
const secretFields = ['password', 'secret', 'token', 'jwt', 'authorization', 'cookie']
const paths = secretFields.flatMap((field) => [field, `*.${field}`])

/** @param options.secrets the secrets of the configuration (`secretsOf`), so that no error text can carry them out */
export function makeLog({ level, secrets = [], destination }: LogOptions): Logger {
  const stdout = destination ?? pino.destination({ fd: 1, sync: true })
  const scrub = makeScrubber(secrets.filter((value) => value !== undefined))
  return pino(
    {
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: shorten },
      redact: { paths, censor: HIDDEN },
    },
    {
      write(line: string) {
        stdout.write(scrub(line))
      },
    },
  )
}

/** Ids and paths are their senders' choice, of any length. */
const MOST_LETTERS = 512

function shorten(fields: Record<string, unknown>): Record<string, unknown> {
  const isLong = (value: unknown): value is string =>
    typeof value === 'string' && value.length > MOST_LETTERS
  if (!Object.values(fields).some(isLong)) return fields
  const short = (value: unknown) => (isLong(value) ? `${value.slice(0, MOST_LETTERS)}…` : value)
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, short(value)]))
}

/** Endings of parameters' names: `token`, `access_token`, `sslpassword`. */
const SECRET_NAMES = 'pass|password|pwd|token|jwt|key|secret|signature|sig'
const urlUser = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/?#@"\\]*):[^\s/?#"\\]+@/gi
const queryValue = new RegExp(`([?&][\\w-]*(?:${SECRET_NAMES})=)[^&#\\s"\\\\]+`, 'gi')
const jwt = /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g
const credentials = /\b(Bearer|Basic) +[\w.~+/=-]{4,}/gi

/** Very short ones would blot out half of every line, and are no secrets. */
const SHORTEST_SECRET = 4

const quoted = (text: string): string => JSON.stringify(text).slice(1, -1)

/** Works on the finished line, so it also sees stacks, causes and the texts of other people's errors. */
function makeScrubber(secrets: readonly string[]): (line: string) => string {
  const forms = secrets.flatMap((secret) => [
    secret,
    quoted(secret),
    // Of a text that had it in JSON already.
    quoted(quoted(secret)),
    encodeURIComponent(secret),
  ])
  const literal = [...new Set(forms)].filter((form) => form.length >= SHORTEST_SECRET)
  return (line) => {
    const known = literal.reduce((text, secret) => text.replaceAll(secret, HIDDEN), line)
    return known
      .replace(urlUser, `$1:${HIDDEN}@`)
      .replace(queryValue, `$1${HIDDEN}`)
      .replace(jwt, HIDDEN)
      .replace(credentials, `$1 ${HIDDEN}`)
  }
}

/** The URL for people to read: without its password and without secrets among its parameters. */
export function redactUrl(url: string): string {
  if (!URL.canParse(url)) return '(not a URL)'
  const shown = new URL(url)
  if (shown.password !== '') shown.password = HIDDEN
  return shown.toString().replace(queryValue, `$1${HIDDEN}`)
}

/** The password within a URL, for `LogOptions.secrets`. */
export function passwordOf(url: string | undefined): string | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined
  const { password } = new URL(url)
  return password === '' ? undefined : decodeURIComponent(password)
}
