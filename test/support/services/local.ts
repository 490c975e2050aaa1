import { userInfo } from 'node:os'
import { Redis } from 'ioredis'
import { withClient } from '../databases.ts'
import { isListening } from '../ports.ts'
import type { Found, Way } from './way.ts'

/** Servers at 127.0.0.1's standard ports, if they let us in without being asked for anything unusual. */
export const local: Way = { name: 'local', findPostgres, findRedis }

async function findPostgres(): Promise<Found | undefined> {
  if (!(await isListening(5432))) return undefined
  for (const url of candidates()) {
    if (await mayCreateDatabases(url)) return { url, description: 'at 127.0.0.1:5432' }
  }
  return undefined
}

function candidates(): string[] {
  const { PGUSER, PGPASSWORD } = process.env
  const at = '127.0.0.1:5432/postgres'
  const asked =
    PGUSER === undefined
      ? []
      : [`${PGUSER}${PGPASSWORD === undefined ? '' : `:${encodeURIComponent(PGPASSWORD)}`}`]
  const users = [...asked, 'postgres', 'postgres:postgres', userInfo().username]
  return users.map((user) => `postgres://${user}@${at}`)
}

async function mayCreateDatabases(url: string): Promise<boolean> {
  try {
    return await withClient(url, async (client) => {
      const answer = await client.query<{ may: boolean }>(
        `select rolcreatedb or rolsuper as may from pg_roles where rolname = current_user`,
      )
      return answer.rows[0]?.may ?? false
    })
  } catch {
    return false
  }
}

async function findRedis(): Promise<Found | undefined> {
  if (!(await isListening(6379))) return undefined
  const url = 'redis://127.0.0.1:6379'
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null })
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    await redis.ping()
    return { url, description: 'at 127.0.0.1:6379' }
  } catch {
    return undefined
  } finally {
    redis.disconnect()
  }
}
