/**
 * Every setting: its kind, default and meaning. `readConfig` is the one place that looks at the environment; the README's
 * table is made from this file (test/config/readme.test.ts compares them).
 */
import type { z } from 'zod'
import { findConflicts, isLoopback, openSurfaces } from './config/conflicts.ts'
import {
  abouts,
  bytes,
  count,
  expiration,
  flag,
  host,
  milliseconds,
  oneOf,
  optional,
  origins,
  path,
  port,
  proxies,
  secret,
  setting,
  sharedObjects,
  someOf,
  text,
  url,
} from './config/kinds.ts'
import { strangers } from './config/strangers.ts'

/** Surfaces that SURFACES may name. */
export const surfaceNames = ['zwibbler', 'yjs'] as const
export type SurfaceName = (typeof surfaceNames)[number]

const limit = count(0, 10_000_000)
const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

// One line each: it reads as the table that it is.
// prettier-ignore
export const settings = {
  HOST: setting(host, '127.0.0.1', 'Address to listen at. Beyond loopback some authentication must be configured, or `ALLOW_ANONYMOUS=1`'),
  PORT: setting(port, '3000', 'Port for clients; 0 takes a free one'),
  ADMIN_HOST: setting(host, '127.0.0.1', 'Address of the admin port. Off loopback only `/livez`, `/readyz` and `/metrics` answer without `ADMIN_KEY`'),
  ADMIN_PORT: setting(port, '9600', 'Port for metrics, probes and the admin API; 0 takes a free one'),
  ADMIN_KEY: optional(secret, 'Bearer key of the admin API off loopback'),
  DATABASE_URL: optional(url('postgres', 'postgresql'), 'PostgreSQL 14 to 18', 'embedded, in `DATA_DIR`'),
  REDIS_URL: optional(url('redis', 'rediss'), 'Redis, for fan-out between nodes', 'within the process'),
  REDIS_PREFIX: setting(text, 'lengthwise:', 'What the names of all Redis channels begin with'),
  DATA_DIR: setting(text, './data', 'Folder of the embedded PostgreSQL'),
  SURFACES: setting(someOf(...surfaceNames), 'all', `Protocols to serve: \`all\` (beyond loopback: all that have authentication), or some of ${surfaceNames.join(', ')}, separated by commas`),
  WORKERS: setting(count(1, 256), '1', 'Threads that share the port'),
  MIGRATE: setting(flag, '1', 'Bring the database up to date before listening; with 0 the node waits, not ready, until somebody has'),
  LOG_LEVEL: setting(oneOf(...levels), 'info', levels.join(', ')),
  NODE_ENV: optional(text, '`production` switches the whiteboard and the editor off'),
  WHITEBOARD: optional(flag, 'Serve the whiteboard page, if the zwibbler surface is served', '1; 0 in production'),
  EDITOR_PAGE: optional(flag, 'Serve the page with a shared editor, if the yjs surface is served', '1; 0 in production'),

  ALLOW_ANONYMOUS: setting(flag, '0', 'Listen beyond loopback although anybody may read and write'),
  ALLOWED_ORIGINS: optional(origins, 'Web origins whose pages may connect, separated by commas; `*` for any', 'same host, and loopback while no surface has authentication'),
  TRUST_PROXY: optional(proxies, 'Proxies whose `X-Forwarded-For`, `X-Forwarded-Host` or PROXY protocol (v2) is believed: addresses, networks, `loopback`, `linklocal`, `uniquelocal`, separated by commas; or how many there are', 'nobody'),
  TLS_CERT_FILE: optional(text, 'Certificate chain (PEM) for wss and https; read again when it changes'),
  TLS_KEY_FILE: optional(text, 'Private key (PEM) of that certificate'),
  EXCLUSIVE_PORT: setting(flag, '0', 'Refuse to share a port with another process'),

  ZWIBBLER_PORT: optional(port, 'A further port on which the zwibbler surface sits exactly as zwibserve does', 'none'),
  ZWIBBLER_SECRET_USER: optional(text, 'User of the management API (HTTP Basic) and of the webhook', 'API closed'),
  ZWIBBLER_SECRET_PASSWORD: optional(secret, 'Its password'),
  ZWIBBLER_JWT_KEY: optional(secret, 'Secret of the JWTs that let clients in; plain document ids are refused then'),
  ZWIBBLER_JWT_KEY_IS_BASE64: setting(flag, '0', 'The key above is base64'),
  ZWIBBLER_PLAIN_IDS: setting(flag, '1', 'Without a JWT key, whoever knows a document id may read and write it; 0 admits registered tokens only'),
  ZWIBBLER_WEBHOOK: optional(url('http', 'https'), 'Told 10 s after a document\'s last client has left', 'none'),
  ZWIBBLER_EXPIRATION: setting(expiration, '86400', 'A document that nobody has opened or changed for so long is deleted; `never` keeps all'),
  ZWIBBLER_COMPRESSION: setting(flag, '1', 'permessage-deflate for clients that offer it'),
  ZWIBBLER_READERS_MAY_SIGNAL: setting(flag, '1', 'Read-only clients may broadcast and set keys'),

  AUTH_JWT_KEY: optional(secret, 'Secret of the JWTs (HS256, HS384, HS512) of surfaces with `jwt` as their authentication'),
  AUTH_JWT_KEY_IS_BASE64: setting(flag, '0', 'The key above is base64'),
  AUTH_JWKS_URL: optional(url('http', 'https'), 'Instead of a secret: where the public keys of the JWTs are (RS, PS, ES, EdDSA)'),
  AUTH_JWT_ISSUER: optional(text, 'What `iss` of a JWT must be', 'not looked at'),
  AUTH_JWT_AUDIENCE: optional(text, 'What must be in `aud` of a JWT', 'not looked at'),
  AUTH_JWT_COOKIE: setting(text, 'token', 'Cookie that may hold the JWT'),
  AUTH_JWT_ALL_ROOMS: setting(flag, '0', 'A JWT without a `rooms` claim may read and write every room, instead of none'),
  AUTH_HOOK_URL: optional(url('http', 'https'), 'Asked who may do what, by surfaces with `hook` as their authentication'),
  AUTH_HOOK_TIMEOUT_MS: setting(milliseconds(100, 60_000), '2000', 'How long the hook may take; without an answer nobody is let in'),
  AUTH_CACHE_SECONDS: setting(count(0, 3_600), '5', 'How long an answer of the hook is good for the same question'),
  AUTH_RECHECK_SECONDS: setting(count(1, 86_400), '30', 'How often the hook is asked again while a connection lasts'),

  YJS_PATH: setting(path, '/yjs', 'Where the rooms are: `ws://host:3000/yjs/<room>`; `/` with `SURFACES=yjs` only'),
  YJS_PORT: optional(port, 'A further port on which the rooms are at `/`, for clients that cannot be changed', 'none'),
  YJS_AUTH: setting(oneOf('none', 'jwt', 'hook'), 'none', 'Who may open a room: everybody (none), who has a JWT, or whom the hook admits'),
  YJS_REFUSE_AT_UPGRADE: setting(flag, '0', 'Refuse with HTTP 401 or 403 instead of a close code: for clients older than y-websocket 3.1'),
  YJS_READERS_MAY_SIGNAL: setting(flag, '1', 'Read-only clients may show their awareness (cursors, names)'),
  YJS_GC: setting(flag, '1', 'Forget the contents of what was deleted; 0 keeps the full history'),
  YJS_FOLD_DELAY_MS: setting(milliseconds(1_000, 86_400_000), '600000', 'How long what was folded stays readable for those who are in the middle of it'),
  YJS_EXPIRATION: setting(expiration, 'never', 'A room that nobody has opened or changed for so long is deleted; `never` keeps all'),
  YJS_MAX_UPDATE: setting(bytes(1024, 2 ** 28), '16MiB', 'Largest update'),
  YJS_MAX_ROOM: setting(bytes(0), '1GiB', 'Largest room; 0 for no limit'),
  YJS_MAX_AWARENESS: setting(bytes(64, 2 ** 24), '16KiB', 'Largest awareness state of a client'),
  YJS_MAX_CONNECTIONS_PER_ROOM: setting(limit, '10000', 'Connections of a room on one node; 0 for no limit'),
  YJS_MAX_UPDATES: setting(limit, '5000', 'Updates per second and connection, twice as many at once: more of them wait; 0 for no limit'),
  YJS_MAX_AWARENESS_MESSAGES: setting(limit, '300', 'Awareness messages per second and connection, twice as many at once: of more the last ones wait; 0 for no limit'),
  YJS_CALLBACK_URL: optional(url('http', 'https'), 'Told of a room\'s contents after it has changed', 'none'),
  YJS_CALLBACK_OBJECTS: setting(sharedObjects, '{}', 'Shared types to tell of, such as `{"text": "Text"}`: Array, Map, Text, XmlFragment, XmlElement'),
  YJS_CALLBACK_TIMEOUT_MS: setting(milliseconds(100, 600_000), '5000', 'How long that call may take'),
  YJS_CALLBACK_DEBOUNCE_MS: setting(milliseconds(0), '2000', 'It waits until a room has been quiet for so long'),
  YJS_CALLBACK_MAX_WAIT_MS: setting(milliseconds(0), '10000', 'But no longer than this'),

  MAX_APPEND: setting(bytes(1024, 2 ** 28), '16MiB', 'Largest append'),
  MAX_INITIAL: setting(bytes(1024, 2 ** 28), '64MiB', 'Largest initial contents of a new document'),
  MAX_DOCUMENT: setting(bytes(0), '0', 'Largest document; 0 for no limit'),
  MAX_CONNECTIONS: setting(limit, '100000', 'Connections of a node; 0 for no limit'),
  MAX_HANDSHAKES: setting(limit, '1000', 'New connections per second and node; 0 for no limit'),
  MAX_CONNECTIONS_PER_ADDRESS: setting(limit, '0', 'Connections of one client address (IPv6: /64), per worker; 0 for no limit. Behind proxies this needs `TRUST_PROXY`'),
  MAX_HANDSHAKES_PER_ADDRESS: setting(limit, '0', 'New connections per second of one client address, per worker, twice as many at once; 0 for no limit'),
  MAX_CONNECTIONS_PER_USER: setting(limit, '0', 'Connections of one user (of a JWT, a registered token or the hook), per worker; 0 for no limit'),
  MAX_MESSAGES: setting(limit, '5000', 'Messages per second and connection; 0 for no limit'),
  MAX_UNANSWERED: setting(count(1, 65_536), '64', 'Messages of a connection that may wait for their answers'),
  MAX_KEYS: setting(count(1, 1_000_000), '1000', 'Keys of a document'),
  MAX_KEY_BYTES: setting(bytes(1024, 2 ** 28), '1MiB', 'Names and values of all keys of a document together'),
  MAX_BROADCAST: setting(bytes(1024, 2 ** 23), '256KiB', 'Largest broadcast'),
  HANDSHAKE_MS: setting(milliseconds(100), '30000', 'Time for a client\'s first whole message'),
  KEEP_ALIVE_MS: setting(milliseconds(1_000, 3_600_000), '25000', 'Time between pings; keep it below the idle limit of the proxies in front'),
  SOCKET_BUFFER: setting(bytes(4096, 2 ** 26), '64KiB', 'What may wait for one slow reader before it is paused'),
  CACHE_BYTES: setting(bytes(2 ** 20), '8MiB', 'Cache of documents\' pages, per worker'),

  DATABASE_CONNECTIONS: setting(count(4, 1_000), '11', 'Connections to PostgreSQL, per worker'),
  PREPARED_STATEMENTS: setting(flag, '1', 'Prepare statements by name on each connection to PostgreSQL; 0 behind a pooler in transaction mode that cannot follow them'),
  LEASE_MS: setting(milliseconds(1_000), '10000', 'A node not heard of for so long is taken for dead'),
  SWEEP_ACTIVE_MS: setting(milliseconds(100), '3000', 'How often documents heard of in the last minute are checked for missed bytes'),
  SWEEP_QUIET_MS: setting(milliseconds(100), '30000', 'The same for all other open documents'),
  SWEEP_ACTIVE_REDISLESS_MS: setting(milliseconds(100), '1000', 'The first of these two while Redis cannot be heard'),
  SWEEP_QUIET_REDISLESS_MS: setting(milliseconds(100), '10000', 'The second of these two while Redis cannot be heard'),
  APPEND_DEADLINE_MS: setting(milliseconds(100), '10000', 'How long an append may wait for PostgreSQL before its client is told'),
  STATEMENT_MS: setting(milliseconds(100), '5000', 'Deadline of one SQL statement'),
  OVERLOAD_DELAY_MS: setting(milliseconds(0), '1000', 'A node whose event loop is late by this on average for 5 seconds is not ready until it is better; 0 never. At most a third of the nodes, or one, at a time'),
  OVERLOAD_HEAP_PERCENT: setting(count(0, 100), '90', 'The same for the heap, of its limit'),
  DRAIN_MS: setting(milliseconds(0), '20000', 'Over how long a leaving node spreads the closing of its connections'),
  DRAIN_NOTICE_MS: optional(milliseconds(0), 'How long a leaving node is not ready before it stops accepting', '5000; 0 on loopback'),
}

