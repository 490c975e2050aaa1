/** One run of the embedded PostgreSQL as a child of this process, in a session and process group of its own. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { open, rename, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { launchAs } from './account.ts'
import type { Binaries } from './binaries.ts'
import { environment } from './cluster.ts'
import type { Cluster } from './cluster.ts'
import { findPostmaster, forgetReusedId, signalTo } from './postmaster.ts'

export interface Server {
  /** Resolves when it is gone, however it went. */
  readonly gone: Promise<void>
  /** Cuts its clients off and waits until it is gone. */
  stop(): Promise<void>
  /** Asks it to stop, at once and without waiting: for the end of this process. */
  dismiss(): void
}

export interface ServerOptions {
  readonly folder: string
  readonly cluster: Cluster
  readonly binaries: Binaries
  readonly port: number
  readonly maxConnections: number
}

const POLL_MS = 10
const STOP_MS = 15_000

/** Resolves when it accepts connections; recovery after a crash takes as long as it takes. @throws Error with its log */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { pgdata } = options.cluster
  await forgetReusedId(pgdata)
  const log = await openLog(options.folder)
  const { child, gone } = await launch(options, log.fd)
  while (!(await isReady(pgdata, child))) {
    if (hasEnded(child))
      throw new Error(`the embedded PostgreSQL does not start: ${await log.tail()}`)
    await sleep(POLL_MS)
  }
  return {
    gone,
    stop: () => stop(child, gone),
    dismiss: () => child.kill('SIGINT'),
  }
}

async function isReady(pgdata: string, child: ChildProcess): Promise<boolean> {
  const found = await findPostmaster(pgdata)
  return found?.pid === child.pid && found?.status === 'ready'
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

interface Launched {
  readonly child: ChildProcess
  readonly gone: Promise<void>
}

async function launch(options: ServerOptions, log: number): Promise<Launched> {
  const { folder, cluster, binaries, port, maxConnections } = options
  // Loopback and no socket in a folder. All that makes commits last stays as PostgreSQL has it.
  const where = ['-D', cluster.pgdata, '-h', '127.0.0.1', '-p', String(port), '-k', '']
  const args = [...where, '-c', `max_connections=${maxConnections}`]
  const needs = [folder, dirname(binaries.postgres)]
  try {
    const { command, ...how } = await launchAs(cluster.account, needs, binaries.postgres, args)
    const child = spawn(command, how.args, {
      ...how.options,
      cwd: '/',
      env: environment,
      // Ctrl-C goes to the terminal's process group: the database must outlive the node that drains.
      detached: true,
      // A file, no pipe: a pipe would break when the node is killed, and the server with it.
      stdio: ['ignore', log, log],
    })
    child.unref()
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    await once(child, 'spawn')
    return { child, gone }
  } finally {
    closeSync(log)
  }
}

async function stop(child: ChildProcess, gone: Promise<void>): Promise<void> {
  if (child.pid === undefined || hasEnded(child)) return
  signalTo(child.pid, 'SIGINT')
  // Fast should be enough; after an immediate stop it recovers at the next start.
  const hurry = setTimeout(() => child.kill('SIGQUIT'), STOP_MS)
  child.ref()
  await gone
  clearTimeout(hurry)
}

const LOG_BYTES = 2 ** 20
const TAIL_BYTES = 2_000

async function openLog(folder: string): Promise<{ fd: number; tail(): Promise<string> }> {
  const path = join(folder, 'postgres.log')
  const sizeOf = async (): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0
  if ((await sizeOf()) > LOG_BYTES) await rename(path, `${path}.1`)
  const begin = await sizeOf()
  return {
    fd: openSync(path, 'a', 0o600),
    async tail() {
      const from = Math.max(begin, (await sizeOf()) - TAIL_BYTES)
      const file = await open(path)
      const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, from)
      await file.close()
      return buffer.toString('utf8', 0, bytesRead).trim()
    },
  }
}
