import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import type { TestProject } from 'vitest/node'
import { dropLeftovers, makeDatabase, withClient } from './databases.ts'
import { docker } from './services/docker.ts'
import { embedded } from './services/embedded.ts'
import { env } from './services/env.ts'
import { local } from './services/local.ts'
import { wayNames } from './services/way.ts'
import type { Found, Way } from './services/way.ts'

/**
 * What a test file gets from `inject('services')`. Servers are shared by all files of a run: a test may not stop or
 * restart them (see servers.ts for servers of its own).
 */
export interface Services {
  /** Postgres: an empty database of this run. `makeDatabase(databaseUrl)` makes further ones beside it. */
  databaseUrl: string
  /** Redis; absent where none can be had: tests that need it are skipped. */
  redisUrl?: string
  /** Everything that a test writes to Redis or publishes there begins with this. */
  redisPrefix: string
}

declare module 'vitest' {
  interface ProvidedContext {
    services: Services
  }
}

const ways: readonly Way[] = [env, docker, local, embedded]

/** Vitest's global setup: finds the servers once per run, and leaves nothing behind. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stack: (() => Promise<unknown>)[] = []
  const teardown = async (): Promise<void> => {
    for (const undo of stack.reverse()) await undo()
  }
  try {
    project.provide('services', await findServices(stack))
    return teardown
  } catch (error) {
    await teardown()
    throw error
  }
}

async function findServices(stack: (() => Promise<unknown>)[]): Promise<Services> {
  const postgres = await firstOf('findPostgres')
  if (postgres === undefined) throw new Error('no Postgres to be had for the tests')
  stack.push(async () => await postgres.stop?.())
  const redis = await firstOf('findRedis')
  stack.push(async () => await redis?.stop?.())

  await dropLeftovers(postgres.url)
  const database = await makeDatabase(postgres.url)
  stack.push(() => database[Symbol.asyncDispose]())
  const redisPrefix = `lengthwise-test-${randomBytes(4).toString('hex')}:`
  if (redis !== undefined) stack.push(() => removeKeys(redis.url, redisPrefix))

  console.log(
    `tests use Postgres ${await versionOf(postgres)} ${postgres.description}, ${nameOf(redis)}`,
  )
  // For the closing line, which says what did not run (see closingLine.ts).
  process.env.LENGTHWISE_TEST_REDIS = redis === undefined ? 'none' : 'found'
  return {
    databaseUrl: database.url,
    redisPrefix,
    ...(redis === undefined ? {} : { redisUrl: redis.url }),
  }
}

/** TEST_SERVICES names the only way to try; without it they are tried in order. */
async function firstOf(find: 'findPostgres' | 'findRedis'): Promise<Found | undefined> {
  const only = process.env.TEST_SERVICES
  if (only !== undefined && !wayNames.some((name) => name === only)) {
    throw new Error(`TEST_SERVICES is one of ${wayNames.join(', ')}, not ${only}`)
  }
  for (const way of ways) {
    if (only !== undefined && way.name !== only) continue
    const found = await way[find]()
    if (found !== undefined) return found
  }
  return undefined
}

async function versionOf(postgres: Found): Promise<string> {
  return await withClient(postgres.url, async (client) => {
    const answer = await client.query<{ server_version: string }>('show server_version')
    return answer.rows[0]?.server_version.split(' ')[0] ?? '?'
  })
}

function nameOf(redis: Found | undefined): string {
  return redis === undefined
    ? 'no Redis (tests that need it are skipped)'
    : `Redis ${redis.description}`
}

async function removeKeys(url: string, prefix: string): Promise<void> {
  const redis = new Redis(url, { retryStrategy: () => null })
  redis.on('error', () => undefined)
  try {
    for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1_000 })) {
      const names = keys as string[]
      if (names.length > 0) await redis.unlink(names)
    }
  } catch {
    // A Redis that is gone by now has nothing of ours left either.
  } finally {
    redis.disconnect()
  }
}