type Read = { readonly [Name in keyof typeof settings]: z.infer<(typeof settings)[Name]> }
export type SettingName = keyof typeof settings
/** What could be read, while there are mistakes. */
export type Known = Partial<Read>

/** All settings as they apply, by the names of their variables; sizes in bytes. */
export type Config = Omit<Read, 'WHITEBOARD' | 'EDITOR_PAGE' | 'DRAIN_NOTICE_MS'> & {
  readonly WHITEBOARD: boolean
  readonly EDITOR_PAGE: boolean
  readonly DRAIN_NOTICE_MS: number
}

/** The configuration cannot be used; `mistakes` has one sentence for each thing wrong with it, and no secrets. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly mistakes: readonly string[]
  constructor(mistakes: readonly string[]) {
    super(`bad configuration: ${mistakes.join('; ')}`)
    this.mistakes = mistakes
  }
}

/**
 * Reads the settings from the environment. An empty variable counts as unset.
 * @param warn hears of what is odd but no mistake: probable misspellings, other programs' variables
 * @throws ConfigError that names every mistake at once
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
  warn: (sentence: string) => void = () => undefined,
): Config {
  const names = Object.keys(settings) as SettingName[]
  const { ignored, warnings } = strangers(env, names)
  const mistakes: string[] = []
  const read: Partial<Record<SettingName, unknown>> = {}
  for (const name of names) {
    const given = ignored.has(name) ? undefined : textOf(name, env[name])
    const result = settings[name].safeParse(given)
    if (result.success) read[name] = result.data
    else mistakes.push(mistakeOf(name, given, result.error))
  }
  const known = guarded(read as Known, env.SURFACES, warn)
  mistakes.push(...findConflicts(known))
  for (const warning of warnings) warn(warning)
  if (mistakes.length > 0) throw new ConfigError(mistakes)
  return complete(known as Read)
}

/**
 * Whoever asks for all surfaces and has configured the authentication of some is served those: only a surface that was
 * named is worth refusing to start for.
 */
