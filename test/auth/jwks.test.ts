import { createSign, generateKeyPairSync, randomUUID } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { exportJWK, exportSPKI, SignJWT } from 'jose'
import { describe, expect, test, vi } from 'vitest'
import { makeGate } from '../../src/auth/gate.ts'
import { makeJwksVerifier } from '../../src/auth/jwks.ts'
import { within } from '../support/wait.ts'
import { makeServer, requestOf, sendJson } from './gateSupport.ts'
import { makeLog } from './support.ts'

interface Pair {
  readonly kid: string
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

const rsa = (): Pair => ({
  kid: randomUUID(),
  ...generateKeyPairSync('rsa', { modulusLength: 2_048 }),
})
const [one, other] = [rsa(), rsa()]
const curve = { kid: 'curve', ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) }
const edwards = { kid: 'edwards', ...generateKeyPairSync('ed25519') }

const claims = (): Record<string, unknown> => ({
  sub: 'ann',
  exp: Math.floor(Date.now() / 1_000) + 60,
  rooms: ['**'],
})

function sign({ privateKey, kid }: Pair, alg = 'RS256', withKid = true): Promise<string> {
  return new SignJWT(claims())
    .setProtectedHeader({ alg, ...(withKid ? { kid } : {}) })
    .sign(privateKey)
}

async function keySet(...pairs: Pair[]): Promise<object> {
  const keys = pairs.map(async ({ publicKey, kid }) => ({ ...(await exportJWK(publicKey)), kid }))
  return { keys: await Promise.all(keys) }
}

async function serve(...pairs: Pair[]) {
  const keys = await keySet(...pairs)
  return makeServer((response) => sendJson(response, keys))
}

describe('[yjs 7] JWTs signed with a private key', () => {
  test.each<[string, Pair]>([
    ['RS256', one],
    ['RS512', one],
    ['PS256', one],
    ['ES256', curve],
    ['EdDSA', edwards],
  ])('%s is good when its public key is at the URL', async (algorithm, pair) => {
    await using server = await serve(one, curve, edwards)
    const verify = makeJwksVerifier(server.url)
    expect(await verify(await sign(pair, algorithm))).toMatchObject({ kind: 'valid' })
    expect((await verify(await sign({ ...other, kid: one.kid }))).kind).toBe('denied')
  })

  test('keys are fetched once, and again for a key that was not there, but not at once', async () => {
    await using server = await serve(one)
    const verify = makeJwksVerifier(server.url)
    const token = await sign(one)
    await Promise.all([verify(token), verify(token), verify(token)])
    await verify(token)
    expect(server.heard).toHaveLength(1)
    for (let count = 0; count < 5; count++) {
      expect((await verify(await sign(other))).kind).toBe('denied')
    }
    expect(server.heard).toHaveLength(1)
    const rotated = await keySet(one, other)
    server.answer = (response) => sendJson(response, rotated)
    vi.setSystemTime(Date.now() + 31_000)
    try {
      expect((await verify(await sign(other))).kind).toBe('valid')
    } finally {
      vi.useRealTimers()
    }
    expect(server.heard).toHaveLength(2)
  })

  test('a token that does not name its key may be of any of them', async () => {
    await using server = await serve(one, other)
    const verify = makeJwksVerifier(server.url)
    expect((await verify(await sign(other, 'RS256', false))).kind).toBe('valid')
    expect((await verify(await sign(rsa(), 'RS256', false))).kind).toBe('denied')
  })

  test('the public key is no secret: neither it nor nothing signs', async () => {
    await using server = await serve(one)
    const verify = makeJwksVerifier(server.url)
    const pem = Buffer.from(await exportSPKI(one.publicKey))
    const forged = await new SignJWT(claims())
      .setProtectedHeader({ alg: 'HS256', kid: one.kid })
      .sign(pem)
    const method = { kind: 'malformed', message: 'unexpected signing method' }
    expect(await verify(forged)).toEqual(method)
    const [, payload = ''] = forged.split('.')
    const header = Buffer.from('{"alg":"none"}').toString('base64url')
    expect(await verify(`${header}.${payload}.`)).toEqual(method)
    for (const wrong of ['', 'a.b', 'a.b.c']) expect((await verify(wrong)).kind).toBe('malformed')
    expect(server.heard).toHaveLength(0)
  })

  test.each<[string, Parameters<typeof makeServer>[0]]>([
    ['an error', (response) => sendJson(response, { keys: [] }, 500)],
    ['another place', (response) => response.writeHead(302, { location: '/keys' }).end()],
    ['no JSON', (response) => response.end('<html>')],
    ['no keys', (response) => sendJson(response, { keys: 'none' })],
    ['nothing in time', () => undefined],
    ['too much', (response) => response.end(`{"keys":[]}${' '.repeat(1 << 21)}`)],
  ])('nobody is judged by %s', async (_, answer) => {
    await using server = await makeServer(answer)
    const verify = makeJwksVerifier(server.url, { timeoutMs: 200 })
    const outcome = within(3_000, 'the time that keys may take', verify(await sign(one)))
    expect((await outcome).kind).toBe('unavailable')
  })

  test('a server that fails is left alone for a moment, and heard again', async () => {
    const keys = await keySet(one)
    await using server = await makeServer((response) => sendJson(response, {}, 500))
    const log = makeLog()
    const jwt = { key: { jwksUrl: server.url }, cookie: 'token', allRooms: false }
    const gate = makeGate({ mode: 'jwt', jwt, log })
    const request = requestOf({ query: `token=${await sign(one)}` })
    for (let count = 0; count < 5; count++) {
      expect(await gate.admit(request)).toEqual({ kind: 'unavailable' })
    }
    expect(server.heard).toHaveLength(1)
    server.answer = (response) => sendJson(response, keys)
    await vi.waitUntil(async () => (await gate.admit(request)).kind === 'granted', 10_000)
    expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'info'])
  })

  test('a key that is too weak to be used lets nobody in', async () => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 1_024 })
    await using server = await serve({ kid: 'weak', ...pair })
    const head = { alg: 'RS256', kid: 'weak' }
    const parts = [head, claims()].map((part) => Buffer.from(JSON.stringify(part)))
    const text = parts.map((part) => part.toString('base64url')).join('.')
    const signature = createSign('sha256').update(text).sign(pair.privateKey, 'base64url')
    const log = makeLog()
    const jwt = { key: { jwksUrl: server.url }, cookie: 'token', allRooms: false }
    const gate = makeGate({ mode: 'jwt', jwt, log })
    const admission = await gate.admit(requestOf({ query: `token=${text}.${signature}` }))
    expect(admission).toEqual({ kind: 'unavailable' })
    expect(log.lines.map(({ level }) => level)).toEqual(['error'])
  })

  test('the URL may hold a user and a password', async () => {
    await using server = await serve(one)
    const verify = makeJwksVerifier(server.url.replace('//', '//me:h%40sh@'))
    expect((await verify(await sign(one))).kind).toBe('valid')
    const expected = `Basic ${Buffer.from('me:h@sh').toString('base64')}`
    expect(server.heard[0]?.headers.authorization).toBe(expected)
  })
})
