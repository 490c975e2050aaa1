import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { findPostmaster, stopPostmaster } from '../../src/postgres/embedded/postmaster.ts'
import { until } from '../support/wait.ts'

const script = fileURLToPath(new URL('child.mjs', import.meta.url))
const built = fileURLToPath(new URL('../../dist/postgres/embedded.js', import.meta.url))

export const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

/** An empty folder; whatever PostgreSQL a failed test leaves in it is stopped before it goes. */
export async function makeFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'lengthwise-data-'))
  return {
    path,
    async [Symbol.asyncDispose]() {
      await stopPostmaster(join(path, 'postgres'))
      await rm(path, { recursive: true, force: true })
    },
  }
}

export interface Told {
  readonly url?: string
  readonly failed?: string
  readonly signal?: string
  readonly stopped?: boolean
  readonly message?: string
}

export interface Child extends AsyncDisposable {
  readonly pid: number
  readonly told: Told[]
  /** The first thing told of that kind. */
  hears(key: keyof Told): Promise<Told>
  kill(signal: NodeJS.Signals): void
  /** The exit code, or the signal. */
  readonly ended: Promise<number | string>
}

/** A process of its own, and the leader of a process group as one is that a shell has started. */
export function startChild(folder: string, options: { end?: 'crash'; uid?: number } = {}): Child {
  if (!existsSync(built)) throw new Error('these tests need the build: npm run build')
  const child = spawn(process.execPath, [script, folder, ...(options.end ? [options.end] : [])], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: '/',
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  })
  // A test that ran out of time disposes of nothing.
  const endWithUs = (): void => void child.kill('SIGTERM')
  process.once('exit', endWithUs)
  const told: Told[] = []
  createInterface({ input: child.stdout }).on('line', (line) => told.push(JSON.parse(line) as Told))
  const ended = new Promise<number | string>((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal ?? '')),
  )
  return {
    pid: child.pid!,
    told,
    ended,
    hears: (key) =>
      until(`the child tells ${key}: ${JSON.stringify(told)}`, () =>
        told.find((each) => each[key] !== undefined),
      ),
    kill: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      process.off('exit', endWithUs)
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** The process id of the PostgreSQL in this folder, whoever started it. */
export async function serverOf(folder: string): Promise<number | undefined> {
  return (await findPostmaster(join(folder, 'postgres')))?.pid
}
