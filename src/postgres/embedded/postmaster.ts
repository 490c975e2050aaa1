/** A PostgreSQL that runs in a data folder, whoever started it: its own `postmaster.pid` tells of it. */
import { readFile, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { folderOf, isAlive } from './processes.ts'

export interface Postmaster {
  readonly pid: number
  readonly port: number
  /** `ready`, or what it is busy with: `starting`, `stopping`. */
  readonly status: string
}

const POLL_MS = 10

/** @returns undefined when none runs there, whatever the file says */
export async function findPostmaster(pgdata: string): Promise<Postmaster | undefined> {
  const lines = await readPidFile(pgdata)
  const pid = Number(lines[0])
  if (!(pid > 1) || !isAlive(pid) || (await isSomebodyElse(pid, pgdata))) return undefined
  return { pid, port: Number(lines[3]), status: lines[7]?.trim() ?? '' }
}

async function readPidFile(pgdata: string): Promise<string[]> {
  const text = await readFile(pidFileOf(pgdata), 'utf8').catch(() => '')
  return text.split('\n')
}

const pidFileOf = (pgdata: string): string => join(pgdata, 'postmaster.pid')

/** Process ids come round again; a server's current folder is its data folder. */
async function isSomebodyElse(pid: number, pgdata: string): Promise<boolean> {
  const folder = folderOf(pid)
  return folder !== undefined && folder !== (await realpath(pgdata))
}

/** Above what any kernel gives. */
const NOBODY = 2 ** 31 - 2

/**
 * PostgreSQL does not start while the process that its file names is alive, be it somebody else by now (in a container
 * that was started again, it often is). Only the id is taken out: the rest tells a new server of the dead one's shared
 * memory, which backends that outlived it may still use.
 */
export async function forgetReusedId(pgdata: string): Promise<void> {
  const [pid, ...rest] = await readPidFile(pgdata)
  if (!(Number(pid) > 1) || !isAlive(Number(pid))) return
  if (!(await isSomebodyElse(Number(pid), pgdata))) return
  await writeFile(pidFileOf(pgdata), [NOBODY, ...rest].join('\n'))
}

/** Stops it as an operator would; if that takes too long, as a power cut would, from which it recovers. */
export async function stopPostmaster(pgdata: string): Promise<void> {
  const found = await findPostmaster(pgdata)
  if (found === undefined) return
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    signalTo(found.pid, signal)
    if (await isGone(found.pid, 10_000)) return
  }
  throw new Error(`PostgreSQL (process ${found.pid}) in ${pgdata} does not stop`)
}

export function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function isGone(pid: number, withinMs: number): Promise<boolean> {
  for (const end = Date.now() + withinMs; isAlive(pid);) {
    if (Date.now() > end) return false
    await sleep(POLL_MS)
  }
  return true
}
