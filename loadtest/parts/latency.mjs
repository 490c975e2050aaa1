/** One append at a time, taken in turns with the bare statement: what the road through a node adds. */
import { Redis } from 'ioredis'
import { joinDocument } from '../support/client.mjs'
import { fillDocument, NAIVE_APPEND } from '../support/database.mjs'
import { quantile, ratio } from '../support/figures.mjs'

const DATA = Buffer.alloc(100, 'a')
const MIB = 1024 * 1024
const BIG = { length: 64 * MIB, size: 1_024 }

/** The statement alone, through pg, on one connection. */
function makeStatement(client) {
  let turn = 0
  return async () => {
    const values = [1, turn * DATA.length, turn++, DATA]
    const { rowCount } = await client.query({ name: 'naive-append', text: NAIVE_APPEND, values })
    if (rowCount !== 1) throw new Error('the statement did not append')
  }
}

export async function lone({ client, nodes, naiveDocument, samples, say }) {
  const [node] = await nodes()
  await naiveDocument()
  const statement = makeStatement(client)
  const session = await joinDocument({ port: node.port, id: 'lone' })
  const seen = await inTurns(samples, { ours: () => session.append(), naive: statement })
  session.close()
  say(spread(seen))
  return [
    {
      name: 'latency of a lone append ÷ the bare statement through pg',
      ...ratio(seen.ours, seen.naive, 'ms'),
    },
  ]
}

export async function crossing({ client, place, nodes, naiveDocument, samples, say }) {
  const [near, far] = await nodes()
  await naiveDocument()
  const statement = makeStatement(client)
  const hop = await openHop(place.redisUrl)
  const writer = await joinDocument({ port: near.port, id: 'crossing' })
  const reader = await joinDocument({ port: far.port, id: 'crossing' })
  const seen = await inTurns(samples, {
    ours: async () => {
      const heard = reader.next()
      const answered = writer.append()
      await heard
      return answered
    },
    naive: async () => {
      await statement()
      await hop.there()
    },
  })
  writer.close()
  reader.close()
  hop.close()
  say(spread(seen))
  return [
    {
      name: "append → the other node's client ÷ bare statement + one Redis hop",
      ...ratio(seen.ours, seen.naive, 'ms'),
    },
  ]
}

export async function bigDocument({ client, nodes, samples, say }) {
  const [node] = await nodes()
  await fillDocument(client, 'big', BIG)
  const big = await joinDocument({ port: node.port, id: 'big', offset: BIG.length })
  const empty = await joinDocument({ port: node.port, id: 'empty' })
  const seen = await inTurns(samples, { ours: () => big.append(), naive: () => empty.append() })
  big.close()
  empty.close()
  say(spread(seen))
  return [
    {
      name: 'append to a document of 64 MiB ÷ to one that began empty',
      ...ratio(seen.ours, seen.naive, 'ms'),
      goal: { most: 1.2 },
    },
  ]
}

const WARM_UP = 20

/** Milliseconds of each, one after the other, so that both meet the same moments. */
async function inTurns(samples, work) {
  const names = Object.keys(work)
  const seen = Object.fromEntries(names.map((name) => [name, []]))
  for (let i = -WARM_UP; i < samples; i++) {
    for (const name of i % 2 === 0 ? names : names.toReversed()) {
      const began = performance.now()
      await work[name]()
      if (i >= 0) seen[name].push(performance.now() - began)
    }
  }
  return seen
}

const spread = (seen) =>
  Object.entries(seen).map(
    ([name, each]) =>
      `${name} p50 ${quantile(each, 0.5).toFixed(2)} ms, p99 ${quantile(each, 0.99).toFixed(2)} ms`,
  )

/** PUBLISH until the subscriber has it. */
async function openHop(redisUrl) {
  const channel = `lengthwise-bench-${process.pid}`
  const [publisher, subscriber] = [new Redis(redisUrl), new Redis(redisUrl)]
  let heard = () => undefined
  subscriber.on('messageBuffer', () => heard())
  await subscriber.subscribe(channel)
  return {
    async there() {
      const isHeard = new Promise((resolve) => (heard = resolve))
      await publisher.publish(channel, DATA)
      await isHeard
    },
    close() {
      publisher.disconnect()
      subscriber.disconnect()
    },
  }
}
