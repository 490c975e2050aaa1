/** pgbench running the single-append statement: what a server that sends one statement per append can at best reach. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { NAIVE_APPEND } from './database.mjs'

const run = promisify(execFile)
const CLIENTS = 32
const names = { $1: ':key', $2: ':expected', $3: ':turn', $4: ':data' }

/**
 * Each client walks through documents of its own, so that none waits for another's row and every length is as expected:
 * the statement at its best.
 */
const script = ({ documents, size }) => `\\set turn :turn + 1
\\set mine ${Math.floor(documents / CLIENTS)} + case when :client_id < ${documents % CLIENTS} then 1 else 0 end
\\set key 1 + :client_id + ${CLIENTS} * mod(:turn, :mine)
\\set expected ${size} * (:turn / :mine)
${NAIVE_APPEND.replaceAll(/\$\d/g, (parameter) => names[parameter])};
`

/** Needs naive tables with empty documents. @returns appends per second */
export async function pgbench(databaseUrl, { documents, size, seconds }) {
  const folder = await mkdtemp(join(tmpdir(), 'lengthwise-bench-'))
  const file = join(folder, 'append.sql')
  await writeFile(file, script({ documents, size }))
  try {
    const { stdout } = await run('pgbench', [
      ...['--no-vacuum', '--protocol', 'prepared', '--client', String(CLIENTS), '--jobs', '2'],
      ...['--time', String(seconds), '--file', file],
      ...['--define', 'turn=-1', '--define', `data=${'a'.repeat(size)}`, databaseUrl],
    ])
    return Number(/^tps = (\S+)/m.exec(stdout)[1])
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** @returns the tool's version, or undefined where there is none */
export async function pgbenchVersion() {
  return run('pgbench', ['--version']).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  )
}
