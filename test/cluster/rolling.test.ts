import { expect, inject, test } from 'vitest'
import { join } from '../client/support.ts'
import { startBalancer } from '../support/balancer.ts'
import { makeCluster } from '../support/cluster.ts'
import { checkHistory } from '../support/history.ts'
import { seededRandom } from '../support/random.ts'
import { isLarge } from '../support/scale.ts'
import { sleep, until } from '../support/wait.ts'
import { startWorkload } from '../support/workload.ts'
import { connectYjs, roomsOf } from '../support/yjs.ts'
import { areEqual, makePeer } from '../support/yjsPeers.ts'
import { connectZwibbler } from '../support/zwibbler.ts'

const { redisUrl = '' } = inject('services')
const env = {
  DRAIN_NOTICE_MS: '1500',
  DRAIN_MS: isLarge ? '10000' : '1500',
  LEASE_MS: '3000',
}
const ROOMS = isLarge ? 20 : 2
const PEERS = isLarge ? 5 : 3
const ROUNDS = isLarge ? 3 : 1

test.skipIf(redisUrl === '')(
  '[I1] [I2] [I3] [I4] [I8] nodes are replaced one after the other behind a load balancer: every client reconnects at most once a step, nothing is lost or doubled, and everybody sees everybody',
  { timeout: 240_000 },
  async () => {
    const random = seededRandom('rolling')
    await using cluster = await makeCluster(3, { env })
    await using balancer = await startBalancer(cluster.nodes)
    const everywhere = { name: 'balancer', url: balancer.url, isRunning: true }
    const workload = startWorkload({
      ...{ nodes: [everywhere], databaseUrl: cluster.databaseUrl, random },
      ...{ documents: ['alpha', 'beta'], visitors: 0 },
    })
    const rooms = `${balancer.httpUrl.replace('http', 'ws')}/yjs`
    const people = Array.from({ length: ROOMS * PEERS }, (_, i) =>
      makePeer(rooms, `rolling-${i % ROOMS}`, { state: { name: `peer ${i}` } }),
    )
    const ours = Array.from({ length: 3 }, () => join(balancer, { document: 'ours' }))
    await Promise.all(people.map((peer) => peer.synced()))
    const isWriting = new AbortController()
    const typed = people.map(({ text }, i) => type(`${i}`, (tag) => text.insert(0, tag)))
    const appended = ours.map((client, i) =>
      type(`o${i}`, async (tag) => {
        const { kind } = await client.append(tag)
        if (kind !== 'stored') throw new Error(`not stored: ${kind}`)
      }),
    )

    async function type(name: string, write: (tag: string) => unknown): Promise<string[]> {
      const tags: string[] = []
      while (!isWriting.signal.aborted) {
        const tag = `<${name}.${tags.length}>`
        tags.push(tag)
        await write(tag)
        await sleep(random.between(20, 120))
      }
      return tags
    }

    let steps = 0
    for (const node of Array.from({ length: ROUNDS }, () => cluster.nodes).flat()) {
      const before = workload.acknowledged()
      await until('appends go on', () => workload.acknowledged() > before + 20)
      const stopping = node.stop()
      await until('it is not ready', async () => !(await node.ready()).ready, { everyMs: 5 })
      await using late = await connectZwibbler(node.url, 'late').joined()
      expect((await late.append(`late ${steps}`)).kind).toBe('stored')
      expect(await stopping).toBe(0)
      expect(await late.closed).toBe(1012)
      await node.start()
      await until('it is taken again', () => balancer.ready().includes(node))
      steps++
    }
    isWriting.abort()
    const [tags, ownTags] = [await Promise.all(typed), await Promise.all(appended)]

    // Presence and awareness first: they have to be right by themselves, not after a while.
    const mates = (room: number) => people.filter((_, i) => i % ROOMS === room)
    for (let room = 0; room < ROOMS; room++) {
      const ids = mates(room).map(({ doc }) => doc.clientID)
      for (const peer of mates(room)) for (const id of ids) await peer.sees(id, true)
      for (const { provider } of mates(room))
        expect([...provider.awareness.getStates().keys()].sort()).toEqual([...ids].sort())
      await until('the list has everybody once', async () => {
        const info = await cluster.nodes[0]!.document(`yjs/rolling-${room}`)
        return info?.sessions.reduce((sum, { sessions }) => sum + sessions, 0) === ids.length
      })
    }
    for (let room = 0; room < ROOMS; room++) {
      const docs = mates(room).map(({ doc }) => doc)
      await until('all are equal', () => areEqual(docs))
      const text = docs[0]!.getText('t').toJSON()
      const wanted = tags.filter((_, i) => i % ROOMS === room).flat()
      expect(wanted.filter((tag) => text.split(tag).length !== 2)).toEqual([])
      // What a page that is opened now is given.
      await using fresh = await connectYjs(roomsOf(cluster.nodes[0]!), `rolling-${room}`).opened()
      await fresh.asks()
      expect(fresh.doc().getText('t').toJSON()).toBe(text)
    }
    await until('ours are equal', () => ours.every(({ text }) => text === ours[0]!.text))
    expect(ownTags.flat().filter((tag) => ours[0]!.text.split(tag).length !== 2)).toEqual([])
    const history = await workload.finish()
    expect(checkHistory(history)).toEqual([])

    const opens = people.map(({ traffic }) => traffic.opens)
    const joins = ours.map(({ statuses }) => statuses.filter((each) => each === 'joined').length)
    const visits = new Map<string, number>()
    for (const { document, reader } of history.streams)
      visits.set(`${document} ${reader}`, (visits.get(`${document} ${reader}`) ?? 0) + 1)
    console.log(
      `${balancer.refused} refused at the balancer, connections:`,
      opens.join(' '),
      '|',
      joins.join(' '),
      '|',
      ...visits.values(),
    )
    for (const times of [...opens, ...joins, ...visits.values()])
      expect(times).toBeLessThanOrEqual(1 + steps)
    const codes = people.flatMap(({ traffic }) => traffic.closes)
    expect(new Set(codes)).toEqual(new Set([1012]))
    for (const client of ours) client.connection.close()
    for (const peer of people) await peer[Symbol.asyncDispose]()
  },
)
