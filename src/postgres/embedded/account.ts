/**
 * As whom PostgreSQL runs. It refuses to be root; so where the node is root, it gets an account of its own, which may be
 * unable to enter the folders that it needs (a project in /root, or in a temporary folder that is root's alone).
 */
import { execFile } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

export interface Account {
  readonly uid: number
  readonly gid: number
}

/** How to start a program: what `spawn` takes. */
export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  readonly options: Partial<Account>
}

const run = promisify(execFile)

/** @returns undefined when the node is not root: then PostgreSQL runs as the node does */
export async function findAccount(pgdata: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const owner = statSync(pgdata, { throwIfNoEntry: false })
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  for (const name of ['postgres', 'nobody']) {
    const ids = await Promise.all([idOf('-u', name), idOf('-g', name)])
    if (ids[0] !== undefined && ids[1] !== undefined) return { uid: ids[0], gid: ids[1] }
  }
  throw new Error('PostgreSQL cannot run as root, and there is no user postgres or nobody')
}

async function idOf(which: '-u' | '-g', name: string): Promise<number | undefined> {
  const found = await run('id', [which, name]).catch(() => undefined)
  return found === undefined ? undefined : Number(found.stdout)
}

/**
 * @param folders what the program must be able to enter
 * @throws Error when there is no way for that account to enter them
 */
export async function launchAs(
  account: Account | undefined,
  folders: readonly string[],
  command: string,
  args: readonly string[],
): Promise<Launch> {
  if (account === undefined) return { command, args, options: {} }
  const closed = await firstClosed(account, folders)
  if (closed === undefined) return { command, args, options: account }
  return await launchThrough(closed, account, command, args)
}

/** The first folder on the way to any of these that this account cannot enter. */
async function firstClosed(
  account: Account,
  folders: readonly string[],
): Promise<string | undefined> {
  for (const folder of folders) {
    for (let at = await realpath(folder); ; at = dirname(at)) {
      if (!mayEnter(account, at)) return at
      if (at === dirname(at)) break
    }
  }
  return undefined
}

function mayEnter({ uid, gid }: Account, folder: string): boolean {
  const { mode, ...owner } = statSync(folder)
  if (owner.uid === uid) return (mode & 0o100) !== 0
  return (mode & (owner.gid === gid ? 0o010 : 0o001)) !== 0
}

/**
 * `setpriv` gives the account up to one capability, that of entering closed folders, and takes all others for good. The
 * secure bit is needed because PostgreSQL asks access(2), which goes by the real user's capabilities.
 */
async function launchThrough(
  closed: string,
  { uid, gid }: Account,
  command: string,
  args: readonly string[],
): Promise<Launch> {
  const capability = enteringCapability()
  const hasSetpriv = await run('setpriv', ['--version']).then(
    () => true,
    () => false,
  )
  if (capability === undefined || !hasSetpriv) {
    throw new Error(
      `PostgreSQL cannot run as root, and user ${uid} may not enter ${closed}: ` +
        'move the project or DATA_DIR, make that folder enterable (chmod o+x), or set DATABASE_URL',
    )
  }
  const become = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups']
  const keep = `-all,+${capability}`
  const capabilities = [
    '--securebits=+no_setuid_fixup',
    `--inh-caps=${keep}`,
    `--ambient-caps=+${capability}`,
    `--bounding-set=${keep}`,
  ]
  return {
    command: 'setpriv',
    args: [...become, ...capabilities, '--', command, ...args],
    options: {},
  }
}

/** The weaker one where root has it: containers often leave it out. */
function enteringCapability(): 'dac_read_search' | 'dac_override' | undefined {
  if (process.platform !== 'linux') return undefined
  const status = readFileSync('/proc/self/status', 'utf8')
  const held = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
  if ((held & 4n) !== 0n) return 'dac_read_search'
  return (held & 2n) !== 0n ? 'dac_override' : undefined
}
