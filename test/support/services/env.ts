import type { Way } from './way.ts'

/** What the caller names: DATABASE_URL (its role must be allowed to create databases) and REDIS_URL. */
export const env: Way = {
  name: 'env',
  findPostgres: () => Promise.resolve(named('DATABASE_URL')),
  findRedis: () => Promise.resolve(named('REDIS_URL')),
}

function named(variable: string): { url: string; description: string } | undefined {
  const url = process.env[variable]
  return url === undefined || url === '' ? undefined : { url, description: `of ${variable}` }
}
