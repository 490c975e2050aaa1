import { expect, test } from 'vitest'
import { makeRandom, type Random, seededRandom } from '../../../support/random.ts'
import { type Client, makeWorld, type World } from './simulation.ts'

const names = ['A', 'B', 'C']
const quiet = { loss: 0, duplicates: 0.2, delay: 60 }
const rounds = 40

/** On each node one client that stays, some of them without a state of their own. */
function addWatchers(world: World, random: Random): Client[] {
  return world.nodes.map((node) => {
    const client = world.addClient(random.chance(0.5))
    client.connect(node)
    return client
  })
}

const seed = seededRandom('awareness')
const worlds = Array.from({ length: rounds }, () => seed.between(0, 2 ** 32))

test('[yjs 15.7] who returns within 2 s, to whichever node, is at no time gone, and stays', () => {
  for (const round of worlds) {
    const random = makeRandom(round)
    const world = makeWorld(random, names, quiet)
    const watchers = addWatchers(world, random)
    const client = world.addClient()
    client.connect(random.pick(world.nodes))
    world.run(1_000)
    for (let i = 0; i < 10; i++) {
      if (random.chance(0.5)) client.change(i)
      client.drop(random.between(0, 6_000))
      world.run(random.between(0, 2_000))
      client.connect(random.pick(world.nodes))
      world.run(random.between(300, 20_000))
      for (const each of watchers) expect(each.sees(), `round ${round}`).toContain(client.id)
    }
    for (const each of watchers) expect(each.lost, `round ${round}`).toEqual([])
  }
})

test('[yjs 15.7] who returns after its removal is visible to all at once, and its changes count', () => {
  for (const round of worlds) {
    const random = makeRandom(round)
    const world = makeWorld(random, names, quiet)
    const watchers = addWatchers(world, random)
    const client = world.addClient()
    client.connect(random.pick(world.nodes))
    for (let i = 0; i < 6; i++) {
      world.run(random.between(300, 5_000))
      client.drop(random.between(0, 1_000))
      world.run(3_800)
      for (const each of watchers) expect(each.sees(), `round ${round}`).not.toContain(client.id)
      client.connect(random.pick(world.nodes))
      if (random.chance(0.5)) world.run(random.between(0, 300))
      client.change(i)
      world.run(400)
      for (const each of watchers) {
        expect(each.awareness.getStates().get(client.id), `round ${round}`).toEqual({ n: i })
      }
    }
  }
})

test('[yjs 15.17] the clients of a killed node vanish everywhere, or appear where they go', () => {
  for (const round of worlds) {
    const random = makeRandom(round)
    const world = makeWorld(random, names, quiet)
    const watchers = addWatchers(world, random).slice(1)
    const [staying, moving] = [world.addClient(), world.addClient()]
    for (const each of [staying, moving]) each.connect(world.nodes[0]!)
    world.run(2_000)
    world.nodes[0]!.isAlive = false
    moving.drop(0)
    world.run(random.between(100, 1_000))
    moving.connect(world.nodes[1]!)
    world.run(random.between(0, 8_000))
    world.kill(world.nodes[0]!)
    world.run(3_000)
    for (const each of watchers) {
      expect(each.sees(), `round ${round}`).toContain(moving.id)
      expect(each.sees(), `round ${round}`).not.toContain(staying.id)
      expect(each.lost.map(({ id }) => id)).not.toContain(moving.id)
    }
  }
})

test('[yjs 15.7] whatever is lost between nodes, in the end all see exactly who is there', () => {
  for (const round of worlds) {
    const random = makeRandom(round)
    const faults = { loss: 0.3, duplicates: 0.3, delay: 2_000 }
    const world = makeWorld(random, names, faults)
    const clients = Array.from({ length: 6 }, () => world.addClient(random.chance(0.2)))
    for (let i = 0; i < 60; i++) {
      const client = random.pick(clients)
      if (!client.isConnected) client.connect(random.pick(world.nodes))
      else if (random.chance(0.5) && !client.isWatcher) client.change(i)
      else client.drop(random.between(0, 10_000))
      world.run(random.between(0, 4_000))
      if (random.chance(0.1)) world.follow(random.pick(world.nodes))
    }
    Object.assign(faults, { loss: 0, delay: 60 })
    world.run(62_000)
    const there = clients.filter((each) => each.isConnected)
    const expected = there.filter((each) => !each.isWatcher).map(({ id }) => id)
    for (const each of there) {
      expect(each.sees(), `round ${round}`).toEqual(expected.sort((a, b) => a - b))
    }
    for (const { table } of world.nodes) {
      const present = table.present({}).map(({ id }) => id)
      expect(
        present.sort((a, b) => a - b),
        `round ${round}`,
      ).toEqual(expected)
    }
  }
})
