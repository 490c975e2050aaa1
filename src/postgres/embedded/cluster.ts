/** The files of the embedded PostgreSQL: made once, whole or not at all. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chown, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { findAccount, launchAs } from './account.ts'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'

export const USER = 'lengthwise'

export interface Cluster {
  readonly pgdata: string
  readonly account: Account | undefined
  readonly password: string
}

const run = promisify(execFile)

/** Where things are in DATA_DIR. */
export const pgdataOf = (folder: string): string => join(folder, 'postgres')
const passwordFileOf = (folder: string): string => join(folder, 'postgres.password')

/** Finds the files, or makes them. The caller has claimed the folder. */
export async function openCluster(folder: string, binaries: Binaries): Promise<Cluster> {
  const pgdata = pgdataOf(folder)
  const account = await findAccount(pgdata)
  if (existsSync(pgdata)) return { pgdata, account, password: await readPassword(folder) }
  const password = await makePassword(folder)
  await initialise(folder, account, binaries, password)
  return { pgdata, account, password }
}

/** @throws Error when it is gone: nobody can get in any more */
export async function readPassword(folder: string): Promise<string> {
  const path = passwordFileOf(folder)
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    throw new Error(`the password of the PostgreSQL in ${folder} cannot be read from ${path}`, {
      cause: error,
    })
  }
}

async function makePassword(folder: string): Promise<string> {
  const password = randomBytes(24).toString('base64url')
  await rm(passwordFileOf(folder), { force: true })
  await writeFile(passwordFileOf(folder), `${password}\n`, { mode: 0o600, flag: 'wx' })
  return password
}

/** In a folder beside, renamed when it is finished: a node that is killed meanwhile leaves no half of a database. */
async function initialise(
  folder: string,
  account: Account | undefined,
  { initdb }: Binaries,
  password: string,
): Promise<void> {
  await removeUnfinished(folder)
  const unfinished = `${pgdataOf(folder)}.unfinished-${randomBytes(4).toString('hex')}`
  await mkdir(unfinished, { mode: 0o700 })
  const passwordFile = `${unfinished}.password`
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600, flag: 'wx' })
  try {
    for (const path of account ? [unfinished, passwordFile] : []) {
      await chown(path, account!.uid, account!.gid)
    }
    const login = ['-U', USER, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`]
    const shape = ['-E', 'UTF8', '--locale=C', '--no-instructions']
    const needs = [folder, dirname(initdb)]
    const launch = await launchAs(account, needs, initdb, ['-D', unfinished, ...login, ...shape])
    await run(launch.command, launch.args, { ...launch.options, cwd: '/', env: environment })
  } finally {
    await rm(passwordFile, { force: true })
  }
  await rename(unfinished, pgdataOf(folder))
  await flushFolder(folder)
}

/** Nothing of ours: PGPORT and the like would change what it does. */
export const environment = { LC_ALL: 'C', PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin' }

async function removeUnfinished(folder: string): Promise<void> {
  const names = await readdir(folder)
  for (const name of names.filter((each) => each.startsWith('postgres.unfinished-'))) {
    await rm(join(folder, name), { recursive: true, force: true })
  }
}

async function flushFolder(folder: string): Promise<void> {
  const opened = await open(folder)
  await opened.sync().catch(() => undefined)
  await opened.close()
}
