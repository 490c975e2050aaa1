/** The client on real nodes: what it is made for. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { makeDatabase } from '../support/databases.ts'
import type { Database } from '../support/databases.ts'
import { makeNode } from '../support/nodes.ts'
import type { TestNode } from '../support/nodes.ts'
import { freePort } from '../support/ports.ts'
import { seededRandom } from '../support/random.ts'
import type { Random } from '../support/random.ts'
import { sleep, until } from '../support/wait.ts'
import { encode, join } from './support.ts'
import type { TestClient } from './support.ts'

const { databaseUrl, redisUrl, redisPrefix } = inject('services')
const KILLS = 5
const USER = 'manager'
const PASSWORD = 'a password for tests'

/** Nodes that come back at the address they had. */
async function startNode(database: Database, name: string): Promise<TestNode> {
  const env = {
    PORT: String(await freePort()),
    ZWIBBLER_SECRET_USER: USER,
    ZWIBBLER_SECRET_PASSWORD: PASSWORD,
  }
  const redis = redisUrl === undefined ? {} : { redisUrl, redisPrefix }
  return await makeNode({ databaseUrl: database.url, ...redis, env, name })
}

async function manage(node: TestNode, fields: Record<string, string>): Promise<number> {
  const authorization = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`
  const body = new URLSearchParams(fields)
  const answer = await fetch(`${node.httpUrl}/socket`, {
    method: 'POST',
    headers: { authorization },
    body,
  })
  return answer.status
}

const lines = (text: string) => text.split('\n').slice(0, -1)
const expected = (name: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${name}${i}`)

/** Appends numbered lines until it is over. */
async function write(name: string, client: TestClient, random: Random, isOver: () => boolean) {
  const outcomes = []
  while (!isOver()) {
    outcomes.push(client.append(`${name}${outcomes.length}\n`))
    await sleep(random.between(0, 60))
  }
  return await Promise.all(outcomes)
}

