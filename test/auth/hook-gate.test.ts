import type { ServerResponse } from 'node:http'
import { describe, expect, test, vi } from 'vitest'
import type { Change, Gate, Granted } from '../../src/auth/gate.ts'
import { makeGate } from '../../src/auth/gate.ts'
import type { HookOptions } from '../../src/auth/hook.ts'
import { parsePermission, readAndWrite } from '../../src/auth/permission.ts'
import type { FakeServer } from './gateSupport.ts'
import { makeServer, requestOf, sendJson } from './gateSupport.ts'
import { makeLog } from './support.ts'

const readOnly = parsePermission('r')

function gateAt(url: string, options: Partial<HookOptions> = {}, log = makeLog()): Gate {
  const hook = { url, timeoutMs: 2_000, cacheMs: 0, recheckMs: 60_000, ...options }
  return makeGate({ mode: 'hook', hook, log })
}

const says =
  (body: unknown, status = 200) =>
  (response: ServerResponse): void =>
    sendJson(response, body, status)

const unavailable = { kind: 'unavailable' }

describe('[yjs 7] an HTTP hook', () => {
  test('is told who comes, and says what they may do', async () => {
    await using server = await makeServer(says({ user: 'ann', permission: 'rw' }))
    const request = requestOf({
      document: 'my%20room/x',
      query: 'a=1&b=%C3%A4&a=2&__proto__=x',
      headers: {
        cookie: 'session=1',
        authorization: 'Bearer x',
        origin: 'https://board.example',
        'x-forwarded-for': '192.0.2.1',
        'x-tenant': 'blue',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'x-request-id': '7',
        connection: 'Upgrade',
      },
      protocols: ['x', 'yauth-y'],
    })
    expect(await gateAt(server.url).admit(request)).toEqual({
      kind: 'granted',
      user: 'ann',
      permission: readAndWrite,
      protocol: 'yauth-y',
    })
    expect(server.heard).toHaveLength(1)
    const [{ method, headers, body } = { method: '', headers: {}, body: '' }] = server.heard
    expect([method, headers['content-type']]).toEqual(['POST', 'application/json'])
    expect(JSON.parse(body)).toEqual({
      surface: 'yjs',
      document: 'my%20room/x',
      query: JSON.parse('{"a":"1","b":"ä","__proto__":"x"}') as object,
      headers: {
        cookie: 'session=1',
        authorization: 'Bearer x',
        origin: 'https://board.example',
        'x-forwarded-for': '192.0.2.1',
        'x-tenant': 'blue',
      },
      protocols: ['x', 'yauth-y'],
    })
  })

  test.each([
    [{ permission: 'r' }, { kind: 'granted', permission: readOnly }],
    [
      { permission: 'r', user: null, expiresIn: null },
      { kind: 'granted', permission: readOnly },
    ],
    [{ permission: '' }, { kind: 'denied', reason: 'forbidden', text: 'access denied' }],
  ])('%j is understood', async (body, admission) => {
    await using server = await makeServer(says(body))
    expect(await gateAt(server.url).admit(requestOf())).toEqual(admission)
  })

  test('may say for how long', async () => {
    await using server = await makeServer(says({ permission: 'r', expiresIn: 60 }))
    const { expiresAt = 0 } = (await gateAt(server.url).admit(requestOf())) as Granted
    expect(Math.abs(expiresAt - Date.now() - 60_000)).toBeLessThan(5_000)
  })

  test('refuses with 401 or 403, whatever stands below', async () => {
    await using server = await makeServer(says({ permission: 'rw' }, 401))
    const gate = gateAt(server.url)
    expect(await gate.admit(requestOf())).toMatchObject({ reason: 'unauthenticated' })
    server.answer = says('no', 403)
    expect(await gate.admit(requestOf())).toMatchObject({ reason: 'forbidden' })
  })

  test.each<[string, FakeServer['answer']]>([
    ['an error', says({ permission: 'rw' }, 500)],
    ['created', says({ permission: 'rw' }, 201)],
    ['another place', (response) => response.writeHead(307, { location: '/' }).end()],
    ['no JSON', (response) => response.end('rw')],
    ['nothing', (response) => response.end()],
    ['no object', says('rw')],
    ['no permission', says({ user: 'ann' })],
    ['an unknown permission', says({ permission: 'admin' })],
    ['a wrong user', says({ user: 7, permission: 'rw' })],
    ['a wrong time', says({ expiresIn: 0, permission: 'rw' })],
    ['too much', (response) => response.end(`{"permission":"rw"}${' '.repeat(100_000)}`)],
    ['half an answer', (response) => void response.write('{"permission":')],
    ['a broken connection', (response) => response.destroy()],
    ['no answer in time', () => undefined],
  ])('that answers with %s lets nobody in', async (_, answer) => {
    await using server = await makeServer(answer)
    expect(await gateAt(server.url, { timeoutMs: 300 }).admit(requestOf())).toEqual(unavailable)
    expect(server.heard).toHaveLength(1)
  })

  test('that is not there lets nobody in, and is told of once', async () => {
    const server = await makeServer(says({ permission: 'r' }))
    const log = makeLog()
    const gate = gateAt(server.url, {}, log)
    await gate.admit(requestOf())
    await server.stop()
    expect(await gate.admit(requestOf())).toEqual(unavailable)
    expect(await gate.admit(requestOf())).toEqual(unavailable)
    expect(log.lines).toHaveLength(1)
  })

  test('may have a user and a password in its URL', async () => {
    await using server = await makeServer(says({ permission: 'r' }))
    await gateAt(server.url.replace('//', '//me:hush@')).admit(requestOf())
    const expected = `Basic ${Buffer.from('me:hush').toString('base64')}`
    expect(server.heard[0]?.headers.authorization).toBe(expected)
  })

  test('is not asked twice in a moment for the same client and document', async () => {
    await using server = await makeServer(says({ permission: 'r' }))
    const gate = gateAt(server.url, { cacheMs: 60_000 })
    const ann = { headers: { cookie: 'session=ann' } }
    await Promise.all([gate.admit(requestOf(ann)), gate.admit(requestOf(ann))])
    await gate.admit(requestOf({ ...ann, headers: { ...ann.headers, 'x-request-id': '8' } }))
    expect(server.heard).toHaveLength(1)
    const others = [
      { ...ann, document: 'plan2' },
      { ...ann, query: 'a=1' },
      { ...ann, protocols: ['x'] },
      { headers: { cookie: 'session=bob' } },
      { headers: { authorization: 'session=ann' } },
      {},
    ]
    for (const parts of others) await gate.admit(requestOf(parts))
    expect(server.heard).toHaveLength(1 + others.length)
  })
})

