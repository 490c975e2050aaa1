import { hasRedisServer, startPostgres, startRedis } from '../servers.ts'
import type { Found, Way } from './way.ts'

/** The embedded Postgres, which every installation has, and a `redis-server` if one is on the PATH. */
export const embedded: Way = {
  name: 'embedded',
  async findPostgres(): Promise<Found> {
    const server = await startPostgres()
    return { url: server.url, description: 'embedded', stop: () => server[Symbol.asyncDispose]() }
  },
  async findRedis(): Promise<Found | undefined> {
    if (!hasRedisServer()) return undefined
    const server = await startRedis()
    return {
      url: server.url,
      description: 'from the PATH',
      stop: () => server[Symbol.asyncDispose](),
    }
  },
}
