/** The servers that nodes need, found in the order in which the tests look for them, with their own code. */
import { mkdir, rm } from 'node:fs/promises'
import { build } from 'esbuild'

const WAYS = ['env', 'docker', 'local', 'embedded']
const TESTS = new URL('../../test/support/services/', import.meta.url).pathname
/** Inside the installation, as what is imported from packages is looked for from there. */
const CACHE = new URL('../../node_modules/.cache/lengthwise/', import.meta.url).pathname

/** The ways are TypeScript, which the oldest supported Node does not read. */
async function loadWays() {
  const contents = WAYS.map((name) => `export { ${name} } from './${name}.ts'`).join('\n')
  const outfile = `${CACHE}services-${process.pid}.mjs`
  await mkdir(CACHE, { recursive: true })
  await build({
    stdin: { contents, resolveDir: TESTS, loader: 'ts' },
    ...{ bundle: true, packages: 'external', platform: 'node', format: 'esm', outfile },
  })
  const found = await import(outfile).finally(() => rm(outfile))
  return WAYS.map((name) => found[name])
}

/**
 * @returns addresses of a Postgres that may create databases and of a Redis, if there is one, and how to stop what was started
 */
export async function findServices() {
  const ways = await loadWays()
  const postgres = await firstOf(ways, 'findPostgres')
  if (postgres === undefined) throw new Error('no Postgres to be had')
  const redis = await firstOf(ways, 'findRedis')
  return {
    postgresUrl: postgres.url,
    redisUrl: redis?.url,
    description: `Postgres ${postgres.description}, ${redis ? `Redis ${redis.description}` : 'no Redis'}`,
    async stop() {
      await redis?.stop?.()
      await postgres.stop?.()
    },
  }
}

async function firstOf(ways, find) {
  for (const way of ways) {
    const found = await way[find]()
    if (found !== undefined) return found
  }
  return undefined
}
