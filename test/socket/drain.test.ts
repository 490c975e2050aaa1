import { Agent } from 'node:http'
import { expect, test } from 'vitest'
import { isListening } from '../support/ports.ts'
import { sleep, until } from '../support/wait.ts'
import { makeBed, makeSurface } from './support/bed.ts'

test('a server that stops accepting keeps its connections and takes no new ones', async () => {
  await using bed = await makeBed()
  const agent = new Agent({ keepAlive: true })
  expect((await bed.get('/socket', { agent })).status).toBe(200)
  const client = bed.client()
  await client.opened()
  bed.server.stopAccepting()
  expect(await isListening(bed.port)).toBe(false)
  client.ws.send('still here')
  await client.hears('still here')
  // On a connection that was open before.
  const late = await bed.get('/socket', { agent })
  expect(late.status).toBe(503)
  expect(late.headers['retry-after']).toBeDefined()
  agent.destroy()
})

test('closing in groups spreads the closing over the time and ends when all are closed', async () => {
  const times: number[] = []
  const surface = makeSurface({
    onDrain: ({ connection }) => {
      times.push(performance.now())
      connection.outlet.end(1012, 'restart')
    },
  })
  await using bed = await makeBed({ surfaces: [surface] })
  const clients = Array.from({ length: 30 }, () => bed.client())
  await Promise.all(clients.map((client) => client.opened()))
  const started = performance.now()
  expect(await bed.server.closeInGroups(2_000)).toBe(0)
  expect(performance.now() - started).toBeLessThan(2_100)
  expect(times[29]! - times[0]!).toBeGreaterThan(1_000)
  const codes = await Promise.all(clients.map(async (client) => (await client.closed()).code))
  expect(new Set(codes)).toEqual(new Set([1012]))
  expect(bed.server.connections).toBe(0)
})

test('a conversation may take its time to finish, and is told to go when the time is over', async () => {
  const surface = makeSurface({
    onDrain: ({ connection }) => {
      if (connection.query.has('stubborn')) return
      setTimeout(() => connection.outlet.end(1012, 'restart'), 150)
    },
  })
  await using bed = await makeBed({ surfaces: [surface] })
  const [slow, stubborn] = [bed.client(), bed.client('/socket?stubborn')]
  await Promise.all([slow.opened(), stubborn.opened()])
  expect(await bed.server.closeInGroups(800)).toBe(0)
  expect((await slow.closed()).code).toBe(1012)
  expect((await stubborn.closed()).code).toBe(1012)
  await until('both were told', () => surface.spoken.every(({ closedTimes }) => closedTimes === 1))
})

test('who has not read what comes before its close frame is told first, and cut at the end', async () => {
  const order: string[] = []
  const surface = makeSurface({
    onMessage: ({ connection }) => connection.outlet.send(new Uint8Array(16 * 2 ** 20)),
    onDrain: ({ connection }) => {
      order.push(connection.query.toString())
      connection.outlet.end(1012, 'restart')
    },
  })
  await using bed = await makeBed({ surfaces: [surface] })
  const names = ['a', 'b', 'deaf', 'late']
  const [a, b, deaf, late] = names.map((name) => bed.client(`/socket?${name}`))
  await Promise.all([a!, b!, deaf!, late!].map((client) => client.opened()))
  for (const { ws } of [deaf!, late!]) {
    ws.pause()
    ws.send('fill me')
  }
  const isFilled = ({ messages }: { readonly messages: readonly unknown[] }) => messages.length > 0
  await until('they are full', () => surface.spoken.filter(isFilled).length === 2)
  const closing = bed.server.closeInGroups(1_000)
  await until('all are told', () => order.length === 4)
  late!.ws.resume()
  expect(await closing).toBe(1)
  expect(order.slice(0, 2).sort()).toEqual(['deaf=', 'late='])
  for (const client of [a!, b!, late!]) expect((await client.closed()).code).toBe(1012)
  deaf!.ws.resume()
  expect((await deaf!.closed()).code).toBe(1006)
})

test('close ends everything at once and tells every conversation before it resolves', async () => {
  const surface = makeSurface()
  await using bed = await makeBed({ surfaces: [surface] })
  const clients = [bed.client(), bed.client()]
  await Promise.all(clients.map((client) => client.opened()))
  await bed.server.close()
  expect(surface.spoken.map(({ closedTimes }) => closedTimes)).toEqual([1, 1])
  expect(bed.server.connections).toBe(0)
  for (const client of clients) await client.closed()
  expect(await isListening(bed.port)).toBe(false)
})

test('a request that is being answered when the server closes does no harm', async () => {
  let answer: (() => void) | undefined
  const surface = makeSurface({
    http: async () => {
      await new Promise<void>((resolve) => (answer = resolve))
      return { status: 200, body: 'too late' }
    },
  })
  await using bed = await makeBed({ surfaces: [surface] })
  const asked = bed.get('/socket').catch((error: unknown) => error)
  await until('it has come', () => answer !== undefined)
  await bed.server.close()
  answer?.()
  expect(await asked).toBeInstanceOf(Error)
  await sleep(0)
})
