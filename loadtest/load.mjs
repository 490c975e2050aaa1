/**
 * Load for a cluster that is started for it and ended afterwards, or for one that runs.
 *
 *   npm run load -- zwibbler --nodes 3 --teachers 5 --students 200
 *   npm run load -- yjs --url wss://docs.example --editors 20
 *   npm run load -- scripts FOLDER      write the scripts there, each as one file for `k6 run`
 *   npm run load -- k6                  where the k6 is that is used; builds it if there is none
 *   npm run load -- zwibbler --help     all options
 *
 * Ends with 0 when every threshold was kept: first that everybody saw everything, in order and once; then how fast.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { readSettings, scripts, settingsOf } from './k6/settings.js'
import { startCluster } from './support/loadCluster.mjs'
import { findK6, runScript, writeScripts } from './support/k6.mjs'
import { memoryLine, watchMemory } from './support/memory.mjs'

const own = {
  nodes: { type: 'string', default: '3' },
  json: { type: 'string' },
  help: { type: 'boolean', default: false },
  dist: { type: 'string', default: new URL('../dist', import.meta.url).pathname },
}
const ownHelp = [
  ['nodes', 'number', 'nodes to start when there is no --url (3)'],
  ['json', 'file', "k6's summary goes there, too"],
  ['dist', 'folder', 'build to run (dist)'],
]

/** Nobody watches k6's progress in a log. */
const quiet = !process.stdout.isTTY

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}

async function main(args) {
  const [script, ...rest] = args
  if (script === 'scripts') return await write(rest)
  if (script === 'k6') return say(await findK6())
  if (!scripts.includes(script)) return fail(`which one? ${scripts.join(', ')}, scripts or k6`)
  const names = Object.keys(settingsOf(script))
  const options = Object.fromEntries(names.map((name) => [name.toLowerCase(), optionOf(name)]))
  const { values } = parseArgs({ args: rest, options: { ...options, ...own } })
  if (values.help) return help(script)
  const given = names.filter((name) => values[name.toLowerCase()] !== undefined)
  const env = Object.fromEntries(given.map((name) => [name, String(values[name.toLowerCase()])]))
  env.VUS ??= String(availableParallelism())
  // So that a mistake is named before anything is started.
  const settings = readSettings(script, env)
  if (values.json) env.SUMMARY = values.json
  const code = env.URL
    ? await runScript(script, { env, quiet })
    : await onNodes(script, { env, settings, values })
  return code === 0 ? 0 : 1
}

/** What may be several is joined by commas. */
function optionOf(name) {
  return { type: 'string', multiple: name === 'URL' || name === 'TOKEN' }
}

async function onNodes(script, { env, settings, values }) {
  const undo = []
  const cleanUp = async () => {
    for (const each of undo.splice(0).reverse()) await each()
  }
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.once(signal, () => void cleanUp().then(() => process.exit(1)))
  try {
    const cluster = await startCluster({ size: Number(values.nodes), dist: values.dist, undo })
    console.error(`  ${cluster.urls.length} nodes on ${cluster.description}`)
    const memory = await watchMemory(cluster.pids)
    undo.push(memory.stop)
    const began = Date.now()
    const code = await runScript(script, { env: { ...env, URL: cluster.urls.join() }, quiet })
    if (script === 'idle') sayMemory(memory, began, settings)
    return code
  } finally {
    await cleanUp()
  }
}

function sayMemory(memory, began, { ramp, duration, connections }) {
  const full = began + ramp + duration / 2
  const during = memory.between(full, full + duration / 2)
  if (during)
    console.log(`${memoryLine({ before: memory.before, during, sessions: connections })}\n`)
}

async function write([folder]) {
  if (folder === undefined) return fail('npm run load -- scripts FOLDER')
  return say((await writeScripts(folder)).join('\n'))
}

function help(script) {
  const settings = Object.entries(settingsOf(script)).map(([name, { of, what, value }]) => [
    ...[
      name.toLowerCase(),
      of,
      `${what}${value === '' || name === 'URL' || name === 'VUS' ? '' : ` (${value})`}`,
    ],
  ])
  const lines = [...settings, ...ownHelp].map(
    ([name, of, what]) => `  ${`--${name} ${of}`.padEnd(24)}${what}`,
  )
  return say(`npm run load -- ${script} [options]\n\n${lines.join('\n')}`)
}

function say(what) {
  console.log(what)
  return 0
}

function fail(why) {
  console.error(why)
  return 1
}