describe('the client', () => {
  let database: Database
  let nodes: TestNode[]
  beforeAll(async () => {
    database = await makeDatabase(databaseUrl)
    nodes = [await startNode(database, 'A')]
    // Without Redis a second node would only hear of the first one's appends by its sweep.
    if (redisUrl !== undefined) nodes.push(await startNode(database, 'B'))
  })
  afterAll(async () => {
    for (const node of nodes) await node[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
  })

  test('[I1] [I2] nodes that are killed and drained: every change exactly once, all equal', async () => {
    const random = seededRandom('client on nodes')
    const urls = nodes.map(({ url }) => url)
    const names = ['a', 'b', 'c']
    const clients = names.map((_, i) =>
      join(
        { url: urls[i % urls.length]! },
        { document: 'killed', backoff: { minMs: 20, maxMs: 300 } },
      ),
    )
    let kills = 0
    const writing = Promise.all(
      clients.map((client, i) => write(names[i]!, client, random.fork(), () => kills === KILLS)),
    )
    while (kills < KILLS) {
      const node = random.pick(nodes)
      if (kills % 3 === 2) await node.stop()
      else await node.kill()
      await node.start()
      await sleep(random.between(200, 800))
      kills += 1
    }
    const outcomes = await writing
    expect(outcomes.flat().filter(({ kind }) => kind !== 'stored')).toEqual([])
    await until('all are equal', () => clients.every(({ text }) => text === clients[0]!.text))
    const each = names.map((name, i) => expected(name, outcomes[i]!.length))
    expect(lines(clients[0]!.text).sort()).toEqual(each.flat().sort())
    clients.forEach((client, i) => expect(lines(client.ownText)).toEqual(each[i]))
    for (const client of clients) client.connection.close()
  }, 120_000)

  test('[zwibbler 7] a document that was deleted and made again, longer, resets the client', async () => {
    const [node] = nodes as [TestNode]
    using ann = join(node, { document: 'again' })
    await ann.append('old')
    expect(ann.connection.epoch).toBeGreaterThan(0)
    ann.connection.suspend()
    const outcome = ann.append(' and more')
    await until('deleted', async () => {
      await manage(node, { method: 'deleteDocument', documentID: 'again' })
      return (await manage(node, { method: 'checkDocument', documentID: 'again' })) === 404
    })
    using bob = join(node, { document: 'again' })
    await bob.append('another one, and longer')
    ann.connection.resume()
    expect(await outcome).toEqual({ kind: 'reset' })
    await until('the other one', () => ann.text === 'another one, and longer')
    expect(ann.connection.epoch).toBe(bob.connection.epoch)
  })

  test('[zwibbler 12] who may only read is told so, and still hears the others', async () => {
    const [node] = nodes as [TestNode]
    const token = { token: 'reader', documentID: 'read', userID: 'u', permissions: 'r' }
    const expiration = new Date(Date.now() + 3_600_000).toUTCString()
    using bob = join(node, { document: 'read' })
    await bob.append('text')
    expect(await manage(node, { method: 'addToken', ...token, expiration })).toBe(200)
    using ann = join(node, { document: 'reader' })
    expect(await ann.append('no')).toEqual({ kind: 'denied' })
    await bob.append(' more')
    await until('ann reads on', () => ann.text === 'text more')
  })

  test('an append over the limit is given up, and the next one is stored', async () => {
    const [node] = nodes as [TestNode]
    using ann = join(node, { document: 'large' })
    const tooLarge = await ann.connection.append(new Uint8Array(17 * 2 ** 20))
    expect(tooLarge).toEqual({ kind: 'too-large' })
    expect((await ann.append('small')).kind).toBe('stored')
  })

  test('[zwibbler 3] 10 MiB go and come in parts', async () => {
    const [node] = nodes as [TestNode]
    const big = encode('0123456789abcdef'.repeat(2 ** 16 * 10))
    using ann = join(node, { document: 'big' })
    using bob = join(node, { document: 'big' })
    expect(await ann.connection.append(big)).toMatchObject({ kind: 'stored', length: big.length })
    await until('bob has it', () => bob.connection.length === big.length)
    using cat = join(node, { document: 'big' })
    await until('cat has it', () => cat.connection.length === big.length)
    expect(cat.text === bob.text).toBe(true)
  })

  test('probes of a silent connection are refused out of memory: they cost no statement', async () => {
    const [node] = nodes as [TestNode]
    using ann = join(node, { document: 'silent', heartbeatMs: 50, answerMs: 2_000 })
    await ann.append('x')
    const before = await node.metrics()
    const rise = async (name: string, labels = {}) =>
      (await node.metrics()).of(name, labels) - before.of(name, labels)
    const probes = () => rise('appends_total', { outcome: 'checked' })
    await until('three probes', async () => (await probes()) >= 3)
    expect(await rise('appends_total', { outcome: 'conflict_memory' })).toBe(0)
    expect(await rise('append_statements_total')).toBe(0)
    expect(ann.connection.counters).toEqual({ joins: 1, conflicts: 0, rebases: 0 })
    expect((await node.document('zwibbler/silent'))?.length).toBe(1)
  })

  test('[zwibbler 9] keys: shared values, increments without a loss, and an owner who leaves', async () => {
    const [node] = nodes as [TestNode]
    const clients = [node, nodes.at(-1)!, node].map(({ url }) =>
      join({ url }, { document: 'keys' }),
    )
    await Promise.all(clients.map(({ connection }) => connection.joined()))
    const [ann, bob, cat] = clients as [TestClient, TestClient, TestClient]
    const increment = (client: TestClient) =>
      client.connection.keys.update('count', 'document', (present) =>
        encode(String(Number(present ? Buffer.from(present.value).toString() : 0) + 1)),
      )
    const outcomes = await Promise.all([1, 2, 3, 4, 5].flatMap(() => clients.map(increment)))
    expect(outcomes.every(({ kind }) => kind === 'stored')).toBe(true)
    await until('15', () => clients.every(({ keys }) => keys.get('count') === '15'))
    for (let i = 0; i <= 30; i++) ann.connection.keys.share('pointer/ann', encode(String(i)))
    await until('bob and cat see where ann points', () =>
      [bob, cat].every(({ keys }) => keys.get('pointer/ann') === '30'),
    )
    ann.connection.close()
    await until('ann has left', () =>
      [bob, cat].every(({ keys }) => keys.get('pointer/ann') === ''),
    )
    for (const client of clients) client.connection.close()
  })
})
