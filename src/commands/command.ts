/** What the commands of the command line share: their shape, the configuration they read, the database they use. */
import { access, constants, readFile } from 'node:fs/promises'
import { pino } from 'pino'
import type { Logger } from 'pino'
import type { parseArgs } from 'node:util'
import { ConfigError, readConfig } from '../config.ts'
import type { Config } from '../config.ts'
import { secretsOf } from '../config/show.ts'
import { makeLog } from '../log.ts'
import { findRunning, startEmbedded } from '../postgres/embedded.ts'
import { readReferenceEnv } from '../surfaces/yjs/reference-env.ts'
import { readZwibblerConf } from '../surfaces/zwibbler/conf.ts'

export type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']>
export type Values = Readonly<Record<string, string | boolean | undefined>>

export interface Context {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly version: string
  /** One line on stdout: what was asked for, nothing else. */
  print(line: string): void
  /** One line on stderr. */
  complain(line: string): void
}

export interface Command {
  readonly usage: string
  readonly about: string
  readonly options: Options
  /** What stands behind the command, without a name; `values` has it under this one. */
  readonly argument?: string
  /** @returns the exit code */
  run(values: Values, context: Context): Promise<number>
}

/** The command line was not understood: exit code 2, as for a bad configuration. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export const confOption = { 'zwibbler-conf': { type: 'string' } } as const satisfies Options
/** Of commands that look at more than the database. */
export const serveOptions = {
  ...confOption,
  'y-websocket': { type: 'boolean' },
} as const satisfies Options

export interface Loaded {
  readonly config: Config
  /** What is odd, for the log. */
  readonly notices: readonly string[]
}

/** What the configuration of another server says, in our words. */
interface Foreign {
  readonly settings: Readonly<Record<string, string>>
  /** Ours, by what they are called there. */
  readonly names?: ReadonlyMap<string, string>
  readonly notices: readonly string[]
  readonly errors: readonly string[]
}

/** @throws ConfigError with all mistakes of the environment and of the file together */
export async function loadConfig({ env }: Context, values: Values): Promise<Loaded> {
  const foreign = await readForeign(env, values)
  const notices = [...foreign.notices]
  const given = Object.entries(env).filter(
    ([, value]) => value !== undefined && value.trim() !== '',
  )
  const mistakes = [...foreign.errors]
  try {
    const all = { ...foreign.settings, ...Object.fromEntries(given) }
    const config = readConfig(all, (notice) => notices.push(notice))
    if (mistakes.length === 0) return { config, notices }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const asGiven = (ours: string): string => foreign.names?.get(ours) ?? ours
    mistakes.push(...error.mistakes.map((mistake) => mistake.replace(/\b[A-Z_]+\b/g, asGiven)))
  }
  throw new ConfigError(mistakes)
}

async function readForeign(env: Context['env'], values: Values): Promise<Foreign> {
  const path = values['zwibbler-conf']
  const isReference = values['y-websocket'] === true
  if (typeof path === 'string' && isReference)
    throw new UsageError('--zwibbler-conf and --y-websocket exclude each other')
  if (typeof path === 'string') return await readConf(path)
  if (isReference) return await readReference(env)
  return { settings: {}, notices: [], errors: [] }
}

async function readReference(env: Context['env']): Promise<Foreign> {
  const read = readReferenceEnv(env)
  const files = [...read.names]
    .filter(([, theirs]) => theirs === 'CERTDIR')
    .map(([ours]) => read.settings[ours] ?? '')
  const errors: string[] = []
  for (const file of files) {
    await access(file, constants.R_OK).catch((error: unknown) => {
      errors.push(`CERTDIR: ${file} cannot be read (${codeOf(error)})`)
    })
  }
  return { ...read, errors }
}

async function readConf(path: string): Promise<Foreign> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new ConfigError([`${path} cannot be read (${codeOf(error)})`])
  })
  const { settings, notices, errors } = readZwibblerConf(text)
  const located = (sentence: string): string => `${path}: ${sentence}`
  return { settings, notices: notices.map(located), errors: errors.map(located) }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? ''
}

/** For commands that end: only what is odd, and on stderr, so that stdout can be read by programs. */
export function quietLog(config: Config): Logger {
  const destination = pino.destination({ fd: 2, sync: true })
  return makeLog({ level: 'warn', secrets: secretsOf(config), destination })
}

/** The database of these settings; the embedded one is borrowed from a running node, or started for so long. */
export async function withDatabase<T>(
  config: Config,
  log: Logger,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const url = config.DATABASE_URL ?? (await findRunning(config.DATA_DIR))
  if (url !== undefined) return await work(url)
  const embedded = await startEmbedded({ folder: config.DATA_DIR, log })
  try {
    return await work(embedded.url)
  } finally {
    await embedded.stop()
  }
}
