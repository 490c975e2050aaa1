/** What the commands of the command line share: their shape, the configuration they read, the database they use. */
import { readFile } from 'node:fs/promises'
import { pino } from 'pino'
import type { Logger } from 'pino'
import type { parseArgs } from 'node:util'
import { ConfigError, readConfig } from '../config.ts'
import type { Config } from '../config.ts'
import { secretsOf } from '../config/show.ts'
import { makeLog } from '../log.ts'
import { findRunning, startEmbedded } from '../postgres/embedded.ts'
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
  /** @returns the exit code */
  run(values: Values, context: Context): Promise<number>
}

/** The command line was not understood: exit code 2, as for a bad configuration. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export const confOption = { 'zwibbler-conf': { type: 'string' } } as const satisfies Options

export interface Loaded {
  readonly config: Config
  /** What is odd, for the log. */
  readonly notices: readonly string[]
}

/** @throws ConfigError with all mistakes of the environment and of the file together */
export async function loadConfig({ env }: Context, values: Values): Promise<Loaded> {
  const path = values['zwibbler-conf']
  const file =
    typeof path === 'string' ? await readConf(path) : { settings: {}, notices: [], errors: [] }
  const notices = [...file.notices]
  const given = Object.entries(env).filter(
    ([, value]) => value !== undefined && value.trim() !== '',
  )
  const mistakes = [...file.errors]
  try {
    const all = { ...file.settings, ...Object.fromEntries(given) }
    const config = readConfig(all, (notice) => notices.push(notice))
    if (mistakes.length === 0) return { config, notices }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    mistakes.push(...error.mistakes)
  }
  throw new ConfigError(mistakes)
}

async function readConf(path: string): Promise<ReturnType<typeof readZwibblerConf>> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new ConfigError([
      `${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? ''})`,
    ])
  })
  const { settings, notices, errors } = readZwibblerConf(text)
  const located = (sentence: string): string => `${path}: ${sentence}`
  return { settings, notices: notices.map(located), errors: errors.map(located) }
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
