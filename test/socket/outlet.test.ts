import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { sleep, until } from '../support/wait.ts'
import { makeBed, makeSurface, type Spoken } from './support/bed.ts'

const MIB = 1024 * 1024

/** Sends until the outlet says that it is full, goes on when it has drained, up to `total` bytes. */
function makeStream(total: number) {
  const source = randomBytes(64 * 1024)
  let sent = 0
  let most = 0
  const pour = ({ connection: { outlet } }: Spoken): void => {
    while (sent < total && !outlet.isFull()) {
      outlet.send(source)
      sent += source.length
    }
    most = Math.max(most, sent)
  }
  return {
    pour,
    get sent() {
      return sent
    },
  }
}

test('[I6] an outlet is full while its client does not read, and drained when it has read', async () => {
  const stream = makeStream(40 * MIB)
  const surface = makeSurface({ onMessage: stream.pour, onDrained: stream.pour })
  await using bed = await makeBed({ surfaces: [surface] })
  const client = bed.client()
  await client.opened()
  client.ws.pause()
  client.ws.send('go')
  await until('it is full', () => surface.spoken[0]?.connection.outlet.isFull())
  const spoken = surface.spoken[0]!
  expect(spoken.drains).toBe(0)
  // What the kernel has taken, and no more than one message above the limit here.
  expect(stream.sent).toBeLessThan(20 * MIB)
  client.ws.resume()
  await until('everything has come', () => client.messages.length === 640)
  expect(spoken.drains).toBeGreaterThan(0)
  expect(client.isOpen).toBe(true)
})

test('[I6] nothing is dropped, however much is sent to an outlet that is full', async () => {
  const surface = makeSurface({
    onMessage: ({ connection: { outlet } }) => {
      for (let each = 0; each < 300; each += 1) outlet.send(Buffer.alloc(100_000, each))
    },
  })
  await using bed = await makeBed({ surfaces: [surface] })
  const client = bed.client()
  await client.opened()
  client.ws.pause()
  client.ws.send('go')
  await until('it is full', () => surface.spoken[0]?.connection.outlet.isFull())
  client.ws.resume()
  await until('everything has come', () => client.messages.length === 300)
  expect(client.messages.map((message) => message[0])).toEqual(
    Array.from({ length: 300 }, (_, each) => each % 256),
  )
})

test('end sends everything that waits before it closes, and counts as open until then', async () => {
  const surface = makeSurface({
    onMessage: ({ connection: { outlet } }) => {
      for (let each = 0; each < 200; each += 1) outlet.send(Buffer.alloc(100_000, each))
      outlet.end(4001, 'over')
      outlet.send(Buffer.from('too late'))
    },
  })
  await using bed = await makeBed({ surfaces: [surface] })
  const client = bed.client()
  await client.opened()
  client.ws.pause()
  client.ws.send('go')
  await until('the conversation is over', () => surface.spoken[0]?.closedTimes === 1)
  expect(bed.server.connections).toBe(1)
  client.ws.resume()
  expect(await client.closed()).toEqual({ code: 4001, reason: 'over' })
  expect(client.messages).toHaveLength(200)
  expect(surface.spoken[0]!.closedTimes).toBe(1)
  expect(bed.server.connections).toBe(0)
})

test('closed comes once, after end has returned, and the outlet may be used afterwards', async () => {
  const order: string[] = []
  const surface = makeSurface({
    onMessage: (spoken) => {
      const { outlet } = spoken.connection
      outlet.end(1008, 'no')
      order.push(`closed ${spoken.closedTimes}`)
      outlet.end(1008, 'again')
    },
  })
  await using bed = await makeBed({ surfaces: [surface] })
  const client = bed.client()
  await client.opened()
  client.ws.send('x')
  expect(await client.closed()).toEqual({ code: 1008, reason: 'no' })
  const [spoken] = surface.spoken
  await until('the conversation is over', () => spoken?.closedTimes === 1)
  expect(order).toEqual(['closed 0'])
  const { outlet } = spoken!.connection
  await until('the socket is gone', () => bed.server.connections === 0)
  outlet.send(Buffer.from('x'))
  outlet.cork(() => outlet.send(Buffer.from('x')))
  outlet.end(1000, '')
  expect(outlet.isFull()).toBe(false)
  expect(spoken!.closedTimes).toBe(1)
})

