/** Whether a Redis is one server or a cluster, and which server of a cluster owns which slots. */
import { openConnection } from './connection.ts'
import type { Server } from './connection.ts'
import { SLOTS } from './slots.ts'

export interface Topology {
  readonly isCluster: boolean
  readonly owners: readonly Owner[]
  /** Everybody who could be asked again, replicas too. */
  readonly urls: readonly string[]
}

export interface Owner {
  readonly url: string
  readonly ranges: Ranges
}

export type Ranges = readonly (readonly [first: number, last: number])[]

type SlotsAnswer = [first: number, last: number, ...nodes: [host: string | null, port: number][]][]

const ASK_MS = 2_000

/** @throws Error when this server does not answer */
export async function askTopology(server: Server, signal: AbortSignal): Promise<Topology> {
  const options = { server, name: 'lengthwise:topology', commandMs: ASK_MS }
  const connection = await openConnection(options, signal)
  const { redis } = connection
  try {
    // A server that keeps INFO to itself is taken for a single one.
    const info = await redis.info('cluster').catch(() => '')
    if (!info.includes('cluster_enabled:1')) return singleServer(server.url)
    return readSlots(server.url, (await redis.call('CLUSTER', 'SLOTS')) as SlotsAnswer)
  } finally {
    connection.destroy()
  }
}

function singleServer(url: string): Topology {
  return { isCluster: false, owners: [{ url, ranges: [[0, SLOTS - 1]] }], urls: [url] }
}

function readSlots(asked: string, answer: SlotsAnswer): Topology {
  const ranges = new Map<string, [number, number][]>()
  const urls = new Set<string>()
  for (const [first, last, ...nodes] of answer) {
    const [owner] = nodes.map(([host, port]) => at(asked, host, port))
    for (const [host, port] of nodes) urls.add(at(asked, host, port))
    if (owner === undefined) continue
    const owned = ranges.get(owner)
    if (owned) owned.push([first, last])
    else ranges.set(owner, [[first, last]])
  }
  const owners = [...ranges].map(([url, owned]) => ({ url, ranges: owned }))
  return { isCluster: true, owners, urls: [...urls] }
}

/** The same address for another node of the cluster. A node that does not know its own host says nothing. */
function at(asked: string, host: string | null, port: number): string {
  const url = new URL(asked)
  if (host !== null && host !== '') url.hostname = host.includes(':') ? `[${host}]` : host
  url.port = String(port)
  return url.toString()
}