async function enter(gate: Gate) {
  const admission = (await gate.admit(requestOf())) as Granted
  const told: Change[] = []
  const end = gate.watch(requestOf(), admission, (change) => told.push(change))
  return { told, end }
}

describe('an HTTP hook while somebody is connected', () => {
  test('is asked again, once for connections that are alike', async () => {
    await using server = await makeServer(says({ permission: 'rw' }))
    const gate = gateAt(server.url, { cacheMs: 60_000, recheckMs: 100 })
    const one = await enter(gate)
    const two = await enter(gate)
    await vi.waitUntil(() => server.heard.length >= 3, 10_000)
    expect([...one.told, ...two.told]).toEqual([])
    server.answer = says({ permission: 'r' })
    await vi.waitUntil(() => one.told.length > 0, 10_000)
    expect([one.told, two.told]).toEqual([[readOnly], [readOnly]])
    two.end()
    server.answer = says({}, 401)
    await vi.waitUntil(() => one.told.length > 1, 10_000)
    expect([one.told, two.told]).toEqual([[readOnly, 'revoked'], [readOnly]])
  })

  test('an answer to a connected client also counts for the next one', async () => {
    await using server = await makeServer(says({ permission: 'rw' }))
    const gate = gateAt(server.url, { cacheMs: 60_000, recheckMs: 100 })
    const { told } = await enter(gate)
    server.answer = says({}, 403)
    await vi.waitUntil(() => told.length > 0, 10_000)
    expect(told).toEqual(['forbidden'])
    expect(await gate.admit(requestOf())).toMatchObject({ reason: 'forbidden' })
  })

  test('one failing connection does not keep the others from hearing', async () => {
    await using server = await makeServer(says({ permission: 'rw' }))
    const log = makeLog()
    const gate = gateAt(server.url, { recheckMs: 100 }, log)
    const admission = (await gate.admit(requestOf())) as Granted
    gate.watch(requestOf(), admission, () => {
      throw new Error('broken')
    })
    const { told } = await enter(gate)
    server.answer = says({}, 403)
    await vi.waitUntil(() => told.length > 0, 10_000)
    expect(log.lines.map(({ level }) => level)).toEqual(['error'])
  })
})
