/** Nothing that opens a door is ever said: neither in the log at any level, nor by commands, nor to clients. */
import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { SignJWT } from 'jose'
import { expect, inject, test } from 'vitest'
import { WebSocket } from 'ws'
import type { ClientOptions } from 'ws'
import { makeDatabase, withClient, withDatabase } from '../support/databases.ts'
import { sleep, until } from '../support/wait.ts'
import { encodeInit } from '../support/zwibblerFrames.ts'
import { start } from './support.ts'

/** Each begins alike, so that one search finds what is left of any of them; with what has to be escaped somewhere. */
const MARK = `hush${randomBytes(3).toString('hex')}`
const secrets = {
  database: `${MARK}-database`,
  redis: `${MARK}-redis`,
  admin: `${MARK}-admin "quoted" \\ and%20more`,
  jwt: `${MARK}-jwt-key-of-more-than-thirty-two-bytes`,
  zwibblerJwt: `${MARK}-zwibbler-key-of-more-than-thirty-two-bytes`,
  management: `${MARK}-management`,
  webhook: `${MARK}-webhook`,
  callback: `${MARK}-callback`,
  hook: `${MARK}-hook`,
}

/** Fails with exactly what an operator might leave in an error: everything. */
const CRASH = `process.on('SIGUSR2', () => {
  throw new Error('crashed with ' + JSON.stringify(process.env), { cause: { env: process.env } })
})`

async function withRole(url: string, password: string) {
  const role = `lengthwise_test_${randomBytes(4).toString('hex')}`
  await withClient(url, (client) =>
    client.query(`create role ${role} superuser login password '${password}'`),
  )
  return {
    role,
    [Symbol.asyncDispose]: () =>
      withClient(url, async (client) => {
        await client.query(`drop owned by ${role}`).catch(() => undefined)
        await client.query(`drop role ${role}`)
      }),
  }
}

function settings(databaseUrl: string, role: string, auth: 'jwt' | 'hook') {
  const database = new URL(databaseUrl)
  database.username = role
  database.password = secrets.database
  return {
    DATABASE_URL: database.toString(),
    // Redis is away, and says so with its address.
    REDIS_URL: `redis://cache:${secrets.redis}@127.0.0.1:1`,
    ADMIN_KEY: secrets.admin,
    ...{ PORT: '0', ADMIN_PORT: '0', EXCLUSIVE_PORT: '1', LOG_LEVEL: 'trace', DRAIN_MS: '300' },
    ZWIBBLER_JWT_KEY: secrets.zwibblerJwt,
    ZWIBBLER_SECRET_USER: 'operator',
    ZWIBBLER_SECRET_PASSWORD: secrets.management,
    ZWIBBLER_WEBHOOK: `http://127.0.0.1:1/?token=${secrets.webhook}`,
    YJS_CALLBACK_URL: `http://us:${secrets.callback}@127.0.0.1:1/?key=${secrets.callback}`,
    ...{ YJS_CALLBACK_DEBOUNCE_MS: '0', YJS_CALLBACK_TIMEOUT_MS: '500', YJS_AUTH: auth },
    ...(auth === 'jwt'
      ? { AUTH_JWT_KEY: secrets.jwt }
      : { AUTH_HOOK_URL: `http://us:${secrets.hook}@127.0.0.1:1/?secret=${secrets.hook}` }),
  }
}

