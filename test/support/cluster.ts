import { inject } from 'vitest'
import { makeDatabase } from './databases.ts'
import { addFigures } from './metrics.ts'
import type { Figures } from './metrics.ts'
import { makeNode } from './nodes.ts'
import type { NodeOptions, TestNode } from './nodes.ts'

export interface Cluster extends AsyncDisposable {
  readonly nodes: readonly TestNode[]
  /** Of the database that this cluster has to itself, without any proxy. */
  readonly databaseUrl: string
  /** Of all nodes, what they had before they were killed included. */
  metrics(): Promise<Figures>
  [Symbol.asyncDispose](): Promise<void>
}

export interface ClusterOptions extends Partial<Omit<NodeOptions, 'name'>> {
  /** The server that gets the new database; default the shared one. */
  server?: string
  /** What the nodes connect to instead, given the database's own address: a proxy. */
  through?: (databaseUrl: string) => Promise<string> | string
  /** Settings of one node, by its number. */
  envOf?: (index: number) => Record<string, string>
  redisOf?: (index: number) => string | undefined
}

/** Several nodes on a new database. Redis is the shared one unless another, or '' for none, is named. */
export async function makeCluster(size: number, options: ClusterOptions = {}): Promise<Cluster> {
  const services = inject('services')
  const database = await makeDatabase(options.server ?? services.databaseUrl)
  const nodes: TestNode[] = []
  const dispose = async (): Promise<void> => {
    const ends = await Promise.allSettled(nodes.map((node) => node[Symbol.asyncDispose]()))
    await database[Symbol.asyncDispose]()
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }
  try {
    const databaseUrl = (await options.through?.(database.url)) ?? database.url
    const start = (index: number): Promise<TestNode> => {
      const redisUrl = options.redisOf?.(index) ?? options.redisUrl ?? services.redisUrl ?? ''
      return makeNode({
        databaseUrl,
        ...(redisUrl === '' ? {} : { redisUrl, redisPrefix: services.redisPrefix }),
        env: { ...options.env, ...options.envOf?.(index) },
        name: `node ${index}`,
      })
    }
    // All at once, as after a power cut: migrations must bear it.
    const started = await Promise.allSettled(
      Array.from({ length: size }, (_, index) => start(index)),
    )
    for (const result of started) if (result.status === 'fulfilled') nodes.push(result.value)
    for (const result of started) if (result.status === 'rejected') throw result.reason
  } catch (error) {
    await dispose().catch(() => undefined)
    throw error
  }
  return {
    nodes,
    databaseUrl: database.url,
    metrics: async () => addFigures(await Promise.all(nodes.map((node) => node.allMetrics()))),
    [Symbol.asyncDispose]: dispose,
  }
}
