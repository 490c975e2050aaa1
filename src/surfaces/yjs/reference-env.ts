/**
 * Reads the environment of y-websocket's own server (`bin/server.js`, later @y/websocket-server; spec 9), so that it can
 * be replaced where it stands. What is also said in our own names goes before this.
 */

export type Environment = Readonly<Record<string, string | undefined>>

export interface ReferenceEnv {
  /** By the name of our environment variable. */
  readonly settings: Readonly<Record<string, string>>
  /** Our names of those that came from variables of other names: mistakes are told in the words of who made them. */
  readonly names: ReadonlyMap<string, string>
  /** For the start-up log, each as a warning. */
  readonly notices: readonly string[]
}

/** It never looks at origins, serves nothing else, and its rooms are at `/`. */
const defaults = {
  HOST: 'localhost',
  PORT: '1234',
  SURFACES: 'yjs',
  YJS_PATH: '/',
  ALLOWED_ORIGINS: '*',
}

const renamed = {
  CALLBACK_URL: 'YJS_CALLBACK_URL',
  CALLBACK_OBJECTS: 'YJS_CALLBACK_OBJECTS',
  CALLBACK_TIMEOUT: 'YJS_CALLBACK_TIMEOUT_MS',
  CALLBACK_DEBOUNCE_WAIT: 'YJS_CALLBACK_DEBOUNCE_MS',
  CALLBACK_DEBOUNCE_MAXWAIT: 'YJS_CALLBACK_MAX_WAIT_MS',
} as const

/** As here. */
const MAX_WAIT_MS = 10_000

const OPEN =
  'nothing guards the rooms: as before, everybody who reaches this address may read and write all of them, ' +
  'from any web page; set YJS_AUTH to jwt or hook'
const ORIGINS = 'pages of every origin may connect, as before; set ALLOWED_ORIGINS to limit them'

export function readReferenceEnv(env: Environment): ReferenceEnv {
  const settings = new Map<string, string>(Object.entries(defaults))
  const names = new Map<string, string>()
  const notices: string[] = []
  const said = (name: string): string | undefined => env[name]?.trim() || undefined
  const take = (ours: string, value: string, theirs: string): void => {
    if (said(ours) !== undefined) return
    settings.set(ours, value)
    names.set(ours, theirs)
  }
  const tell = (notice: string | undefined): void => {
    if (notice !== undefined) notices.push(notice)
  }

  if (said('YJS_AUTH') === undefined || said('YJS_AUTH') === 'none') {
    settings.set('ALLOW_ANONYMOUS', '1')
    tell(OPEN)
  } else if (said('ALLOWED_ORIGINS') === undefined) tell(ORIGINS)
  const folder = said('CERTDIR')
  if (folder !== undefined) {
    take('TLS_CERT_FILE', `${folder}/fullchain.pem`, 'CERTDIR')
    take('TLS_KEY_FILE', `${folder}/privkey.pem`, 'CERTDIR')
  }
  for (const [theirs, ours] of Object.entries(renamed)) {
    const value = said(theirs)
    if (value !== undefined) take(ours, value, theirs)
  }
  tell(withoutUrl(settings, said))
  tell(longerWait(settings, said))
  tell(history(said('GC'), said('YJS_GC'), (value) => take('YJS_GC', value, 'GC')))
  tell(oldRooms(said('YPERSISTENCE')))
  return { settings: Object.fromEntries(settings), names, notices }
}

type Said = (name: string) => string | undefined

/** Objects that nobody is told of mean nothing there, and are a mistake here. */
function withoutUrl(settings: Map<string, string>, said: Said): string | undefined {
  const ours = renamed.CALLBACK_OBJECTS
  if (!settings.has(ours) || settings.has(renamed.CALLBACK_URL) || said(renamed.CALLBACK_URL))
    return undefined
  settings.delete(ours)
  return 'CALLBACK_OBJECTS is ignored: there is no CALLBACK_URL'
}

/** Whoever sets the one and leaves the other at its default meant to wait that long. */
function longerWait(settings: Map<string, string>, said: Said): string | undefined {
  const most = renamed.CALLBACK_DEBOUNCE_MAXWAIT
  const quiet = settings.get(renamed.CALLBACK_DEBOUNCE_WAIT) ?? ''
  if (!/^\d+$/.test(quiet) || Number(quiet) <= (Number(settings.get(most)) || MAX_WAIT_MS))
    return undefined
  if (said(most) !== undefined) return undefined
  settings.set(most, quiet)
  return `CALLBACK_DEBOUNCE_MAXWAIT is raised to CALLBACK_DEBOUNCE_WAIT (${quiet} ms)`
}

function history(
  gc: string | undefined,
  ours: string | undefined,
  take: (value: string) => void,
): string | undefined {
  if (ours !== undefined || (gc !== 'false' && gc !== '0')) return undefined
  take('0')
  return (
    `GC=${gc} keeps the contents of what was deleted, which the original says and does not do: ` +
    'rooms grow with every change; leave it out for what you had'
  )
}

function oldRooms(folder: string | undefined): string | undefined {
  if (folder === undefined) return undefined
  return (
    `YPERSISTENCE is not read: rooms are kept in PostgreSQL; to take along what is in that folder, ` +
    `run once: lengthwise import-leveldb ${folder}`
  )
}
