/**
 * Ratios of two things measured in one run, in turns, on one machine. Absolute numbers say little about another machine,
 * ratios say more.
 *
 *   npm run bench -- [--only appends,yjs] [--json | --markdown] [--rounds 5] [--seconds 4] [--dist DIR]
 *
 * DATABASE_URL and REDIS_URL name the servers to use (default: both on 127.0.0.1); the database is the run's own and is
 * dropped afterwards. Needs Linux (/proc) and pgbench. What is measured beside other servers of Yjs rooms needs these in
 * peers/: whoever asks for it with `--only` gets them installed.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { appends } from './parts/appends.mjs'
import { fanOut } from './parts/fanOut.mjs'
import { idle } from './parts/idle.mjs'
import { bigDocument, crossing, lone } from './parts/latency.mjs'
import { slowJoin } from './parts/slowJoin.mjs'
import { yjsCpu } from './parts/yjs/cpu.mjs'
import { yjsJoin } from './parts/yjs/join.mjs'
import { yjsLargeRoom } from './parts/yjs/largeRoom.mjs'
import { yjsMemory } from './parts/yjs/memory.mjs'
import { emptyNaiveTables, makeDatabase, makeNaiveTables, openClient } from './support/database.mjs'
import { markdown, table, verdictOf } from './support/figures.mjs'
import { startNode } from './support/nodes.mjs'
import { HOW_TO_INSTALL, installPeers, peersAreThere } from './support/peers.mjs'
import { pgbenchVersion } from './support/pgbench.mjs'

const besidePeers = { 'yjs-cpu': yjsCpu, 'yjs-memory': yjsMemory, 'yjs-join': yjsJoin }
const parts = {
  ...{ appends, lone, crossing, fanout: fanOut, big: bigDocument, idle, join: slowJoin },
  ...{ ...besidePeers, 'yjs-large': yjsLargeRoom },
}
const names = Object.keys(parts)
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    samples: { type: 'string', default: '500' },
    dist: { type: 'string', default: new URL('../dist', import.meta.url).pathname },
    json: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
  },
})
const chosen = await choose(values.only?.split(','))

const serverUrl = process.env.DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres'
const redisUrl = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379'
const began = performance.now()
const undo = []
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => void cleanUp().then(() => process.exit(1)))
}
const figures = []
try {
  const freshDatabase = async () => {
    const made = await makeDatabase(serverUrl)
    undo.push(made.drop)
    return made
  }
  const database = await freshDatabase()
  const place = { dist: values.dist, databaseUrl: database.url, redisUrl }
  const started = []
  const freshNode = async () => {
    const node = await startNode(place)
    undo.push(node.stop)
    return node
  }
  // The first one migrates.
  const nodes = async () => {
    while (started.length < 2) started.push(await freshNode())
    return started
  }
  await nodes()
  const client = await openClient(database.url)
  undo.push(() => client.end())
  await makeNaiveTables(client, 1)
  await describe(client)
  for (const name of names.filter((each) => chosen.includes(each))) {
    const found = await parts[name]({
      ...{ place, database, client, nodes, freshNode, freshDatabase },
      rounds: Number(values.rounds),
      seconds: Number(values.seconds),
      samples: Number(values.samples),
      naiveDocument: () => emptyNaiveTables(client, 1),
      say: (what) => console.error(`  ${name}: ${what.join('; ')}`),
    })
    figures.push(...found)
  }
} finally {
  await cleanUp()
}
print()

/** @param asked names of parts, or `yjs` for all that begin with it */
async function choose(asked) {
  if (!asked) {
    if (peersAreThere()) return names
    console.error(`  without yjs: its peers are not installed (${HOW_TO_INSTALL})`)
    return names.filter((name) => !(name in besidePeers))
  }
  const found = asked.map((each) =>
    names.filter((name) => name === each || name.startsWith(`${each}-`)),
  )
  const unknown = asked.filter((_, i) => found[i].length === 0)
  if (unknown.length > 0) throw new Error(`no ${unknown.join(', ')}; there are ${names.join(', ')}`)
  const all = found.flat()
  if (all.some((name) => name in besidePeers) && !peersAreThere()) await installPeers()
  return all
}

async function cleanUp() {
  for (const each of undo.splice(0).reverse()) await each()
}

async function describe(client) {
  const { rows } = await client.query(
    `select split_part(version(), ' ', 2) as version, current_setting('synchronous_commit') as commit,
      current_setting('fsync') as fsync`,
  )
  const [{ version, commit, fsync }] = rows
  if (commit === 'off' || fsync !== 'on') throw new Error('Postgres does not wait for its disk')
  console.error(
    `${availableParallelism()} cores, Node ${process.versions.node}, Postgres ${version} with synchronous_commit ` +
      `${commit} and fsync ${fsync}, ${(await pgbenchVersion()) ?? 'no pgbench'}`,
  )
}

function print() {
  const seconds = Math.round((performance.now() - began) / 1000)
  if (values.json) {
    const judged = figures.map((figure) => ({ ...figure, verdict: verdictOf(figure) || undefined }))
    console.log(JSON.stringify({ seconds, figures: judged }, undefined, 2))
  } else console.log(values.markdown ? markdown(figures) : `\n${table(figures)}\n\n${seconds} s`)
}