test('a connection that its surface ends while connecting is told so once', async () => {
  const surface = makeSurface({ onConnect: ({ connection }) => connection.outlet.end(1008, 'no') })
  await using bed = await makeBed({ surfaces: [surface] })
  expect(await bed.client().closed()).toEqual({ code: 1008, reason: 'no' })
  await until('the conversation is over', () => surface.spoken[0]?.closedTimes === 1)
})

test('an end within a cork closes after what the cork holds', async () => {
  const surface = makeSurface({
    onMessage: ({ connection: { outlet } }) =>
      setImmediate(() =>
        outlet.cork(() => {
          outlet.send(Buffer.from('one'))
          outlet.end(1012, 'é'.repeat(100))
          outlet.send(Buffer.from('two'))
        }),
      ),
  })
  await using bed = await makeBed({ surfaces: [surface] })
  const client = bed.client()
  await client.opened()
  client.ws.send('x')
  // A reason that is too long is cut to 123 bytes, and not within a character: a strict client would see 1007.
  expect(await client.closed()).toEqual({ code: 1012, reason: 'é'.repeat(61) })
  expect(client.messages.map(String)).toEqual(['one'])
})

test('an end within a cork closes the TCP connection too, without waiting for the client', async () => {
  const surface = makeSurface({
    onMessage: ({ connection: { outlet } }) =>
      setImmediate(() => outlet.cork(() => outlet.end(1012, 'restart'))),
  })
  await using bed = await makeBed({ surfaces: [surface] })
  const socket = await bed.raw()
  let hasEnded = false
  socket.on('end', () => (hasEnded = true))
  socket.resume()
  socket.write(Buffer.from([0x82, 0x80, 0, 0, 0, 0]))
  await until('the server ends it', () => hasEnded, { withinMs: 2_000 })
})

test('what is sent within a cork leaves as one write', async () => {
  const surface = makeSurface({
    onMessage: ({ connection: { outlet } }) =>
      setImmediate(() =>
        outlet.cork(() => {
          for (let each = 0; each < 50; each += 1) outlet.send(Buffer.from('part'))
        }),
      ),
  })
  await using bed = await makeBed({ surfaces: [surface] })
  const socket = await bed.raw()
  const reads: number[] = []
  socket.on('data', (chunk) => reads.push(chunk.length))
  socket.write(Buffer.from([0x82, 0x80, 0, 0, 0, 0])) // an empty message
  await until('all has come', () => reads.reduce((sum, size) => sum + size, 0) === 50 * 6)
  expect(reads).toHaveLength(1)
})

test('[I6] a client that pings and never reads the pongs is cut', async () => {
  const surface = makeSurface({
    onMessage: ({ connection: { outlet } }) => {
      // More than kernels take.
      for (let each = 0; each < 300; each += 1) outlet.send(Buffer.alloc(100_000))
    },
  })
  await using bed = await makeBed({ surfaces: [surface] })
  const [socket, other] = [await bed.raw(), bed.client()]
  socket.pause()
  socket.write(Buffer.from([0x82, 0x80, 0, 0, 0, 0]))
  await until('it is full', () => surface.spoken[0]?.connection.outlet.isFull())
  const ping = Buffer.concat([Buffer.from([0x89, 0xfd, 0, 0, 0, 0]), Buffer.alloc(125)])
  for (let each = 0; each < 1_100; each += 1) socket.write(ping)
  await until('it is cut', () => surface.spoken[0]?.closedTimes === 1)
  expect(bed.hit).toEqual(['MAX_MESSAGES'])
  await other.opened()
})

test('the client may close, and hears its own code', async () => {
  await using bed = await makeBed()
  const client = bed.client()
  await client.opened()
  client.ws.close(4001, 'mine')
  expect((await client.closed()).code).toBe(4001)
  await sleep(0)
  expect(bed.server.connections).toBe(0)
})
