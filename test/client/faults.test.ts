/** Clients against a server that fails them at random: every change exactly once, and all of them equal. */
import { expect, test } from 'vitest'
import type { AppendOutcome } from '../../src/client/index.ts'
import { makeRandom, seededRandom } from '../support/random.ts'
import type { Random } from '../support/random.ts'
import { sleep, until } from '../support/wait.ts'
import { decode, encode, join, makeTinyServer } from './support.ts'
import type { TinyServer } from './support.ts'

const CHANGES = 60

/**
 * Drops connections before and after commits, lets appends commit while their author is back already, and lets refusals be
 * overtaken by what was stored after them.
 */
function misbehave(server: TinyServer, random: Random): void {
  server.fault = (message) => {
    if (message.type === 'init') return random.chance(0.05) ? 'drop' : 'none'
    const roll = random.next()
    if (roll < 0.08) return 'drop'
    if (roll < 0.16) return 'drop after'
    if (roll < 0.24) return 'commit late'
    return roll < 0.5 ? 'refuse late' : 'none'
  }
}

/** A client whose hook checks that each change is shown exactly what others appended since it was made or last rebased. */
function makeWriter(server: TinyServer, random: Random) {
  let foreign = ''
  const known = new Map<string, number>()
  const client = join(server, {
    maxBatchBytes: random.pick([1, 300, 5_000]),
    maxFrameBytes: random.pick([64, 200, 65_536]),
    rebase: (change, missed) => {
      const id = decode(change).split(':')[0]!
      expect(decode(missed)).toBe(foreign.slice(known.get(id)))
      known.set(id, foreign.length)
      return change
    },
  })
  client.connection.on('data', ({ bytes, own }) => {
    if (!own) foreign += decode(bytes)
  })
  const append = (id: string, line: string) => {
    known.set(id, foreign.length)
    return client.append(`${id}:${line}\n`)
  }
  return { client, connection: client.connection, append }
}
type Writer = ReturnType<typeof makeWriter>

/** Appends lines of random length, each with an id. */
async function write(name: string, client: Writer, random: Random): Promise<AppendOutcome[]> {
  const outcomes: Promise<AppendOutcome>[] = []
  for (let i = 0; i < CHANGES; i++) {
    outcomes.push(client.append(`${name}${i}`, '#'.repeat(random.between(0, 200))))
    if (random.chance(0.5)) await sleep(random.between(0, 6))
    if (random.chance(0.03)) client.connection.suspend()
    if (random.chance(0.3)) client.connection.resume()
  }
  client.connection.resume()
  return Promise.all(outcomes)
}

const ids = (text: string) => text.split('\n').map((line) => line.split(':')[0])
const expectedIds = (names: string[]) =>
  names.flatMap((name) => Array.from({ length: CHANGES }, (_, i) => `${name}${i}`))

async function run(random: Random, isOriginal: boolean): Promise<TinyServer> {
  await using server = await makeTinyServer()
  server.isOriginal = isOriginal
  server.largestFrame = random.pick([64, 500, 102_400])
  misbehave(server, random.fork())
  const names = ['a', 'b', 'c']
  const all = names.map(() => makeWriter(server, random.fork()))
  const clients = all.map(({ client }) => client)
  const writers = all.map((writer, i) => write(names[i]!, writer, random.fork()))
  const outcomes = await Promise.all(writers)
  server.fault = () => 'none'
  await until('all are equal', () => clients.every((client) => client.text === server.text('doc')))
  const text = server.text('doc')
  expect(outcomes.flat().filter(({ kind }) => kind !== 'stored')).toEqual([])
  expect(ids(text).slice(0, -1).sort()).toEqual(expectedIds(names).sort())
  clients.forEach((client, i) => {
    const name = names[i]!
    // In the order they were made, each at the place its outcome says, and nobody else's taken for own.
    expect(ids(client.ownText).slice(0, -1)).toEqual(expectedIds([name]))
    outcomes[i]!.forEach((outcome, n) => {
      if (outcome.kind !== 'stored') throw new Error(`${name}${n} was ${outcome.kind}`)
      const stored = decode(server.bytes('doc').slice(outcome.offset, outcome.length))
      expect(stored.split(':')[0]).toBe(`${name}${n}`)
    })
    client.connection.close()
  })
  return server
}

test('[I1] [I2] random conflicts and cuts before and after commits: every change exactly once, all equal', async () => {
  const random = seededRandom('client faults')
  const faults = new Map<string, number>()
  for (let round = 0; round < 8; round++) {
    const server = await run(makeRandom(random.between(0, 2 ** 32)), round % 2 === 1)
    for (const [name, times] of server.faults) faults.set(name, (faults.get(name) ?? 0) + times)
  }
  // The faults really happened.
  for (const name of ['drop', 'drop after', 'commit late', 'refuse late']) {
    expect(faults.get(name), name).toBeGreaterThan(10)
  }
}, 120_000)

test('changes with a hook that numbers them by what was stored before end up numbered without a gap', async () => {
  const random = seededRandom('client numbering')
  await using server = await makeTinyServer()
  misbehave(server, random.fork())
  const numbered = /(\d+),/g
  const count = (bytes: Uint8Array) => decode(bytes).match(numbered)?.length ?? 0
  const clients = [0, 1, 2].map(() => {
    const client = join(server, {
      maxBatchBytes: 1,
      // Tells two clients' equal numbers apart, as every change must be.
      rebase: (change, missed) => {
        const [tag, number] = decode(change).split('#') as [string, string]
        return encode(`${tag}#${Number.parseInt(number) + count(missed)},`)
      },
    })
    return client
  })
  await Promise.all(
    clients.map(async (client, i) => {
      for (let n = 0; n < 20; n++) {
        // Made with everything delivered so far known, and none of our own waiting.
        await client.append(`${i}.${n}#${client.text.match(numbered)?.length ?? 0},`)
      }
    }),
  )
  const numbers = [...server.text('doc').matchAll(/#(\d+),/g)].map((match) => Number(match[1]))
  expect(numbers).toEqual(Array.from({ length: 60 }, (_, i) => i))
  for (const client of clients) client.connection.close()
}, 60_000)
