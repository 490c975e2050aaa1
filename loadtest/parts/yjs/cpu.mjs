/** What it costs servers to take an update and deliver it to everybody in the room: on one server, and across two. */
import { median, show } from '../../support/figures.mjs'
import { cpuOf, startHelper } from '../../support/process.mjs'
import { makeServers, titles } from './servers.mjs'

const CLIENTS = 50
const WRITERS = 20
const UPDATES_PER_SECOND = 200
const MOST_ROUNDS = 3
/** Many rooms first: an engine compiles what it runs often. */
const WARM_UP = {
  rooms: 50,
  clients: 150,
  type: { writers: 150, perSecond: 1_000, seconds: 4 },
}

const layouts = {
  alone: {
    name: 'server CPU per update delivered, a room of 50 clients on one node ÷ the better peer',
    sides: ['ours', 'reference', 'referenceInMemory', 'hocuspocus'],
    peers: ['reference', 'hocuspocus'],
    servers: 1,
  },
  across: {
    name: 'the same on two nodes with Redis ÷ two Hocuspocus with Redis',
    sides: ['ours', 'hocuspocus'],
    peers: ['hocuspocus'],
    servers: 2,
  },
}

export async function yjsCpu(what) {
  const figures = []
  for (const layout of Object.values(layouts)) figures.push(await compare(layout, what))
  return figures
}

async function compare({ name, sides, peers, servers }, { client, seconds, say, ...what }) {
  const makers = await makeServers({ ...what, isShared: servers > 1 })
  const observed = { client, databaseName: makers.databaseName }
  const rounds = Math.min(what.rounds, MOST_ROUNDS)
  const opened = {}
  try {
    for (const side of sides) {
      opened[side] = await openRoom(makers.start[side], servers)
    }
    const seen = Object.fromEntries(sides.map((side) => [side, []]))
    const sums = []
    for (let round = 0; round < rounds; round++) {
      for (const side of sides) {
        const { server, postgres } = await deliver(opened[side], seconds, observed)
        seen[side].push(server)
        if (side === 'ours' && postgres !== undefined) sums.push(server + postgres)
      }
      say(sides.map((side) => `${side} ${show(seen[side].at(-1), 'µs')}`))
    }
    return figureOf({ name, peers, seen, sums })
  } finally {
    for (const room of Object.values(opened)) await room.stop()
    await makers.remove()
  }
}

function figureOf({ name, peers, seen, sums }) {
  const [better] = peers.toSorted((a, b) => median(seen[a]) - median(seen[b]))
  const beside = { ours: median(seen.ours), naive: median(seen[better]), unit: 'µs' }
  const each = Object.keys(seen)
    .filter((side) => side !== 'ours')
    .map((side) => `${titles[side]} ${show(median(seen[side]), 'µs')}`)
  const withPostgres = sums.length > 0 ? `${show(median(sums), 'µs')} with Postgres's backends` : ''
  return {
    name,
    ...{ value: beside.ours / beside.naive, unit: '×', goal: { most: 0.5 }, beside, rounds: seen },
    detail: [withPostgres, ...each].filter(Boolean).join('; '),
  }
}

async function openRoom(start, count) {
  const servers = []
  const load = startHelper('yjsClients')
  const stop = async () => {
    await load.stop()
    for (const server of servers) await server.stop()
  }
  try {
    while (servers.length < count) servers.push(await start({}))
    await load.ask({ open: { places: placesOf(servers, WARM_UP.clients, WARM_UP.rooms) } })
    await load.ask({ type: WARM_UP.type })
    await load.ask({})
    await load.ask({ open: { places: placesOf(servers, CLIENTS, 1) } })
  } catch (error) {
    await stop()
    throw error
  }
  return { pids: servers.map(({ pid }) => pid), load, stop }
}

/** As many on each server. */
const placesOf = (servers, clients, rooms) =>
  Array.from({ length: clients }, (_, i) => ({
    server: servers[Math.floor((i * servers.length) / clients)].server,
    room: `cpu-${servers.length}-${rooms}-${i % rooms}`,
  }))

/** @returns microseconds of CPU per update delivered: of the servers, and of Postgres meanwhile where it can be seen */
async function deliver({ pids, load }, seconds, observed) {
  const before = await spent(pids, observed)
  const type = { writers: WRITERS, perSecond: UPDATES_PER_SECOND, seconds }
  const { delivered } = await load.ask({ type })
  const after = await spent(pids, observed)
  const per = (what) => ((after[what] - before[what]) * 1e6) / delivered
  return { server: per('server'), postgres: after.backends > 0 ? per('postgres') : undefined }
}

async function spent(pids, { client, databaseName }) {
  const { rows } = await client.query(`select pid from pg_stat_activity where datname = $1`, [
    databaseName,
  ])
  const backends = rows.map(({ pid }) => pid)
  return {
    server: await cpuOfAll(pids),
    postgres: await cpuOfAll(backends),
    backends: backends.length,
  }
}

async function cpuOfAll(pids) {
  const each = await Promise.all(pids.map(cpuOf))
  return each.reduce((sum, seconds) => sum + seconds, 0)
}
