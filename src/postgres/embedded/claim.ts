/**
 * Who has a data folder: one process at a time.
 *
 *   unclaimed ─write own claim─▶ claiming ─no other live claim─▶ held ─release─▶ unclaimed
 *                                    └──────another live claim─▶ unclaimed (and an error that names it)
 *
 * A claim is a file of its own with a name that is never used again, so removing a dead one is harmless whoever does it.
 * Of two that claim at once at least one looks after both have written, so never do both hold; both may give way, and
 * then try again.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { judge } from './holder.ts'
import type { Holder } from './holder.ts'
import { idSpace, startOf } from './processes.ts'

export interface Claim {
  release(): Promise<void>
}

/** How often a holder shows that it lives to those who cannot see its process. */
export const BEAT_MS = 2_000
const TRIES = 20
/** One that is older than this is a holder, not somebody who is claiming at the same moment. */
const SETTLED_MS = 2_000

/**
 * @param watchMs how long to look whether a holder that cannot be seen from here still lives
 * @throws Error that says who holds the folder
 */
export async function claimFolder(folder: string, watchMs?: number): Promise<Claim> {
  const claims = join(folder, 'lock')
  await mkdir(claims, { recursive: true })
  for (let tries = 1; ; tries++) {
    const own = await writeClaim(claims)
    const other = await findOther(claims, own, watchMs).catch(async (error: unknown) => {
      await rm(join(claims, own), { force: true })
      throw error
    })
    if (other === undefined) return hold(join(claims, own))
    await rm(join(claims, own), { force: true })
    const isSettled = Date.now() - Date.parse(other.since) > SETTLED_MS
    if (isSettled || tries === TRIES) throw new Error(`${resolve(folder)} is in use ${by(other)}`)
    await sleep(20 + Math.random() * 80)
  }
}

function by({ pid, host, since }: Holder): string {
  const who = pid === process.pid && host === hostname() ? 'this very process' : `process ${pid}`
  return `by ${who} on ${host}, since ${since}`
}

async function writeClaim(claims: string): Promise<string> {
  const name = `${process.pid}-${randomBytes(8).toString('hex')}`
  const holder: Holder = {
    pid: process.pid,
    host: hostname(),
    since: new Date().toISOString(),
    start: startOf(process.pid),
    space: idSpace(),
  }
  // Renamed into place: nobody ever reads half of it.
  await writeFile(join(claims, `.${name}`), JSON.stringify(holder))
  await rename(join(claims, `.${name}`), join(claims, name))
  return name
}

/** Another live claim; dead ones are removed on the way. */
async function findOther(
  claims: string,
  own: string,
  watchMs: number | undefined,
): Promise<Holder | undefined> {
  const names = (await readdir(claims)).filter((name) => name !== own && !name.startsWith('.'))
  for (const name of names) {
    const holder = await read(join(claims, name))
    if (holder === undefined) continue
    if (await judge(holder, join(claims, name), watchMs)) return holder
    await rm(join(claims, name), { force: true })
  }
  return undefined
}

/** @returns undefined when it is gone by now */
async function read(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(`${path} cannot be read: remove it if no node uses this folder`, {
      cause: error,
    })
  }
}

function hold(path: string): Claim {
  const beat = setInterval(() => {
    const now = new Date()
    // The folder may be gone: then there is nothing left to hold.
    utimes(path, now, now).catch(() => undefined)
  }, BEAT_MS)
  beat.unref()
  return {
    async release() {
      clearInterval(beat)
      await rm(path, { force: true })
    },
  }
}
