import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, inject, test } from 'vitest'
import { withClient } from '../support/databases.ts'
import { hasK6 } from '../support/k6.ts'
import { findK6 } from './support.ts'

const BUILDING_MS = 600_000
const command = fileURLToPath(new URL('../../loadtest/load.mjs', import.meta.url))
const { databaseUrl, redisUrl } = inject('services')

interface Ended {
  code: number
  out: string
  err: string
}

function load(...args: string[]): Promise<Ended> {
  // Of other programs there may be variables that are named as the scripts' settings are.
  const strange = { RATE: 'of exchange', TOKEN: 'of esteem' }
  const env = { ...process.env, ...strange, DATABASE_URL: databaseUrl, REDIS_URL: redisUrl }
  return new Promise((resolve) => {
    execFile(process.execPath, [command, ...args], { env }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err })
    })
  })
}

const databases = () =>
  withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `select datname as name from pg_database where datname like 'lengthwise_bench_%'`,
    )
    return rows.map(({ name }) => name)
  })

const generated = async () =>
  (await readdir(new URL('../../node_modules/.cache/lengthwise/', import.meta.url))).sort()

describe.concurrent('npm run load', () => {
  test('says what it can do', async () => {
    const { code, out } = await load('storm', '--help')
    expect(code).toBe(0)
    expect(out).toMatch(/--jitter time +within which each of them comes back \(2s\)/)
    expect(out).not.toContain('--editors')
  })

  test.each([
    [['hurricane'], /zwibbler, yjs, idle, storm/],
    [['yjs', '--students', '3'], /--students/],
    [['zwibbler', '--duration', 'long'], /^DURATION is a time such as/],
    [['zwibbler', '--nodes', 'three'], /--nodes/],
  ])('%j is refused before anything starts', async (args, why) => {
    const { code, err } = await load(...args)
    expect(code).toBe(1)
    expect(err).toMatch(why)
  })
})

const short = ['--nodes', '2', '--students', '3', '--ramp', '100ms', '--duration', '1s']

describe.skipIf(!hasK6)('npm run load with nodes of its own', () => {
  test(
    'starts them, prints a table, and leaves nothing behind; its exit code is the verdict',
    async () => {
      await findK6()
      const before = await databases()
      const files = await generated()
      const kept = await load('zwibbler', ...short, '--p99', '30s')
      expect(kept.err).toMatch(/2 nodes on Postgres of DATABASE_URL/)
      expect(kept.out).toMatch(/readers that saw everything +4 +ok\n/)
      expect(kept.code).toBe(0)
      const missed = await load('zwibbler', ...short, '--p99', '0ms')
      expect(missed.out).toMatch(/screen to screen .* FAILED: not p\(99\)<0\n/)
      expect(missed.code).toBe(1)
      expect(await databases()).toEqual(before)
      expect(await generated()).toEqual(files)
    },
    BUILDING_MS,
  )
})