const sign = (key: string, claims: Record<string, string | object>, expires = '1h') =>
  new SignJWT({ ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime(expires)
    .sign(new TextEncoder().encode(key))

/** What a client is told, whatever becomes of it. */
async function told(
  url: string,
  options: ClientOptions & { first?: Uint8Array } = {},
  protocols?: string[],
) {
  const socket = new WebSocket(url, protocols ?? [], options)
  const heard: string[] = []
  let isDone = false
  socket.on('message', (data: Buffer) => heard.push(data.toString('latin1')))
  socket.on('close', (code, reason) => {
    heard.push(`${code} ${reason.toString()}`)
    isDone = true
  })
  socket.on('error', (error) => heard.push(error.message))
  socket.on('unexpected-response', (_, response) => {
    heard.push(JSON.stringify(response.headers))
    response.on('data', (part: Buffer) => heard.push(part.toString()))
    response.on('end', () => (isDone = true))
  })
  socket.on('open', () => options.first !== undefined && socket.send(options.first))
  await until('something is said', () => isDone || heard.length > 0)
  // It may be told more: the close code of who is refused comes late.
  await Promise.race([sleep(300), until('the end', () => isDone)])
  socket.terminate()
  return heard.join('\n')
}

function answered(
  port: number,
  path: string,
  headers: Record<string, string>,
  method = 'GET',
  body = '',
) {
  return new Promise<string>((resolve, reject) => {
    const asked = request({ port, path, headers, method }, (response) => {
      let text = JSON.stringify(response.headers)
      response.on('data', (part: Buffer) => (text += part.toString()))
      response.on('end', () => resolve(text))
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

test.each(['jwt', 'hook'] as const)(
  'a node with %s says no secret while it serves and when it crashes',
  async (auth) => {
    const server = inject('services').databaseUrl
    await using owner = await withRole(server, secrets.database)
    await using database = await makeDatabase(server)
    const env = settings(database.url, owner.role, auth)
    const preload = `data:text/javascript,${encodeURIComponent(CRASH)}`
    await using node = start(['serve'], { ...env, NODE_OPTIONS: `--import=${preload}` })
    const { port, adminPort } = (await node.logs('listening')) as {
      port: number
      adminPort: number
    }
    const rooms = `ws://127.0.0.1:${port}/yjs/room`
    const claims = { sub: 'ann', rooms: { '**': 'rw' } }
    const tokens = {
      good: await sign(secrets.jwt, claims),
      expired: await sign(secrets.jwt, claims, '-1h'),
      stolen: await sign('x'.repeat(40), claims),
      zwibbler: await sign(secrets.zwibblerJwt, { sub: 'board', u: 'ann', p: 'rw' }),
      opaque: `${MARK}-token`,
    }
    const init = (document: string) =>
      encodeInit({
        document,
        version: 3,
        mode: 0,
        offset: 0,
        maxFrame: 0,
        initial: Buffer.from('x'),
      } as never)
    const basic = (password: string) => ({
      Authorization: `Basic ${Buffer.from(`operator:${password}`).toString('base64')}`,
      'Content-Type': 'application/x-www-form-urlencoded',
    })
    const socket = `ws://127.0.0.1:${port}/socket`
    const heard = await Promise.all([
      ...Object.values(tokens).flatMap((token) => [
        told(`${rooms}?token=${token}`),
        told(`${rooms}?yauth=${token}`, { headers: { Cookie: `token=${token}` } }),
        told(rooms, { headers: { Authorization: `Bearer ${token}` } }),
        told(socket, { first: init(token) }),
        told(`${socket}?token=${token}`, { origin: `https://evil.example/?token=${token}` }),
      ]),
      answered(port, `/socket?token=${tokens.opaque}`, { Cookie: `session=${tokens.opaque}` }),
      answered(
        port,
        '/socket',
        basic(secrets.management),
        'POST',
        'method=deleteDocument&documentID=no',
      ),
      answered(
        port,
        '/socket',
        basic(`${MARK}-wrong`),
        'POST',
        'method=deleteDocument&documentID=no',
      ),
      answered(adminPort, '/documents/x', {
        Authorization: `Bearer ${secrets.admin.replaceAll('"', '')}`,
      }),
      answered(adminPort, `/documents/x?key=${tokens.opaque}`, { Authorization: 'Bearer no' }),
      answered(adminPort, '/metrics', {}),
      answered(adminPort, '/readyz', {}),
    ])
    node.signal('SIGUSR2')
    const { code, out, err } = await node.ended
    expect(code).not.toBe(0)
    expect(out).toContain('crashed with')
    const said = [out, err, ...heard].join('\n')
    for (const [name, secret] of Object.entries({ ...secrets, ...tokens })) {
      for (const form of [
        secret,
        encodeURIComponent(secret),
        Buffer.from(secret).toString('base64').slice(0, -4),
      ])
        expect(said.includes(form), `${name} is said`).toBe(false)
    }
    expect(said.split('\n').filter((line) => line.includes(MARK))).toEqual([])
  },
)

test('no command says a secret, neither when it is fine nor about a mistake', async () => {
  const env = settings(
    withDatabase(inject('services').databaseUrl, 'lengthwise_none'),
    'nobody',
    'jwt',
  )
  const runs: [string, string[], Record<string, string>][] = [
    ['config', ['config'], {}],
    [
      'mistakes',
      ['config'],
      {
        DATABASE_URL: `mysql://x:${secrets.database}@y/`,
        REDIS_URL: secrets.redis,
        YJS_AUTH: 'hook',
      },
    ],
    [
      'a misspelt setting',
      ['config'],
      { ADMIN_KEYS: secrets.admin, ZWIBBLER_SECRET: secrets.management },
    ],
    ['a bad key', ['config'], { AUTH_JWT_KEY_IS_BASE64: '1', ZWIBBLER_JWT_KEY_IS_BASE64: '1' }],
    ['serve without a database', ['serve'], {}],
    ['migrate without a database', ['migrate'], {}],
  ]
  const ends = await Promise.all(
    runs.map(async ([name, args, changes]) => {
      await using run = start(args, { ...env, ...changes })
      return { name, ...(await run.ended) }
    }),
  )
  for (const { name, out, err } of ends) {
    expect((out + err).length, `${name} says something`).toBeGreaterThan(0)
    expect(`${name}: ${out}${err}`).not.toContain(MARK)
  }
})
