/** What a delivery costs the node that makes it: 1,000 sockets on one document whose writer is on another node. */
import { joinDocument } from '../support/client.mjs'
import { ratio } from '../support/figures.mjs'
import { cpuSecondsAt, startHelper } from '../support/process.mjs'
import { APPEND_HEAD, frameOf, openSocket } from '../support/wire.mjs'

const READERS = 1_000
const SIZE = 100
const EVERY_MS = 10

export async function fanOut({ nodes, rounds, seconds, say }) {
  const [near, far] = await nodes()
  const sides = {
    ours: await openOurs(near, far),
    naive: await openBare(),
  }
  try {
    const seen = { ours: [], naive: [] }
    for (const side of Object.values(sides)) await deliver(side, 1)
    for (let round = 0; round < rounds; round++) {
      for (const [name, side] of Object.entries(sides))
        seen[name].push(await deliver(side, seconds))
      say(Object.entries(seen).map(([name, each]) => `${name} ${each.at(-1).toFixed(2)} µs`))
    }
    return [
      {
        name: 'server CPU per delivery, Redis hop included ÷ bare uWebSockets.js publish',
        ...ratio(seen.ours, seen.naive, 'µs'),
        goal: { most: 1.4 },
      },
    ]
  } finally {
    for (const side of Object.values(sides)) await side.stop()
  }
}

/** @returns microseconds of the server's CPU for each message that a socket got */
async function deliver(side, seconds) {
  const before = await side.cpuSeconds()
  const messages = Math.round((seconds * 1000) / EVERY_MS)
  const began = performance.now()
  for (let i = 0; i < messages; i++) {
    const early = began + i * EVERY_MS - performance.now()
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early))
    await side.send()
  }
  side.sent += messages
  await side.listeners.ask({ hear: side.sent * READERS * SIZE })
  return (((await side.cpuSeconds()) - before) * 1e6) / (messages * READERS)
}

async function openOurs(near, far) {
  const listeners = startHelper('listeners')
  const writer = await joinDocument({ port: near.port, id: 'fan-out', size: SIZE })
  const ids = Array.from({ length: READERS }, () => 'fan-out')
  await listeners.ask({ open: { port: far.port, ids } })
  return {
    ...{ listeners, sent: 0, cpuSeconds: far.cpuSeconds },
    send: () => writer.append(),
    async stop() {
      writer.close()
      await listeners.stop()
    },
  }
}

/** Messages of the same size, straight to the server that publishes them. */
async function openBare() {
  const listeners = startHelper('listeners')
  const server = startHelper('bare')
  const { port } = await server.ask({})
  const writer = await openSocket({
    ...{ port, path: '/writer' },
    onMessage: () => undefined,
    onEnd: () => undefined,
  })
  await listeners.ask({ open: { port, path: '/reader', ids: Array(READERS).fill(null) } })
  const frame = frameOf(Buffer.alloc(APPEND_HEAD + SIZE))
  return {
    ...{ listeners, sent: 0, cpuSeconds: () => cpuSecondsAt(port) },
    send: () => writer.write(frame),
    async stop() {
      writer.destroy()
      await listeners.stop()
      await server.stop()
    },
  }
}
