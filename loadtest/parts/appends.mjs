/** Appends per second through sockets, beside pgbench on the same Postgres. */
import { emptyNaiveTables, makeDocuments } from '../support/database.mjs'
import { ratio } from '../support/figures.mjs'
import { pgbench } from '../support/pgbench.mjs'
import { startHelper } from '../support/process.mjs'

const DOCUMENTS = 1_000
const SIZE = 100
const GOAL = { least: 4 }

export async function appends({ database, client, nodes, rounds, seconds, say }) {
  const [one, two] = await nodes()
  const loads = {
    one: await openLoad(client, 'one', [one.port]),
    two: await openLoad(client, 'two', [one.port, two.port]),
  }
  try {
    for (const load of Object.values(loads)) await load.perSecond(1)
    const seen = { naive: [], one: [], two: [] }
    for (let round = 0; round < rounds; round++) {
      seen.naive.push(await naive({ database, client, seconds }))
      seen.one.push(await loads.one.perSecond(seconds))
      seen.two.push(await loads.two.perSecond(seconds))
      say(Object.entries(seen).map(([name, each]) => `${name} ${Math.round(each.at(-1))}/s`))
    }
    const figure = (what, ours) => ({
      name: `appends a second through ${what} ÷ pgbench, 32 clients`,
      ...ratio(ours, seen.naive, '/s'),
      goal: GOAL,
    })
    return [figure('one node', seen.one), figure('two nodes', seen.two)]
  } finally {
    for (const load of Object.values(loads)) await load.stop()
  }
}

async function openLoad(client, name, ports) {
  const ids = await makeDocuments(client, `appends-${name}-`, DOCUMENTS)
  const helper = startHelper('appenders')
  await helper.ask({ open: { ports, ids, size: SIZE } })
  return {
    perSecond: async (seconds) =>
      (await helper.ask({ run: { rampMs: 300, ms: seconds * 1000 } })).perSecond,
    stop: () => helper.stop(),
  }
}

async function naive({ database, client, seconds }) {
  await emptyNaiveTables(client, DOCUMENTS)
  const perSecond = await pgbench(database.url, { documents: DOCUMENTS, size: SIZE, seconds })
  const { rows } = await client.query('select sum(length)::float8 as bytes from naive_documents')
  // A statement that matches nothing is quick, and proves nothing. The rate leaves out connecting, which may take long.
  if (rows[0].bytes < perSecond * seconds * SIZE * 0.5)
    throw new Error(`pgbench did not append: ${rows[0].bytes} bytes, ${perSecond} a second`)
  return perSecond
}
