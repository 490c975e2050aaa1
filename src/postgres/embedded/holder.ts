/** Whether the process that wrote a claim still lives. */
import { stat, statfs } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { idSpace, isAlive, startOf } from './processes.ts'

export interface Holder {
  readonly pid: number
  readonly host: string
  /** ISO 8601. */
  readonly since: string
  /** The process's start, where it can be known: process ids come round again. */
  readonly start: string | undefined
  /** Within what its process id means something. */
  readonly space: string | undefined
}

/** Three beats and a little. */
const WATCH_MS = 7_000
const LOOK_MS = 100

/**
 * @param path the claim, which a live holder touches every 2 s
 * @throws Error when it cannot be told, and a wrong answer would damage data
 */
export async function judge(holder: Holder, path: string, watchMs = WATCH_MS): Promise<boolean> {
  if (holder.host === hostname() && holder.space === idSpace()) return lives(holder)
  // Another container or machine: its processes cannot be seen from here, only whether it touches its claim.
  if (await isTouched(path, watchMs)) return true
  if (await isShared(path)) {
    throw new Error(
      `${path} was left by process ${holder.pid} on ${holder.host}, whose PostgreSQL may still use ` +
        'this network folder: remove that file once that machine is known to be down',
    )
  }
  return false
}

function lives({ pid, start }: Holder): boolean {
  if (!isAlive(pid)) return false
  const now = startOf(pid)
  return start === undefined || now === undefined || start === now
}

async function isTouched(path: string, watchMs: number): Promise<boolean> {
  const before = await touchedAt(path)
  for (let waited = 0; waited < watchMs; waited += LOOK_MS) {
    await sleep(LOOK_MS)
    const now = await touchedAt(path)
    if (now === undefined) return false
    if (now !== before) return true
  }
  return false
}

async function touchedAt(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined)
  return found?.mtimeMs
}

/** NFS, SMB (three kinds), Ceph, AFS, 9p and FUSE: another machine may have these folders open. */
const networkFileSystems = new Set([
  0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x00c36400, 0x5346414f, 0x01021997, 0x65735546,
])

async function isShared(path: string): Promise<boolean> {
  const { type } = await statfs(path)
  return networkFileSystems.has(type)
}
