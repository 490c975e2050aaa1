import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { rateOf } from '../../src/core/limits.ts'
import { until } from '../support/wait.ts'
import { handshake, makeBed, makeSurface } from './support/bed.ts'

/** What the server answers to these very bytes. */
function answerTo(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString()
      const [head = '', body] = answer.split('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
      if (body === undefined || body.length < length) return
      socket.destroy()
      resolve(answer)
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
    socket.write(bytes)
  })
}

test('a message reaches the surface and its answer the client', async () => {
  const surface = makeSurface()
  await using bed = await makeBed({ surfaces: [surface] })
  const client = bed.client('/socket?a=b%20c')
  await client.opened()
  client.ws.send('hello')
  await client.hears('hello')
  const connection = surface.spoken[0]!.connection
  expect(connection.query.get('a')).toBe('b c')
  expect(connection.address).toBe('127.0.0.1')
  expect(bed.server.connections).toBe(1)
  client.ws.close(1000)
  await until('the conversation is over', () => surface.spoken[0]!.closedTimes === 1)
  expect(bed.server.connections).toBe(0)
})

test('[zwibbler 2] text is accepted as binary is, and answers are always binary', async () => {
  await using bed = await makeBed()
  const client = bed.client()
  await client.opened()
  const binary: boolean[] = []
  client.ws.on('message', (_data, isBinary) => binary.push(isBinary))
  client.ws.send('text')
  client.ws.send(Buffer.from('bytes'))
  await client.hears('bytes')
  expect(binary).toEqual([true, true])
})

test('[zwibbler 2] the word websocket in Upgrade is compared without case', async () => {
  await using bed = await makeBed()
  const answer = await answerTo(bed.port, handshake('/socket', { Upgrade: 'WebSocket' }))
  expect(answer).toMatch(/^HTTP\/1.1 101 /)
})

test.each([
  ['version 8', { 'Sec-WebSocket-Version': '8' }],
  ['no version', { 'Sec-WebSocket-Version': undefined }],
  ['a short key', { 'Sec-WebSocket-Key': 'dG9vIHNob3J0' }],
  ['no key', { 'Sec-WebSocket-Key': undefined }],
  ['a key that is not base64', { 'Sec-WebSocket-Key': '!!!!!!!!!!!!!!!!!!!!!!==' }],
  ['no Connection: Upgrade', { Connection: 'keep-alive' }],
])(
  '[zwibbler 2] a handshake with %s is a Bad Request that names version 13',
  async (_, changes) => {
    await using bed = await makeBed()
    const answer = await answerTo(bed.port, handshake('/socket', changes))
    expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/)
    expect(answer).toMatch(/\r\nSec-Websocket-Version: 13\r\n/i)
    expect(answer).toMatch(/\r\n\r\nBad Request$/)
  },
)

test('a handshake at a path without a surface is 404', async () => {
  await using bed = await makeBed()
  const client = bed.client('/elsewhere')
  expect((await client.refused()).status).toBe(404)
})

test('[zwibbler 2] an offered subprotocol is not answered', async () => {
  await using bed = await makeBed()
  const answer = await answerTo(
    bed.port,
    handshake('/socket', { 'Sec-WebSocket-Protocol': 'chat' }),
  )
  expect(answer).toMatch(/^HTTP\/1.1 101 /)
  expect(answer).not.toMatch(/sec-websocket-protocol/i)
})

test('a page of another origin is refused with 403, before the surface hears of it', async () => {
  const surface = makeSurface()
  await using bed = await makeBed({ surfaces: [surface] })
  const stranger = bed.client('/socket', { origin: 'https://evil.example' })
  expect((await stranger.refused()).status).toBe(403)
  const local = bed.client('/socket', { origin: 'http://localhost:8080' })
  await local.opened()
  expect(surface.spoken).toHaveLength(1)
})

test('connections above the limit are answered 503 and Retry-After while others are served', async () => {
  await using bed = await makeBed({ limits: { maxConnections: 2 } })
  const [one, two] = [bed.client(), bed.client()]
  await Promise.all([one.opened(), two.opened()])
  const { status, headers } = await bed.client().refused()
  expect(status).toBe(503)
  expect(Number(headers['retry-after'])).toBeGreaterThan(0)
  expect(bed.hit).toEqual(['MAX_CONNECTIONS'])
  one.ws.send('still here')
  await one.hears('still here')
  two.ws.close()
  await until('there is room again', () => bed.server.connections === 1)
  await bed.client().opened()
})

