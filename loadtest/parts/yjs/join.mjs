/** From the open socket to the complete answer, for a client that has nothing, in a room of 20,000 edits. */
import { setTimeout as sleep } from 'node:timers/promises'
import { median, show } from '../../support/figures.mjs'
import { startHelper } from '../../support/process.mjs'
import { LASTING, makeServers, titles } from './servers.mjs'

const EDITS = 20_000
/** Below what our server takes of one connection before it slows it down. */
const EDITS_PER_SECOND = 2_000
const WARM_JOINS = 15
const COLD_JOINS = 3
/** All three put rooms in order when everybody has left, soon and not at once. */
const SETTLE_MS = 6_000
const room = 'join'

export async function yjsJoin({ say, ...what }) {
  const makers = await makeServers(what)
  const load = startHelper('yjsClients')
  let servers = {}
  const stopAll = async () => {
    for (const { stop } of Object.values(servers)) await stop()
    servers = {}
  }
  try {
    for (const side of LASTING) servers[side] = await makers.start[side]()
    const warm = await joinWhileOpen(servers, load)
    await sleep(SETTLE_MS)
    await stopAll()
    const cold = emptyLists()
    for (let round = 0; round < COLD_JOINS; round++) {
      for (const side of LASTING) {
        servers[side] = await makers.start[side]()
        cold[side].push(await joinFirst(servers[side].server, load))
        await stopAll()
      }
    }
    say(LASTING.map((side) => `${side} warm ${timesOf(warm[side])}, cold ${timesOf(cold[side])}`))
    return [
      figureOf('time to join a room of 20,000 edits that is open ÷ the better peer', warm),
      figureOf('the same after a restart of the server', cold),
    ]
  } finally {
    await load.stop()
    await stopAll()
    await makers.remove()
  }
}

const emptyLists = () => Object.fromEntries(LASTING.map((side) => [side, []]))
const timesOf = (joins) => joins.map(({ ms }) => ms.toFixed(1)).join(' ')

/** Somebody types the text into the room of each server and stays, while others join. */
async function joinWhileOpen(servers, load) {
  const typists = LASTING.map((side) => ({ side, helper: startHelper('yjsClients') }))
  try {
    await Promise.all(
      typists.map(async ({ side, helper }) => {
        await helper.ask({ open: { places: [{ server: servers[side].server, room }] } })
        await helper.ask({ typeText: { edits: EDITS, perSecond: EDITS_PER_SECOND } })
      }),
    )
    const seen = emptyLists()
    for (let i = -1; i < WARM_JOINS; i++) {
      for (const side of LASTING) {
        const join = { server: servers[side].server, room, edits: EDITS }
        const found = await load.ask({ join })
        if (i >= 0) seen[side].push(found)
      }
    }
    return seen
  } finally {
    for (const { helper } of typists) await helper.stop()
  }
}

/** The room is not in memory yet; the server has been used, for another one. */
async function joinFirst(server, load) {
  await load.ask({ open: { places: [{ server, room: 'another' }] } })
  await load.ask({})
  return load.ask({ join: { server, room, edits: EDITS } })
}

function figureOf(name, seen) {
  const ms = (side) => median(seen[side].map((join) => join.ms))
  const peers = LASTING.filter((side) => side !== 'ours')
  const [better] = peers.toSorted((a, b) => ms(a) - ms(b))
  const beside = { ours: ms('ours'), naive: ms(better), unit: 'ms' }
  return {
    name,
    ...{ value: beside.ours / beside.naive, unit: '×', goal: { most: 0.5 }, beside, rounds: seen },
    detail: LASTING.map(
      (side) =>
        `${titles[side]} ${show(ms(side), 'ms')}, ${show(median(seen[side].map(({ bytes }) => bytes)), 'KiB')}`,
    ).join('; '),
  }
}
