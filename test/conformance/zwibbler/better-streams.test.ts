/** Spec 18, "lost or reordered updates": what the reference server gets wrong now and then, against two real nodes. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { Cluster } from '../../support/cluster.ts'
import { makeCluster } from '../../support/cluster.ts'
import { withClient } from '../../support/databases.ts'
import { readStored, storedId } from '../../support/stored.ts'
import { until } from '../../support/wait.ts'
import { connectZwibbler } from '../../support/zwibbler.ts'
import type { ZwibblerClient } from '../../support/zwibbler.ts'
import { addToken, connectTogether, errorOf, manage, outcomeOf, secrets } from './support.ts'

const { redisUrl } = inject('services')
const JOINERS = 150
const WAVE = 10
const WRITERS = 6
const APPENDS = 600
const ROUNDS = 30

let cluster: Cluster
beforeAll(async () => {
  cluster = await makeCluster(2, { env: secrets })
})
afterAll(() => cluster[Symbol.asyncDispose]())

const versionOf = (index: number) => (index % 3 === 0 ? 2 : 3)
const connect = (index: number, document: string) =>
  connectZwibbler(cluster.nodes[index % 2]!.url, document, { version: versionOf(index) })

/** Everybody has every byte, in order; their streams were checked as they came. */
async function allHave(clients: readonly ZwibblerClient[], document: string): Promise<string> {
  const stored = Buffer.from(await readStored(cluster.databaseUrl, document)).toString()
  await until('everybody has it all', () =>
    clients.every(({ position }) => position >= stored.length),
  )
  for (const client of clients) {
    expect(client.text()).toBe(stored)
    await client[Symbol.asyncDispose]()
  }
  return stored
}

test.skipIf(!redisUrl)(
  `[zwibbler 18.1] of ${JOINERS} who join while somebody writes, on both nodes, none has a gap or a double`,
  async () => {
    const writer = await connect(0, 'busy').joined()
    let isOver = false
    let appends = 0
    const write = async () => {
      while (!isOver) expect((await writer.append(`<${appends++}>`)).kind).toBe('stored')
    }
    // Several unanswered at a time: there is an append in every moment of a join.
    const writing = Promise.all(Array.from({ length: 8 }, write))
    const joiners: ZwibblerClient[] = []
    for (let i = 0; i < JOINERS; i += WAVE) {
      const before = appends
      const some = Array.from({ length: WAVE }, (_, k) => connect(i + k, 'busy'))
      joiners.push(...(await Promise.all(some.map((client) => client.joined()))))
      await until('it goes on', () => appends > before + WAVE)
    }
    isOver = true
    await writing
    await allHave([writer, ...joiners], 'busy')
  },
)

test.skipIf(!redisUrl)(
  `[zwibbler 18.2] ${WRITERS} writers retry from the length of the refusal: no acknowledgement is ahead of its data`,
  async () => {
    const readers = [0, 1].map((node) => connect(node, 'contended'))
    const writers = Array.from({ length: WRITERS }, (_, i) => connect(i, 'contended'))
    await Promise.all([...readers, ...writers].map((client) => client.joined()))
    let stored = 0
    let refused = 0
    const work = writers.map(async (writer, who) => {
      for (let offset = 0; stored < APPENDS;) {
        const answer = await writer.append(`<${who}.${stored}>`, offset)
        if (answer.kind === 'unanswered') throw new Error('the connection ended')
        if (answer.kind === 'stored') stored++
        else refused++
        offset = answer.length
      }
    })
    await Promise.all(work)
    expect(refused).toBeGreaterThan(APPENDS / 10)
    const text = await allHave([...readers, ...writers], 'contended')
    expect(text.split('<')).toHaveLength(stored + 1)
  },
)

test.skipIf(!redisUrl)(
  '[zwibbler 18.5] of two who may create a document at one moment, one does and the other joins it',
  async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const document = `may ${round}`
      const texts = ['the first', 'and another']
      const clients = await connectTogether(
        document,
        cluster.nodes.map((node, i) => ({ node, options: { initial: Buffer.from(texts[i]!) } })),
      )
      expect(await Promise.all(clients.map(outcomeOf))).toEqual(['in', 'in'])
      const text = Buffer.from(await readStored(cluster.databaseUrl, document)).toString()
      const winner = texts.indexOf(text)
      // Its creator is only told the length; the other one's own data is ignored.
      expect(clients[winner]?.received[0]).toMatchObject({ offset: text.length, data: Buffer.of() })
      expect(clients[1 - winner]?.text()).toBe(text)
      for (const client of clients) await client.close()
    }
  },
)

test.skipIf(!redisUrl)(
  '[zwibbler 18.5] of two who must create a document at one moment, one does and the other gets error 2',
  async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const document = `must ${round}`
      const texts = ['the first', 'and another']
      const clients = await connectTogether(
        document,
        cluster.nodes.map((node, i) => ({
          node,
          options: { mode: 2, initial: Buffer.from(texts[i]!) },
        })),
      )
      const outcomes = await Promise.all(clients.map(outcomeOf))
      expect(outcomes.toSorted()).toEqual(['2 already exists', 'in'])
      const stored = await readStored(cluster.databaseUrl, document)
      expect(Buffer.from(stored).toString()).toBe(texts[outcomes.indexOf('in')])
      for (const client of clients) await client.close()
    }
  },
)

test.each([3, 9, 255])(
  '[zwibbler 18.6] creation mode %i is refused and neither makes nor replaces a document',
  async (mode) => {
    const [node] = cluster.nodes as [Cluster['nodes'][number]]
    const document = `mode ${mode}`
    const check = () => manage(node, { method: 'checkDocument', documentID: document })
    const initial = Buffer.from('instead')
    const token = { token: `reader of ${document}`, documentID: document, permissions: 'r' }
    const tryAll = async () => {
      for (const id of [document, token.token]) {
        const client = connectZwibbler(node.url, id, { mode, initial })
        expect(await client.closed).toBe(1008)
        expect(errorOf(client)).toBe('0 unknown creation mode')
      }
    }
    expect((await addToken(node, token)).status).toBe(200)
    await tryAll()
    expect((await check()).status).toBe(404)
    const made = connectZwibbler(node.url, document, { initial: Buffer.from('what was there') })
    await (await made.joined()).close()
    await tryAll()
    const dump = await manage(node, { method: 'dumpDocument', documentID: document })
    expect(await dump.text()).toBe('what was there')
  },
)

test.skipIf(!redisUrl)(
  '[zwibbler 18.6] an append to a document that has vanished is error 1, and does not make it again',
  async () => {
    const clients = [connect(0, 'vanishing'), connect(1, 'vanishing')]
    for (const client of clients) await client.joined()
    await withClient(cluster.databaseUrl, (database) =>
      database.query('delete from documents where id = $1', [storedId('vanishing')]),
    )
    for (const client of clients) {
      void client.append('at its end', 0)
      await until('it is told', () => errorOf(client) === '1 does not exist')
      expect(client.received.filter(({ kind }) => kind === 'ack')).toEqual([])
    }
    const [node] = cluster.nodes as [Cluster['nodes'][number]]
    const found = await manage(node, { method: 'checkDocument', documentID: 'vanishing' })
    expect(found.status).toBe(404)
    for (const client of clients) await client.close()
  },
)