test('handshakes above their rate are answered 503 and Retry-After while others are served', async () => {
  await using bed = await makeBed({ limits: { handshakes: { perSecond: 0.001, burst: 2 } } })
  const first = bed.client()
  await first.opened()
  await bed.client().opened()
  const { status, headers } = await bed.client().refused()
  expect(status).toBe(503)
  expect(Number(headers['retry-after'])).toBeGreaterThan(0)
  expect(bed.hit).toEqual(['MAX_HANDSHAKES'])
  first.ws.send('still here')
  await first.hears('still here')
})

test('a surface that has rates of its own may let its clients send more at once', async () => {
  const surface = { ...makeSurface(), messageBurst: 2 }
  const limits = { messages: { perSecond: 0.001, burst: 20 } }
  await using bed = await makeBed({ surfaces: [surface], limits })
  const client = bed.client()
  await client.opened()
  for (let sent = 0; sent < 50; sent += 1) client.ws.send('x')
  expect(await client.closed()).toEqual({ code: 1013, reason: 'too many messages' })
  expect(surface.spoken[0]?.messages).toHaveLength(40)
})

test('a connection above its rate of messages is closed with 1013 while others are served', async () => {
  await using bed = await makeBed({ limits: { messages: { perSecond: 1, burst: 20 } } })
  const [hasty, calm] = [bed.client(), bed.client()]
  await Promise.all([hasty.opened(), calm.opened()])
  for (let sent = 0; sent < 30; sent += 1) hasty.ws.send('x')
  expect(await hasty.closed()).toEqual({ code: 1013, reason: 'too many messages' })
  expect(hasty.messages).toHaveLength(20)
  expect(bed.hit).toEqual(['MAX_MESSAGES'])
  calm.ws.send('still here')
  await calm.hears('still here')
})

test('a connection above its rate of bytes is closed with 1013', async () => {
  const limits = { bytes: { perSecond: 1, burst: 1_000 }, messages: rateOf(0) }
  await using bed = await makeBed({ limits })
  const client = bed.client()
  await client.opened()
  client.ws.send(Buffer.alloc(900))
  client.ws.send(Buffer.alloc(200))
  expect(await client.closed()).toEqual({ code: 1013, reason: 'too many bytes' })
  expect(client.messages).toHaveLength(1)
  expect(bed.hit).toEqual(['MAX_BYTES_PER_SECOND'])
})

test('a message above the limit closes its connection with 1009, which the client sees', async () => {
  const surface = makeSurface({ maxMessageBytes: 70_000 })
  await using bed = await makeBed({ surfaces: [surface] })
  const [large, other] = [bed.client(), bed.client()]
  await Promise.all([large.opened(), other.opened()])
  large.ws.send(Buffer.alloc(70_000))
  await until('the largest allowed one is answered', () => large.messages.length === 1)
  large.ws.send(Buffer.alloc(70_001))
  expect((await large.closed()).code).toBe(1009)
  expect(bed.hit).toEqual(['MAX_MESSAGE_BYTES'])
  other.ws.send('still here')
  await other.hears('still here')
})

test('a surface that never says established loses its connection, and only it does', async () => {
  const surface = makeSurface({
    onConnect: ({ connection }) => {
      if (connection.query.has('quick')) connection.established()
    },
  })
  await using bed = await makeBed({ surfaces: [surface], limits: { handshakeMs: 300 } })
  const [quick, slow] = [bed.client('/socket?quick'), bed.client()]
  await Promise.all([quick.opened(), slow.opened()])
  expect((await slow.closed()).code).toBe(1006)
  expect(bed.hit).toEqual(['HANDSHAKE_MS'])
  expect(quick.isOpen).toBe(true)
  await until('the conversation was told', () => surface.spoken[1]!.closedTimes === 1)
  expect(bed.server.handshaking).toBe(0)
})

test('a surface that throws loses that connection with 1013, and the error is logged', async () => {
  const surface = makeSurface({
    onMessage: () => {
      throw new Error('broken')
    },
  })
  await using bed = await makeBed({ surfaces: [surface] })
  const client = bed.client()
  await client.opened()
  client.ws.send('x')
  expect((await client.closed()).code).toBe(1013)
  expect(bed.logged.filter(({ level }) => level === 'error')).toHaveLength(1)
  await bed.client().opened()
})
