import { expect, test } from 'vitest'
import { makeRandom, seededRandom } from '../support/random.ts'
import { pass } from './support/time.ts'
import type { Reader } from './support/reader.ts'
import {
  append,
  leave,
  makeWorld,
  read,
  say,
  stall,
  type TestNode,
  type World,
} from './support/world.ts'

/** PROPERTY_RUNS=1000 for a long look. */
const RUNS = Number(process.env.PROPERTY_RUNS ?? 20)
const STEPS = 80
const IDS = ['zwibbler/a', 'zwibbler/b']

const seeds = seededRandom('prefix')
const runs = Array.from({ length: RUNS }, () => seeds.between(0, 2 ** 31))

const faults = { lost: 0, doubled: 0, late: 0, paused: 0, repaired: 0, inDoubt: 0 }

test.each(runs)(
  '[I1, I2, I5] every session has a prefix at every moment and all in the end, whatever happens (seed %i)',
  async (seed) => {
    const random = makeRandom(seed)
    const world = makeWorld({ random, nodes: 3 })
    const all: Reader[] = []
    for (const node of world.nodes) {
      for (const id of IDS) all.push(await enter(world, node, id))
    }
    for (let step = 0; step < STEPS; step += 1) {
      changeWeather(world)
      await oneStep(world, all)
      await pass(random.pick([0, 0, 1, 5, 12, 50]))
      await check(world, all)
    }
    await calm(world)
    await check(world, all)
    for (const node of world.nodes) {
      for (const reader of node.readers) {
        const id = idOf(reader)
        expect(reader.from + reader.text.length, `${reader.name} has all`).toBe(
          (await world.log(id)).length,
        )
        expect(reader.unanswered).toBe(0)
        expect(reader.session?.state).toBe('live')
      }
    }
    for (const name of ['lost', 'doubled', 'late'] as const) faults[name] += world.air.counts[name]
    for (const { tally } of world.nodes) {
      faults.paused += tally.count('paused')
      faults.repaired += tally.count('repaired')
      faults.inDoubt += tally.count('inDoubt')
    }
  },
)

test('all that should have happened did', () => {
  for (const [what, times] of Object.entries(faults)) expect(times, what).toBeGreaterThan(0)
})

async function enter(world: World, node: TestNode, id: string, offset = 0): Promise<Reader> {
  const room = world.random.pick([0, 50, 1_000_000])
  return await world.join(node, id, { offset, room, initial: 'initial' })
}

function changeWeather({ random, air }: World): void {
  if (!random.chance(0.1)) return
  const some = (): number => random.pick([0, 0.1, 0.5])
  Object.assign(air.weather, { lost: some(), doubled: some(), late: some() })
  if (random.chance(0.2)) air.weather.isSilent = true
  else if (air.weather.isSilent) {
    air.weather.isSilent = false
    air.tellGap()
  }
}

async function oneStep(world: World, all: Reader[]): Promise<void> {
  const { random, nodes } = world
  const node = random.pick(nodes)
  for (const reader of node.readers) {
    if (random.chance(0.15)) stall(reader)
    else if (random.chance(0.3)) read(reader)
    if (random.chance(0.3)) await write(world, node, reader)
    if (random.chance(0.05)) say(node, reader, `said ${random.next()}`)
  }
  if (random.chance(0.15)) {
    const id = random.pick(IDS)
    const length = (await world.log(id)).length
    all.push(await enter(world, node, id, random.between(0, length + 1)))
  }
  if (random.chance(0.1) && node.readers.length > 1) leave(node, random.pick(node.readers))
  if (random.chance(0.05)) world.faults.failNext('lost', { afterCommit: random.chance(0.5) })
  if (random.chance(0.05)) {
    void node.hub.verify([...node.hub.all()], 'sweep')
  }
}

/** Now and then several at once, and now and then at a length that is not its own. */
async function write(world: World, node: TestNode, reader: Reader): Promise<void> {
  const { random } = world
  const length = (await world.log(idOf(reader))).length
  let at = random.pick([reader.position, reader.position, length, reader.position + 3])
  for (let count = random.pick([1, 1, 1, 3]); count > 0; count -= 1) {
    const data = random.chance(0.1)
      ? ''
      : `<${Math.floor(random.next() * 1e6)}>`.padEnd(random.pick([0, 200]), '.')
    append(node, reader, at, data)
    at += data.length
  }
}

async function check(world: World, all: readonly Reader[]): Promise<void> {
  const logs = new Map<string, string>()
  for (const id of IDS) logs.set(id, await world.log(id))
  for (const reader of all) {
    if (reader.failure) throw reader.failure
    const log = logs.get(idOf(reader))!
    expect(log.slice(reader.from, reader.position), `what ${reader.name} has`).toBe(reader.text)
  }
}

/** The weather clears, everybody reads, and the sweep comes by. */
async function calm({ air, nodes }: World): Promise<void> {
  Object.assign(air.weather, { lost: 0, doubled: 0, late: 0, isSilent: false })
  for (let round = 0; round < 5; round += 1) {
    for (const node of nodes) {
      for (const reader of node.readers) read(reader)
      void node.hub.verify([...node.hub.all()], 'sweep')
    }
    await pass(500)
  }
}

function idOf(reader: Reader): string {
  const { follower } = reader.session! as { follower: { id?: string } }
  return follower.id ?? ''
}
