/** Everything that can be made to go wrong, one verb each. Nodes have theirs: kill, stop, pause, resume. */
import { Redis } from 'ioredis'
import { Client } from 'pg'
import type { TestNode } from './nodes.ts'
import type { ZwibblerClient } from './zwibbler.ts'
import { sleep } from './wait.ts'

export { startPostgresProxy } from './postgresProxy.ts'
export type { PostgresProxy } from './postgresProxy.ts'
export { startRedisProxy } from './redisProxy.ts'
export type { RedisProxy } from './redisProxy.ts'
export { startPostgres, startRedis } from './servers.ts'
export type { OwnServer } from './servers.ts'

/** Redis ends every connection that has subscribed to anything. @returns how many; only for a Redis of one's own */
export async function killRedisSubscribers(url: string): Promise<number> {
  const redis = new Redis(url)
  try {
    return Number(await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub'))
  } finally {
    redis.disconnect()
  }
}

/** Holds a document's row so that nothing can append to it. @param document its id as stored. @returns resolves when it has been let go */
export async function lockRow(
  databaseUrl: string,
  document: string,
  ms: number,
): Promise<{ released: Promise<void> }> {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query('begin')
  await client.query('select from documents where id = $1 for update', [document])
  const release = async (): Promise<void> => {
    await sleep(ms) // the length of the fault, not a wait for something
    await client.query('rollback')
    await client.end()
  }
  return { released: release() }
}

/** Reads no further byte: the kernel's buffers fill up, then the node's. It still is a living connection. */
export function slowReader(client: ZwibblerClient): { resume(): void } {
  client.socket.pause()
  return { resume: () => client.socket.resume() }
}

/** Lets a node run for a moment each second only, as a container whose share of the processor is used up. */
export function starve(node: TestNode): { feed(): Promise<void> } {
  let isOver = false
  const starving = (async () => {
    while (!isOver) {
      node.pause()
      await sleep(STARVED_MS.stopped) // the length of the fault, not a wait for something
      node.resume()
      await sleep(STARVED_MS.running)
    }
  })()
  return {
    async feed() {
      isOver = true
      await starving
    },
  }
}

const STARVED_MS = { stopped: 900, running: 100 }
