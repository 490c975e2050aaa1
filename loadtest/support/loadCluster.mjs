/** Nodes with a database of their own, as short-lived as the load on them. */
import { existsSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { makeDatabase } from './database.mjs'
import { startNode } from './nodes.mjs'
import { findServices } from './services.mjs'

/**
 * @param undo where to put what ends each part, in the order of their making
 * @returns where clients connect to, and the processes
 */
export async function startCluster({ size, dist, undo }) {
  if (!(size >= 1)) throw new Error('--nodes is a number from 1')
  if (!existsSync(`${dist}/main.js`)) throw new Error(`no ${dist}/main.js: npm run build`)
  const services = await findServices()
  undo.push(services.stop)
  const database = await makeDatabase(services.postgresUrl)
  undo.push(database.drop)
  const env = { REDIS_PREFIX: `lengthwise-load-${randomBytes(4).toString('hex')}:` }
  const nodes = []
  // One after the other: the first one migrates.
  while (nodes.length < size) {
    const { redisUrl } = services
    const node = await startNode({ dist, databaseUrl: database.url, redisUrl, env })
    undo.push(node.stop)
    nodes.push(node)
  }
  return {
    description: services.description,
    urls: nodes.map(({ port }) => `ws://127.0.0.1:${port}`),
    pids: nodes.map(({ pid }) => pid),
  }
}
