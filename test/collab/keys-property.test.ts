import { expect, test } from 'vitest'
import { makeRandom, seededRandom } from '../support/random.ts'
import type { Reader } from './support/reader.ts'
import { pass } from './support/time.ts'
import {
  leave,
  makeWorld,
  read,
  setKey,
  stall,
  type TestNode,
  type World,
} from './support/world.ts'

/** PROPERTY_RUNS=1000 for a long look. */
const RUNS = Number(process.env.PROPERTY_RUNS ?? 20)
const STEPS = 80
const ID = 'zwibbler/board'
const NAMES = ['a', 'b', 'c']

const seeds = seededRandom('keys')
const runs = Array.from({ length: RUNS }, () => seeds.between(0, 2 ** 31))

test.each(runs)(
  '[I5] in the end everybody sees the keys as they are, whatever happens (seed %i)',
  async (seed) => {
    const world = makeWorld({ random: makeRandom(seed), nodes: 3 })
    for (const node of world.nodes) {
      await world.join(node, ID, { room: 0, initial: 'x' })
      await world.join(node, ID)
    }
    for (let step = 0; step < STEPS; step += 1) {
      await oneStep(world)
      await pass(world.random.pick([0, 0, 1, 5, 20]))
      for (const { readers } of world.nodes)
        for (const { failure } of readers) if (failure) throw failure
    }
    await calm(world)
    const { keys } = await world.store.keys(1)
    const truth = keys.map(({ name, version, value }) => `${name} ${version} ${text(value)}`)
    for (const { readers } of world.nodes) {
      for (const reader of readers) {
        expect(presentOf(reader), reader.name).toEqual(ofOthers(truth, reader))
      }
    }
  },
)

async function oneStep(world: World): Promise<void> {
  const { random, nodes, air } = world
  const node = random.pick(nodes)
  if (random.chance(0.1)) {
    const some = (): number => random.pick([0, 0.1, 0.5])
    Object.assign(air.weather, { lost: some(), doubled: some(), late: some() })
  }
  for (const reader of [...node.readers]) {
    if (random.chance(0.2)) stall(reader)
    else if (random.chance(0.3)) read(reader)
    if (random.chance(0.5)) setSome(world, node, reader)
  }
  if (random.chance(0.1) && node.readers.length > 1) leave(node, random.pick(node.readers))
  if (random.chance(0.1))
    await world.join(node, ID, { offset: 1, room: random.pick([0, Infinity]) })
  if (random.chance(0.05)) void node.hub.verify([...node.hub.all()], 'sweep')
}

/** A key of everybody, or one that is its own and moves without a new version: a pointer. */
function setSome({ random }: World, node: TestNode, reader: Reader): void {
  const isOwn = random.chance(0.3)
  const name = isOwn ? `of ${reader.name}` : random.pick(NAMES)
  const lifetime = isOwn || name === 'a' ? ('session' as const) : ('document' as const)
  const known = reader.view.get(name)
  const oldVersion = known && !known.removed ? known.version : 0
  const version = isOwn && oldVersion > 0 ? oldVersion : oldVersion + 1
  const wrong = random.chance(0.1) && !isOwn ? 3 : 0
  setKey(node, reader, {
    name,
    lifetime,
    oldVersion: oldVersion + wrong,
    version: version + wrong,
    value: `${Math.floor(random.next() * 1e6)}`,
  })
}

async function calm({ air, nodes }: World): Promise<void> {
  Object.assign(air.weather, { lost: 0, doubled: 0, late: 0, isSilent: false })
  for (let round = 0; round < 4; round += 1) {
    for (const node of nodes) {
      for (const reader of node.readers) read(reader)
      void node.hub.verify([...node.hub.all()], 'sweep')
    }
    await pass(500)
  }
}

function presentOf(reader: Reader): string[] {
  const present = [...reader.view].filter(([, { removed }]) => !removed)
  const all = present.map(([name, { version, value }]) => `${name} ${version} ${value}`)
  return ofOthers(all, reader)
}

/** Whoever moves a pointer knows better where it is, and may hear of an older place. */
const ofOthers = (keys: readonly string[], reader: Reader): string[] =>
  keys.filter((key) => !key.startsWith(`of ${reader.name} `)).sort()

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
