import { readdir } from 'node:fs/promises'
import { expect, inject, test } from 'vitest'
import { makeDatabase, withClient } from '../support/databases.ts'
import { lengthwise } from './support.ts'

const { databaseUrl } = inject('services')

test('migrate, run by several at once, applies each migration once and says so', async () => {
  await using database = await makeDatabase(databaseUrl)
  const env = { DATABASE_URL: database.url }
  const runs = await Promise.all([1, 2, 3].map(() => lengthwise(['migrate'], env)))
  const lines = runs.flatMap(({ out }) => out.trim().split('\n'))
  expect(runs.map(({ code }) => code)).toEqual([0, 0, 0])
  const migrations = await readdir(new URL('../../migrations', import.meta.url))
  expect(lines.filter((line) => line.startsWith('applied')).sort()).toEqual(
    migrations.map((file) => `applied ${file.replace(/\.sql$/, '')}`).sort(),
  )
  expect(lines.filter((line) => line.includes('up to date'))).toHaveLength(3)
})

test('a database that does not answer ends the command with 1, says where it is, without its password', async () => {
  const env = { DATABASE_URL: 'postgres://me:hush@127.0.0.1:1/x' }
  const { code, out, err } = await lengthwise(['migrate'], env)
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toContain('the database at 127.0.0.1:1: connect ECONNREFUSED')
  expect(err).not.toContain('hush')
})

test('restored gives every document a new epoch and says how many', async () => {
  await using database = await makeDatabase(databaseUrl)
  const env = { DATABASE_URL: database.url }
  await lengthwise(['migrate'], env)
  const epochs = async () =>
    await withClient(database.url, async (client) => {
      const answer = await client.query<{ key: string }>('select key from documents')
      return answer.rows.map(({ key }) => Number(key))
    })
  await withClient(database.url, (client) =>
    client.query(
      `insert into documents (id) select 'zwibbler/' || n from generate_series(1, 250) n`,
    ),
  )
  const before = await epochs()
  const { code, out } = await lengthwise(['restored'], env)
  expect({ code, out }).toEqual({ code: 0, out: '250 documents have a new epoch\n' })
  expect(Math.min(...(await epochs()))).toBeGreaterThan(Math.max(...before))
})
