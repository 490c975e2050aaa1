import { Redis } from 'ioredis'
import { expect, inject, test } from 'vitest'
import { makeDatabase, withClient } from './databases.ts'
import { hasRedisServer, startPostgres, startRedis } from './servers.ts'

const { databaseUrl } = inject('services')

test('a database of its own is there, and gone when disposed of', async () => {
  const database = await makeDatabase(databaseUrl)
  await withClient(database.url, (client) => client.query('create table here (n int)'))
  await database[Symbol.asyncDispose]()
  await expect(withClient(database.url, () => Promise.resolve())).rejects.toMatchObject({
    code: '3D000',
  })
})

test('an own Postgres keeps what was committed over an immediate stop, fsync being on', async () => {
  await using server = await startPostgres()
  await withClient(server.url, async (client) => {
    expect((await client.query('show fsync')).rows).toEqual([{ fsync: 'on' }])
    await client.query('create table kept as select 42 as n')
  })
  await server.restart('immediate')
  const kept = await withClient(server.url, (client) => client.query('select n from kept'))
  expect(kept.rows).toEqual([{ n: 42 }])
})

test.skipIf(!hasRedisServer())('an own Redis comes back empty at the same port', async () => {
  await using server = await startRedis()
  const redis = new Redis(server.url)
  redis.on('error', () => undefined)
  await redis.set('key', 'value')
  await server.restart('immediate')
  expect(await redis.get('key')).toBeNull()
  redis.disconnect()
})
