/** PgBouncer as Debian has it, in front of a database, in the mode in which a connection is a client's for a transaction only. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, isListening } from './ports.ts'
import { until } from './wait.ts'

const binary = '/usr/sbin/pgbouncer'
export const hasPooler = existsSync(binary)

export interface Pooler extends AsyncDisposable {
  /** A database of that server, through the pooler. */
  through(databaseUrl: string): string
  [Symbol.asyncDispose](): Promise<void>
}

/** @param server any database of it @param connections to each database that all clients share */
export async function startPooler(server: string, connections: number): Promise<Pooler> {
  const { hostname, port, username, password } = new URL(server)
  const folder = await mkdtemp(join(tmpdir(), 'lengthwise-pooler-'))
  const at = await freePort()
  const login = [`user=${decodeURIComponent(username)}`]
  if (password !== '') login.push(`password=${decodeURIComponent(password)}`)
  const lines = [
    '[databases]',
    `* = host=${hostname} port=${port || '5432'} ${login.join(' ')}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${at}`,
    'unix_socket_dir =',
    'auth_type = any',
    'pool_mode = transaction',
    `default_pool_size = ${connections}`,
    'max_client_conn = 200',
  ]
  const file = join(folder, 'pgbouncer.ini')
  await writeFile(file, lines.join('\n'))
  // It does not run as root; before it becomes somebody else it has read its file.
  const asWhom = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const child = spawn(binary, [...asWhom, '-q', file], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (text: Buffer) => (said = (said + text.toString()).slice(-4_000)))
  const exited = new Promise((resolve) => child.once('exit', resolve))
  const dispose = async (): Promise<void> => {
    child.kill('SIGTERM')
    await exited
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await until('the pooler listens', async () => {
      if (child.exitCode !== null) throw new Error(said)
      return await isListening(at)
    })
  } catch (error) {
    await dispose()
    throw error
  }
  return {
    through: (url) => `postgres://lengthwise@127.0.0.1:${at}${new URL(url).pathname}`,
    [Symbol.asyncDispose]: dispose,
  }
}
