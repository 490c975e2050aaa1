import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { Cluster } from '../../support/cluster.ts'
import { makeCluster } from '../../support/cluster.ts'
import { sleep, until } from '../../support/wait.ts'
import { connectZwibbler } from '../../support/zwibbler.ts'
import { addToken as register, errorOf, manage as manageAt, secrets } from './support.ts'

const { redisUrl } = inject('services')
const KEY = 'a secret of thirty-two characters'
const calls: { body: string; event: string | undefined; authorization: string | undefined }[] = []
const hook = createServer((request, response) => {
  let body = ''
  request.on('data', (part: Buffer) => (body += part.toString()))
  request.on('end', () => {
    const { authorization } = request.headers
    calls.push({ body, event: request.headers['idempotency-key']?.toString(), authorization })
    response.end()
  })
})
let plain: Cluster
let jwt: Cluster
beforeAll(async () => {
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve))
  const webhook = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`
  plain = await makeCluster(2, { env: { ...secrets, ZWIBBLER_WEBHOOK: webhook } })
  jwt = await makeCluster(2, {
    env: { ...secrets, ZWIBBLER_JWT_KEY: KEY, ZWIBBLER_EXPIRATION: '2' },
  })
}, 60_000)
afterAll(async () => {
  await plain[Symbol.asyncDispose]()
  await jwt[Symbol.asyncDispose]()
  hook.close()
})

const addToken = (token: string, permissions: string, expires?: number) =>
  register(plain.nodes[0]!, {
    token,
    documentID: 'board',
    permissions,
    ...(expires && { expires }),
  })
const manage = (cluster: Cluster, fields: Record<string, string>) =>
  manageAt(cluster.nodes[0]!, fields)

const on = (cluster: Cluster, node: number, id: string, mode = 0) =>
  connectZwibbler(cluster.nodes[node]!.url, id, { mode })

test.skipIf(!redisUrl)('[zwibbler 12] what a token allows, in each creation mode', async () => {
  for (const letters of ['r', 'rw', 'w'])
    expect((await addToken(`t${letters}`, letters)).status).toBe(200)
  const outcome = async (token: string, mode: number) => {
    const client = on(plain, 1, token, mode)
    await Promise.race([client.joined().catch(() => undefined), client.closed])
    const said = errorOf(client) ?? 'in'
    await client.close()
    return said
  }
  expect(await outcome('tr', 0)).toBe('4 access denied')
  expect(await outcome('tr', 1)).toBe('1 does not exist')
  expect(await outcome('tr', 2)).toBe('4 access denied')
  expect(await outcome('tw', 0)).toBe('4 access denied')
  expect(await outcome('trw', 2)).toBe('in')
  expect(await outcome('trw', 2)).toBe('2 already exists')
  expect(await outcome('tr', 0)).toBe('in')
})

test.skipIf(!redisUrl)(
  '[zwibbler 18.23] an expired token is refused, never taken as a document id',
  async () => {
    expect((await addToken('soon', 'rw', Date.now() + 1_500)).status).toBe(200)
    await until('it has expired', async () => {
      const client = on(plain, 0, 'soon')
      await Promise.race([client.joined().catch(() => undefined), client.closed])
      const said = errorOf(client)
      await client.close()
      return said === '4 access denied'
    })
    expect((await manage(plain, { method: 'checkDocument', documentID: 'soon' })).status).toBe(404)
  },
)

test.skipIf(!redisUrl)(
  '[zwibbler 13] updateUser reaches a live connection on another node',
  async () => {
    await addToken('live', 'rw')
    const client = await on(plain, 1, 'live').joined()
    expect((await client.append('x')).kind).toBe('stored')
    await manage(plain, { method: 'updateUser', userID: 'user of live', permissions: 'r' })
    await until('writing is denied', async () => (await client.append('y')).kind === 'denied')
    expect((await client.append('y', 999)).kind).toBe('refused') // wrong offset: result 0, not 2
    await manage(plain, { method: 'updateUser', userID: 'user of live', permissions: '' })
    await client.closed
    expect(errorOf(client)).toBe('4 access denied')
  },
)

test.skipIf(!redisUrl)(
  '[zwibbler 13] deleteDocument ends sessions on every node; the id begins anew',
  async () => {
    const near = await on(plain, 0, 'doomed').joined()
    const far = await on(plain, 1, 'doomed').joined()
    await near.append('gone soon')
    await manage(plain, { method: 'deleteDocument', documentID: 'doomed' })
    await Promise.all([near.closed, far.closed])
    expect([errorOf(near), errorOf(far)]).toEqual(['1 does not exist', '1 does not exist'])
    const again = await on(plain, 1, 'doomed', 2).joined()
    expect(again.position).toBe(0)
    await again.close()
  },
)

test.skipIf(!redisUrl)(
  '[zwibbler 14] the webhook is called once, ten seconds after the last client left',
  { timeout: 40_000 },
  async () => {
    const first = await on(plain, 0, 'hooked').joined()
    const second = await on(plain, 1, 'hooked').joined()
    await first.close()
    await sleep(1_000)
    await second.close()
    const left = Date.now()
    const mine = () => calls.filter(({ body }) => body === 'documentID=hooked&event=idle-session')
    await until('the webhook is called', () => mine().length > 0, { withinMs: 20_000 })
    expect(Date.now() - left).toBeGreaterThan(9_000)
    await sleep(2_500)
    expect(mine()).toHaveLength(1)
    expect(mine()[0]).toMatchObject({
      authorization: `Basic ${Buffer.from('u:p').toString('base64')}`,
    })
    expect(mine()[0]!.event).toBeTruthy()
  },
)

test.skipIf(!redisUrl)(
  '[zwibbler 12] JWT: its document, user and permissions; plain ids are refused',
  async () => {
    const sign = (claims: Record<string, unknown>, expires = '1h') =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256' })
        .setExpirationTime(expires)
        .sign(Buffer.from(KEY))
    const good = await on(jwt, 0, await sign({ sub: 'signed', u: 'ann', p: 'rw' })).joined()
    expect((await good.append('signed bytes')).kind).toBe('stored')
    const said = async (id: string) => {
      const client = on(jwt, 1, id)
      await client.closed
      return errorOf(client)
    }
    expect(await said('signed')).toBe('0 token contains an invalid number of segments')
    expect(await said(await sign({ sub: 'signed', p: 'rw' }, '-1h'))).toBe('4 access denied')
    expect(await said(`${await sign({ sub: 'signed', p: 'rw' })}x`)).toBe('4 access denied')
    await manage(jwt, { method: 'updateUser', userID: 'ann', permissions: '' })
    await good.closed
    expect(errorOf(good)).toBe('4 access denied')
  },
)

test.skipIf(!redisUrl)(
  '[zwibbler 16] [zwibbler 18.15] a document expires after the last access by anybody, not under its viewers',
  { timeout: 30_000 },
  async () => {
    const token = (sub: string) =>
      new SignJWT({ sub, p: 'rw' })
        .setProtectedHeader({ alg: 'HS256' })
        .setExpirationTime('1h')
        .sign(Buffer.from(KEY))
    const viewer = await on(jwt, 0, await token('watched')).joined()
    const leaver = await on(jwt, 1, await token('left')).joined()
    await viewer.append('kept')
    await leaver.append('forgotten')
    await leaver.close()
    // Looked at through the admin port, a look is an access: the database is asked by a join that never creates.
    await sleep(6_000)
    const late = on(jwt, 1, await token('left'), 1)
    await late.closed
    expect(errorOf(late)).toBe('1 does not exist')
    const still = await on(jwt, 1, await token('watched'), 1).joined()
    await still.hears('kept')
    await still.close()
    await viewer.close()
  },
)