function guarded(known: Known, asked: string | undefined, warn: (sentence: string) => void): Known {
  const isNamed = asked !== undefined && asked.trim() !== '' && asked.trim() !== 'all'
  const open = openSurfaces(known)
  const left = known.SURFACES?.filter((name) => !open.includes(name)) ?? []
  if (isNamed || open.length === 0 || left.length === 0) return known
  warn(`${open.join(', ')}: not served, because strangers could reach it and nothing guards it`)
  return { ...known, SURFACES: left }
}

/** Defaults that depend on other settings. */
function complete(read: Read): Config {
  const isProduction = read.NODE_ENV === 'production'
  return Object.freeze({
    ...read,
    WHITEBOARD: read.WHITEBOARD ?? !isProduction,
    EDITOR_PAGE: read.EDITOR_PAGE ?? !isProduction,
    DRAIN_NOTICE_MS: read.DRAIN_NOTICE_MS ?? (isLoopback(read.HOST) ? 0 : 5_000),
  })
}

function textOf(name: SettingName, given: string | undefined): string | undefined {
  if (given === undefined || given.trim() === '') return undefined
  return isSecret(name) ? given : given.trim()
}

function mistakeOf(name: SettingName, given: string | undefined, error: z.ZodError): string {
  const what = `${name} ${error.issues[0]?.message ?? 'is wrong'}`
  return given === undefined || isSecret(name) ? what : `${what}: ${JSON.stringify(given)}`
}

/** Whether a setting's value must not be shown as it is. */
export function isSecret(name: SettingName): boolean {
  return abouts.get(settings[name])?.secret ?? false
}
