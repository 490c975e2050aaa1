import { expect, test } from 'vitest'
import { until } from '../support/wait.ts'
import { makeBed, makeSurface } from './support/bed.ts'

const offering = { perMessageDeflate: true }
const large = Buffer.alloc(5_000, 'lengthwise ')

test('[zwibbler 2] compression is negotiated without context takeover, and every frame is compressed', async () => {
  const surface = makeSurface({ compress: true, maxMessageBytes: 10_000 })
  await using bed = await makeBed({ surfaces: [surface] })
  const client = bed.client('/socket', offering)
  await client.opened()
  const answer = client.headers['sec-websocket-extensions'] ?? ''
  expect(answer.split(/; */).sort()).toEqual([
    'client_no_context_takeover',
    'permessage-deflate',
    'server_no_context_takeover',
  ])
  const tcp = (client.ws as unknown as { _socket: { bytesRead: number } })._socket
  const before = tcp.bytesRead
  client.ws.send(large)
  client.ws.send('x')
  await until('both come back', () => client.messages.length === 2)
  expect(client.messages[0]).toEqual(large)
  expect(client.messages[1]!.toString()).toBe('x')
  expect(tcp.bytesRead - before).toBeLessThan(150)
})

test('[zwibbler 2] compression is not answered when the query says compression=0', async () => {
  const surface = makeSurface({ compress: true, maxMessageBytes: 10_000 })
  await using bed = await makeBed({ surfaces: [surface] })
  const client = bed.client('/socket?compression=0', offering)
  await client.opened()
  expect(client.headers['sec-websocket-extensions']).toBeUndefined()
  client.ws.send(large)
  await until('it comes back', () => client.messages.length === 1)
  expect(client.messages[0]).toEqual(large)
})

test('compression is not answered to a client that does not offer it, nor by a surface without it', async () => {
  const [with_, without] = [
    makeSurface({ compress: true, maxMessageBytes: 10_000 }),
    makeSurface({ name: 'other', path: '/other', maxMessageBytes: 10_000 }),
  ]
  await using bed = await makeBed({ surfaces: [with_, without] })
  const [plain, offered] = [bed.client('/socket'), bed.client('/other', offering)]
  await Promise.all([plain.opened(), offered.opened()])
  for (const client of [plain, offered]) {
    expect(client.headers['sec-websocket-extensions']).toBeUndefined()
    client.ws.send(large)
    await until('it comes back', () => client.messages.length === 1)
  }
})

test('a small frame that inflates beyond the limit closes its connection', async () => {
  const surface = makeSurface({ compress: true, maxMessageBytes: 10_000 })
  await using bed = await makeBed({ surfaces: [surface] })
  const client = bed.client('/socket', offering)
  await client.opened()
  client.ws.send(Buffer.alloc(20_000)) // a few bytes on the wire
  expect((await client.closed()).code).toBe(1009)
  const bomb = bed.client('/socket', offering)
  await bomb.opened()
  bomb.ws.send(Buffer.alloc(50_000_000))
  await bomb.closed()
  expect(surface.spoken.flatMap(({ messages }) => messages)).toEqual([])
})
