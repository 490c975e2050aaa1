/**
 * Memory of rooms that are opened, and what of it stays when everybody has left. They were filled before the server was
 * started; garbage is collected before each look.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { show } from '../../support/figures.mjs'
import { memoryOf, startHelper } from '../../support/process.mjs'
import { LASTING, makeServers, titles } from './servers.mjs'

const ROOMS = 1_000
/** Of typing: about 30 KB as an update. */
const EDITS = 24_000
const WARM_UP_ROOMS = 50
/** Not every server has stored what it has echoed. */
const STORING_MS = 4_000
const LOOK_MS = 2_000
/** Less of a change within a look is none. */
const STILL = 1024 * 1024
const MOST_LOOKS = 8
const COLLECTING = [
  '--expose-gc',
  '--import',
  new URL('../../support/collect.mjs', import.meta.url).href,
]

export async function yjsMemory({ say, ...what }) {
  const makers = await makeServers(what)
  const seen = {}
  try {
    for (const side of LASTING) {
      seen[side] = await measure(makers.start[side])
      const { idle, open, left } = seen[side]
      say([
        side,
        ...[`idle ${show(idle, 'MiB')}`, `open ${show(open, 'MiB')}`, `left ${show(left, 'MiB')}`],
      ])
    }
  } finally {
    await makers.remove()
  }
  return figuresOf(seen)
}

function figuresOf(seen) {
  const peers = LASTING.filter((side) => side !== 'ours')
  const grown = (side) => seen[side].open - seen[side].idle
  const [better] = peers.toSorted((a, b) => grown(a) - grown(b))
  const beside = { ours: grown('ours'), naive: grown(better), unit: 'MiB' }
  const each = (of, unit) => peers.map((side) => `${titles[side]} ${show(of(side), unit)}`)
  const kept = (side) => seen[side].left / seen[side].idle
  return [
    {
      name: 'memory that 1,000 open rooms of 30 KB with a client each add ÷ the better peer',
      ...{ value: beside.ours / beside.naive, unit: '×', goal: { most: 0.2 }, beside },
      detail: each(grown, 'MiB').join('; '),
    },
    {
      name: 'memory after everybody left ÷ idle before',
      ...{ value: kept('ours'), unit: '×', goal: { most: 1.1 } },
      detail: [
        `${show(seen.ours.left, 'MiB')} after ${show(seen.ours.idle, 'MiB')}`,
        ...each(kept, '×'),
      ].join('; '),
    },
  ]
}

/** @returns resident bytes when idle, with all rooms open, and when everybody has left */
async function measure(start) {
  const rooms = roomsOf('room', ROOMS)
  const others = roomsOf('warm', WARM_UP_ROOMS)
  await visit(start, async ({ open, load }) => {
    for (const some of [rooms, others]) {
      await open(some)
      await load.ask({ write: { edits: EDITS } })
      await load.ask({})
    }
    await sleep(STORING_MS)
  })
  return visit(start, async ({ pid, open, load }) => {
    await open(others, EDITS)
    await load.ask({})
    const idle = await settled(pid)
    await open(rooms, EDITS)
    const full = await settled(pid)
    await load.ask({})
    return { idle, open: full, left: await settled(pid) }
  })
}

const roomsOf = (name, count) => Array.from({ length: count }, (_, i) => `${name}-${i}`)

/** A server for the time of some work, and a load generator that opens rooms on it. */
async function visit(start, work) {
  const { pid, server, stop } = await start({ flags: COLLECTING })
  const load = startHelper('yjsClients')
  const open = (rooms, edits) =>
    load.ask({ open: { places: rooms.map((room) => ({ server, room })), edits } })
  try {
    return await work({ pid, open, load })
  } finally {
    await load.stop()
    await stop()
  }
}

/** Resolves with the resident memory once it has stopped to shrink. */
async function settled(pid) {
  let least = Infinity
  for (let look = 0; look < MOST_LOOKS; look++) {
    await sleep(LOOK_MS)
    process.kill(pid, 'SIGUSR2')
    await sleep(LOOK_MS / 4)
    const now = await memoryOf(pid)
    if (look > 0 && now > least - STILL) return Math.min(now, least)
    least = Math.min(now, least)
  }
  return least
}
