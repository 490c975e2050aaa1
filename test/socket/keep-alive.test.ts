/** Deadlines shortened to the shortest that uWebSockets can judge; the tests of this file wait side by side. */
import { expect, test } from 'vitest'
import { sleep, until } from '../support/wait.ts'
import { makeBed, makeSurface, type Spoken } from './support/bed.ts'

const limits = { pingMs: 1_000, deadMs: 4_000 }
/** Two deadlines, plus what the coarse timer may be late by. */
const LONG_MS = 13_000
const MIB = 1024 * 1024

const pour =
  (total: number) =>
  ({ connection: { outlet } }: Spoken): void => {
    for (let sent = 0; sent < total; sent += MIB) outlet.send(Buffer.alloc(MIB))
  }

test.concurrent('an idle client that answers pings is kept', async () => {
  await using bed = await makeBed({ limits })
  const client = bed.client()
  await client.opened()
  await sleep(LONG_MS)
  expect(client.isOpen).toBe(true)
  expect(client.pings).toBeGreaterThanOrEqual(8)
  expect(client.pings).toBeLessThanOrEqual(14)
})

test.concurrent(
  '[zwibbler 18.18] a half-open client, of which nothing comes any more, is cut',
  async () => {
    const surface = makeSurface()
    await using bed = await makeBed({ surfaces: [surface], limits })
    const [socket, living] = [await bed.raw(), bed.client()]
    socket.resume() // it reads, and answers nothing
    await until('it is cut', () => surface.spoken[0]?.closedTimes === 1, { withinMs: 10_000 })
    await living.opened()
    expect(surface.spoken).toHaveLength(2)
  },
)

test.concurrent(
  'a frozen client, which reads nothing, is cut, and what waited for it is let go',
  async () => {
    const surface = makeSurface({ onMessage: pour(30 * MIB) })
    await using bed = await makeBed({ surfaces: [surface], limits })
    const client = bed.client()
    await client.opened()
    client.ws.send('go')
    client.ws.pause()
    const started = performance.now()
    await until('it is cut', () => surface.spoken[0]?.closedTimes === 1, { withinMs: LONG_MS })
    expect(performance.now() - started).toBeGreaterThan(3_500)
    expect(bed.server.connections).toBe(0)
  },
)

test.concurrent('[I6] a slow client, which reads a little now and then, is never cut', async () => {
  const surface = makeSurface({ onMessage: pour(60 * MIB) })
  await using bed = await makeBed({ surfaces: [surface], limits })
  // By hand: it answers no ping, so that only its reading says that it lives.
  const socket = await bed.raw()
  let read = 0
  socket.on('data', (chunk: Buffer) => {
    read += chunk.length
    socket.pause()
    setTimeout(() => socket.resume(), 20)
  })
  socket.write(Buffer.from([0x82, 0x80, 0, 0, 0, 0]))
  await sleep(LONG_MS)
  expect(surface.spoken[0]!.connection.outlet.isFull()).toBe(true)
  expect(surface.spoken[0]!.closedTimes).toBe(0)
  expect(read).toBeLessThan(60 * MIB)
  expect(bed.server.connections).toBe(1)
})

test.concurrent('a client that takes long to send one message is never cut', async () => {
  const surface = makeSurface({ onMessage: () => undefined })
  await using bed = await makeBed({ surfaces: [surface], limits })
  const socket = await bed.raw()
  socket.resume()
  socket.write(Buffer.from([0x82, 0x80 | 100, 0, 0, 0, 0])) // 100 bytes follow
  for (let sent = 0; sent < 100; sent += 10) {
    await sleep(LONG_MS / 10)
    socket.write(Buffer.alloc(10))
  }
  await until('the message is there', () => surface.spoken[0]?.messages[0]?.length === 100)
})

test.concurrent(
  'a client that is told to end and does not read is cut, although it talks on',
  async () => {
    const surface = makeSurface({
      onMessage: (spoken) => {
        pour(30 * MIB)(spoken)
        spoken.connection.outlet.end(1013, 'enough')
      },
    })
    await using bed = await makeBed({ surfaces: [surface], limits })
    const socket = await bed.raw()
    socket.pause()
    const talking = setInterval(() => socket.write(Buffer.from([0x82, 0x80, 0, 0, 0, 0])), 500)
    await until('it was told', () => surface.spoken[0]?.closedTimes === 1)
    expect(bed.server.connections).toBe(1)
    await until('it is cut', () => bed.server.connections === 0, { withinMs: LONG_MS })
    clearInterval(talking)
  },
)
