import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { makeAddressLimits } from '../../src/socket/address-limits.ts'
import { until } from '../support/wait.ts'
import { handshake, makeBed, makeSurface } from './support/bed.ts'

const from = (address: string) => ({ headers: { 'X-Forwarded-For': address } })
const trusting = { trustedProxies: ['loopback'] }

test('connections of one address above its limit are answered 503 and Retry-After while others are let in', async () => {
  await using bed = await makeBed({ ...trusting, limits: { connectionsPerAddress: 2 } })
  const [one, two] = [
    bed.client('/socket', from('192.0.2.1')),
    bed.client('/socket', from('192.0.2.1')),
  ]
  await Promise.all([one.opened(), two.opened()])
  const { status, headers } = await bed.client('/socket', from('1.1.1.1, 192.0.2.1')).refused()
  expect(status).toBe(503)
  expect(Number(headers['retry-after'])).toBeGreaterThan(0)
  expect(bed.hit).toEqual(['MAX_CONNECTIONS_PER_ADDRESS'])
  await bed.client('/socket', from('192.0.2.2')).opened()
  one.ws.close()
  await until('it is gone', () => bed.server.connections === 2)
  await bed.client('/socket', from('192.0.2.1')).opened()
})

test('addresses of one household (IPv6, 64 bits) count as one', async () => {
  await using bed = await makeBed({ ...trusting, limits: { connectionsPerAddress: 1 } })
  await bed.client('/socket', from('2001:db8:0:1::1')).opened()
  expect((await bed.client('/socket', from('2001:db8:0:1:ffff::2')).refused()).status).toBe(503)
  await bed.client('/socket', from('2001:db8:0:2::1')).opened()
})

test('connections that are judged at the same time cannot pass the limit of their address together', async () => {
  const settle: (() => void)[] = []
  const admit = () =>
    new Promise<undefined>((resolve) => void settle.push(() => resolve(undefined)))
  const surface = { ...makeSurface(), admit }
  await using bed = await makeBed({ surfaces: [surface], limits: { connectionsPerAddress: 1 } })
  const [one, two] = [bed.client(), bed.client()]
  await until('both are asked about', () => settle.length === 2)
  for (const each of settle) each()
  await until('one is refused', () => one.refusedWith ?? two.refusedWith)
  expect(bed.server.connections).toBe(1)
  expect(bed.hit).toEqual(['MAX_CONNECTIONS_PER_ADDRESS'])
})

test('handshakes of one address above their rate are refused, and take nothing from what all share', async () => {
  const limits = {
    handshakesPerAddress: { perSecond: 0.001, burst: 2 },
    handshakes: { perSecond: 0.001, burst: 4 },
  }
  await using bed = await makeBed({ ...trusting, limits })
  await bed.client('/socket', from('192.0.2.1')).opened()
  await bed.client('/socket', from('192.0.2.1')).opened()
  for (let i = 0; i < 5; i += 1) {
    expect((await bed.client('/socket', from('192.0.2.1')).refused()).status).toBe(503)
  }
  expect(new Set(bed.hit)).toEqual(new Set(['MAX_HANDSHAKES_PER_ADDRESS']))
  await bed.client('/socket', from('192.0.2.2')).opened()
  await bed.client('/socket', from('192.0.2.3')).opened()
})

test('without trusted proxies a stranger cannot choose its address', async () => {
  const surface = makeSurface()
  await using bed = await makeBed({ surfaces: [surface], limits: { connectionsPerAddress: 1 } })
  await bed.client('/socket', from('192.0.2.1')).opened()
  expect((await bed.client('/socket', from('192.0.2.2')).refused()).status).toBe(503)
  expect(surface.spoken[0]?.connection.address).toBe('127.0.0.1')
})

test('of several lines of X-Forwarded-For the last is the proxy’s own', async () => {
  const surface = makeSurface()
  await using bed = await makeBed({ ...trusting, surfaces: [surface] })
  const client = bed.client('/socket', {
    headers: { 'X-Forwarded-For': ['6.6.6.6', '192.0.2.1'] as never },
  })
  await client.opened()
  expect(surface.spoken[0]?.connection.address).toBe('192.0.2.1')
})

test('a trusted proxy may speak the PROXY protocol, a stranger in vain', async () => {
  const surface = makeSurface()
  const ports: [object, string][] = [
    [trusting, '192.0.2.9'],
    [{}, '127.0.0.1'],
  ]
  for (const [options, expected] of ports) {
    await using bed = await makeBed({ ...options, surfaces: [surface] })
    const socket = connect(bed.port, '127.0.0.1')
    const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
    // Version 2, PROXY; TCP over IPv4; 12 bytes: both addresses and ports.
    const said = Buffer.from([0x21, 0x11, 0, 12, 192, 0, 2, 9, 127, 0, 0, 1, 0x13, 0x88, 0, 80])
    socket.write(Buffer.concat([signature, said]))
    socket.write(handshake('/socket'))
    const connection = await until('it is connected', () => surface.spoken.at(-1)?.connection)
    expect(connection.address).toBe(expected)
    socket.destroy()
    await until('it is gone', () => bed.server.connections === 0)
    surface.spoken.length = 0
  }
})

test('a page of the host that the proxy was asked for may connect, if the proxy is trusted', async () => {
  const options = {
    origin: 'https://board.example',
    headers: { Host: 'lengthwise-1:3000', 'X-Forwarded-Host': 'board.example' },
  }
  await using trustingBed = await makeBed(trusting)
  await trustingBed.client('/socket', options).opened()
  await using bed = await makeBed()
  expect((await bed.client('/socket', options).refused()).status).toBe(403)
})

test('what is remembered of addresses that came once is forgotten', () => {
  const rate = { perSecond: 10, burst: 20 }
  const limits = makeAddressLimits({ connectionsPerAddress: 5, handshakesPerAddress: rate })
  for (let i = 0; i < 1_000; i += 1) limits.crossed(`10.0.${i >> 8}.${i & 255}`, 0)
  expect(limits.size).toBe(1_000)
  limits.crossed('192.0.2.1', 2_000)
  limits.crossed('192.0.2.1', 4_000)
  expect(limits.size).toBeLessThanOrEqual(2)
  for (let i = 0; i < 200_000; i += 1)
    limits.crossed(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 4_001)
  expect(limits.size).toBeLessThanOrEqual(100_000)
})

test('an address that keeps coming does not get a new allowance when others are forgotten', () => {
  const rate = { perSecond: 1, burst: 2 }
  const limits = makeAddressLimits({ connectionsPerAddress: Infinity, handshakesPerAddress: rate })
  let taken = 0
  for (let now = 0; now < 10_000; now += 100) {
    if (limits.crossed('192.0.2.1', now) === undefined) taken += 1
  }
  expect(taken).toBeLessThanOrEqual(12)
})
