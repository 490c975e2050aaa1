/** Spec 18, "storage": what the reference server's storages get wrong, against two real nodes on Postgres. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { Cluster } from '../../support/cluster.ts'
import { makeCluster } from '../../support/cluster.ts'
import { startPostgresProxy } from '../../support/faults.ts'
import type { PostgresProxy } from '../../support/faults.ts'
import { seededRandom } from '../../support/random.ts'
import { readStored } from '../../support/stored.ts'
import { until } from '../../support/wait.ts'
import { connectZwibbler } from '../../support/zwibbler.ts'
import type { ConnectOptions, ZwibblerClient } from '../../support/zwibbler.ts'
import { encodeKey } from '../../support/zwibblerFrames.ts'
import { addToken, errorOf, manage, secrets } from './support.ts'

const { redisUrl } = inject('services')
let cluster: Cluster
let postgres: PostgresProxy
beforeAll(async () => {
  cluster = await makeCluster(2, {
    env: secrets,
    through: async (url) => {
      postgres = await startPostgresProxy(url, seededRandom('better storage'))
      return postgres.url
    },
  })
})
afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  await postgres[Symbol.asyncDispose]()
})

const on = (node: number, id: string, options?: ConnectOptions): ZwibblerClient =>
  connectZwibbler(cluster.nodes[node]!.url, id, options)

test('[zwibbler 18.9] a token whose user may not write any more does not write after reconnecting', async () => {
  const [near, far] = cluster.nodes as [Cluster['nodes'][number], Cluster['nodes'][number]]
  const token = { token: 'ann’s', documentID: 'revoked', permissions: 'rw', userID: 'ann' }
  expect((await addToken(near, token)).status).toBe(200)
  const before = await on(0, token.token).joined()
  expect((await before.append('x')).kind).toBe('stored')
  await before.close()
  await manage(far, { method: 'updateUser', userID: 'ann', permissions: 'r' })
  for (const node of [0, 1]) {
    const after = await on(node, token.token).joined()
    await until('it is denied', async () => (await after.append('y')).kind === 'denied')
    await after.close()
  }
  const later = await on(1, token.token).joined()
  expect((await later.append('y')).kind).toBe('denied')
  expect(Buffer.from(await readStored(cluster.databaseUrl, 'revoked'))).toEqual(Buffer.from('x'))
  await later.close()
})

test('[zwibbler 18.10] a token that exists is 409 on every node, and stays as it was', async () => {
  const token = { token: 'taken', documentID: 'first', permissions: 'rw' }
  const [near, far] = cluster.nodes as [Cluster['nodes'][number], Cluster['nodes'][number]]
  expect((await addToken(near, token)).status).toBe(200)
  for (const node of [near, far]) {
    expect((await addToken(node, { ...token, documentID: 'second' })).status).toBe(409)
  }
  await (await on(1, 'taken', { initial: Buffer.from('in the first') }).joined()).close()
  expect(await readStored(cluster.databaseUrl, 'first')).toHaveLength(12)
})

describe('[zwibbler 18.11]', () => {
  test.each([0, 1])('a key of lifetime %i is set as often as one likes', async (lifetime) => {
    const [setter, other] = [await on(0, 'often').joined(), await on(1, 'often').joined()]
    const name = `lifetime ${lifetime}`
    for (let version = 0; version < 5; version++) {
      const wish = { lifetime, name, old: version, new: version + 1, value: `v${version}` }
      expect(await setter.setKey(wish)).toBe(true)
    }
    await until('the other has the last', () => other.keys().get(name)?.value === 'v4')
    expect(await other.setKey({ lifetime, name, old: 4, new: 9, value: 'stale' })).toBe(false)
    for (const client of [setter, other]) await client.close()
  })

  test('a key that is not there is set from version 0 only', async () => {
    const client = await on(0, 'absent').joined()
    for (const lifetime of [0, 1]) {
      const wish = { lifetime, name: 'absent', new: 8, value: 'v' }
      expect(await client.setKey({ ...wish, old: 7 })).toBe(false)
      expect(await client.setKey({ ...wish, old: 0 })).toBe(true)
    }
    await client.close()
  })

  test('a token without contents leaves its document alone, with contents makes no second one', async () => {
    const [near, far] = cluster.nodes as [Cluster['nodes'][number], Cluster['nodes'][number]]
    await (await on(0, 'full', { initial: Buffer.from('what was there') }).joined()).close()
    const token = { documentID: 'full', permissions: 'r' }
    expect((await addToken(near, { ...token, token: 'bare' })).status).toBe(200)
    const contents = 'instead'
    expect((await addToken(far, { ...token, token: 'with', contents })).status).toBe(409)
    const reader = await on(1, 'bare').joined()
    await reader.hears('what was there')
    await reader.close()
  })
})

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

describe.each([0, 1])('[zwibbler 18.13] a key of lifetime %i', (lifetime) => {
  test.skipIf(!redisUrl).each([
    ['a version of 2^31', 2 ** 31, 'name', 'value'],
    ['the largest version', 2 ** 32 - 1, 'name', 'value'],
    ['NUL', 1, 'na\0me', 'va\0lue'],
    ['bytes that are not UTF-8', 1, '\xff\xc3\x28', '\x80\xfe\xff\xed\xa0\x80'],
  ])(
    'with %s arrives unaltered on the other node, and for who joins later',
    async (what, ...rest) => {
      const [version, nameText, valueText] = rest
      const [name, value] = [Buffer.from(nameText, 'latin1'), Buffer.from(valueText, 'latin1')]
      const document = `${what}, ${lifetime}`
      const [setter, other] = [await on(0, document).joined(), await on(1, document).joined()]
      setter.send(encodeKey({ request: 7, lifetime, old: 0, new: version, name, value }))
      await until('it is answered', () => setter.received.some(({ kind }) => kind === 'keyAck'))
      expect(setter.received.at(-1)).toMatchObject({ kind: 'keyAck', result: 1, request: 7 })

      const entry = [uint32(version), uint32(name.length), name, uint32(value.length), value]
      const told = Buffer.concat([Buffer.of(0x82, 0), ...entry])
      const isTold = async (client: ZwibblerClient) => {
        await until('it is told', () => client.received.some(({ kind }) => kind === 'keys'))
        expect(Buffer.from(client.frames.at(-1)!)).toEqual(told)
      }
      await isTold(other)
      // Nobody is on its node any more: who joins there gets what Postgres has.
      await other.close()
      const later = [await on(0, document).joined(), await on(1, document).joined()]
      for (const client of later) await isTold(client)
      for (const client of [setter, ...later]) await client.close()
    },
  )
})

test('[zwibbler 18.14] [zwibbler 18.21] while the storage is away a ping is 500, and an init error 0 that names no host', async () => {
  const ping = async () => {
    const answer = await fetch(`${cluster.nodes[0]!.httpUrl}/socket?ping`)
    return `${answer.status} ${await answer.text()}`
  }
  expect(await ping()).toBe('200 OK')
  const here = await on(0, 'here already').joined()
  postgres.refuse()
  try {
    await until('it is noticed', async () => (await ping()) === '500 Database health check failed')
    for (const id of ['here already', 'elsewhere']) {
      const client = on(0, id)
      expect(await client.closed).toBe(1013)
      expect(errorOf(client)).toBe('0 storage unavailable')
    }
    const token = { token: 't', documentID: 'x', permissions: 'r' }
    const refused = await addToken(cluster.nodes[0]!, token)
    expect(refused.status).toBe(500)
    expect(refused.headers.get('Status')).not.toMatch(/127|localhost|\d{4}|ECONN/)
    expect(here.isClosed).toBe(false)
  } finally {
    postgres.heal()
  }
  await until('it is back', async () => (await ping()) === '200 OK')
  expect((await here.append('goes on')).kind).toBe('stored')
  await here.close()
})
