/** Where k6 comes from, and its scripts in the form in which it can run them. */
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { scripts, settingsOf } from '../k6/settings.js'

const run = promisify(execFile)
const FOLDER = new URL('..', import.meta.url).pathname
const CACHE = new URL('../../node_modules/.cache/lengthwise/', import.meta.url).pathname

const onPath = (name) =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file))

const versionOf = async () =>
  /go\.k6\.io\/k6 (v\S+)/.exec(await readFile(join(FOLDER, 'go.mod'), 'utf8'))[1]

/**
 * @param say called when something takes minutes
 * @returns the path of a k6: the one on the PATH, or the pinned version, built once
 * @throws Error that says in one line what to do
 */
export async function findK6(say = console.error) {
  const installed = onPath('k6')
  if (installed !== undefined) return installed
  const built = join(CACHE, `k6-${await versionOf()}`)
  if (existsSync(built)) return built
  if (onPath('go') === undefined)
    throw new Error('k6 is needed: install it (grafana.com/docs/k6), or Go 1.25, which builds it')
  say('  building k6, once: a minute or several')
  await mkdir(CACHE, { recursive: true })
  const unfinished = `${built}-${process.pid}`
  await run('go', ['build', '-C', FOLDER, '-o', unfinished, 'go.k6.io/k6'])
  await rename(unfinished, built)
  return built
}

/** Writes each script into `folder` as one file that needs nothing beside it. */
export async function writeScripts(folder, names = scripts) {
  await build({
    entryPoints: names.map((name) => join(FOLDER, 'k6', `${name}.js`)),
    outdir: folder,
    bundle: true,
    format: 'esm',
    target: 'es2020',
    platform: 'browser',
    external: ['k6', 'k6/*'],
    logLevel: 'warning',
  })
  return names.map((name) => join(folder, `${name}.js`))
}

/**
 * Runs a script until it ends.
 * @param env its settings (k6/settings.js)
 * @param stdio what becomes of what k6 says; the table is on its standard output
 * @returns its exit code: 0, 99 when a threshold failed, or another one
 */
export async function runScript(name, { env, stdio = 'inherit', quiet = true }) {
  const k6 = await findK6()
  const folder = await mkdtemp(join(tmpdir(), 'lengthwise-load-'))
  try {
    const [script] = await writeScripts(folder, [name])
    const flags = ['--no-usage-report', '--no-color', ...(quiet ? ['--quiet'] : [])]
    const child = spawn(k6, ['run', ...flags, script], {
      stdio,
      env: { ...surroundings(name), ...env },
    })
    return await ended(child)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** k6 takes settings from its environment: where they are not in everybody's sight, and where ours must not meet other people's. */
const surroundings = (name) =>
  Object.fromEntries(Object.entries(process.env).filter(([key]) => !(key in settingsOf(name))))

function ended(child) {
  const stop = () => void child.kill('SIGINT')
  process.once('exit', stop)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  }).finally(() => process.off('exit', stop))
}
