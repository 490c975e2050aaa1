import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort, isListening } from '../support/ports.ts'
import { until } from '../support/wait.ts'

/** A Redis Cluster of our own: masters that share the slots, and a replica each if asked for. */
export interface OwnCluster extends AsyncDisposable {
  readonly urls: readonly string[]
  /** An order to the node at this position; masters come first. */
  readonly order: (node: number, ...command: [string, ...(string | number)[]]) => Promise<unknown>
  readonly kill: (node: number) => Promise<void>
  /** Gives a slot to another master, as `redis-cli --cluster reshard` does with each. */
  readonly move: (slot: number, from: number, to: number) => Promise<void>
  readonly ownerOf: (slot: number) => Promise<string>
}

const SLOTS = 16_384
const children = new Set<ChildProcess>()
process.once('exit', () => children.forEach((child) => child.kill('SIGKILL')))

interface Node {
  readonly port: number
  readonly folder: string
  readonly child: ChildProcess
  readonly redis: Redis
  id: string
}

export async function startCluster({ masters = 3, replicas = false } = {}): Promise<OwnCluster> {
  const count = replicas ? masters * 2 : masters
  const nodes: Node[] = []
  for (let i = 0; i < count; i += 1) nodes.push(await startNode())
  const order: OwnCluster['order'] = (node, ...[command, ...rest]) =>
    nodes[node]!.redis.call(command, ...rest)

  for (const [i, node] of nodes.entries()) node.id = String(await order(i, 'CLUSTER', 'MYID'))
  for (let i = 0; i < masters; i += 1) {
    const [first, end] = [0, 1].map((n) => Math.floor(((i + n) * SLOTS) / masters))
    await order(i, 'CLUSTER', 'ADDSLOTSRANGE', first!, end! - 1)
  }
  for (const { port } of nodes) await order(0, 'CLUSTER', 'MEET', '127.0.0.1', port)
  await until('everybody knows everybody', async () => {
    const known = await Promise.all(nodes.map((_, i) => order(i, 'CLUSTER', 'NODES')))
    return known.every((text) => String(text).trim().split('\n').length === count)
  })
  for (let i = masters; i < count; i += 1) {
    await order(i, 'CLUSTER', 'REPLICATE', nodes[i - masters]!.id)
  }
  await until('the replicas have what their masters have', async () => {
    const infos = nodes.slice(masters).map(({ redis }) => redis.info('replication'))
    return (await Promise.all(infos)).every((text) => text.includes('master_link_status:up'))
  })
  await until('the cluster is up', async () => {
    const states = await Promise.all(nodes.map((_, i) => order(i, 'CLUSTER', 'INFO')))
    return states.every((text) => String(text).includes('cluster_state:ok'))
  })

  return {
    urls: nodes.map(({ port }) => `redis://127.0.0.1:${port}`),
    order,
    kill: (node) => kill(nodes[node]!),
    async move(slot, from, to) {
      await order(to, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', nodes[from]!.id)
      await order(from, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', nodes[to]!.id)
      // First the new owner, so that no moment is without one; then everybody else.
      const others = nodes.map((_, i) => i).filter((i) => i !== to)
      for (const node of [to, ...others]) {
        await order(node, 'CLUSTER', 'SETSLOT', slot, 'NODE', nodes[to]!.id).catch(() => undefined)
      }
    },
    async ownerOf(slot) {
      const alive = nodes.findIndex(({ child }) => child.exitCode === null && !child.killed)
      const answer = (await order(alive, 'CLUSTER', 'SLOTS')) as [
        number,
        number,
        [string, number],
      ][]
      const range = answer.find(([first, last]) => first <= slot && slot <= last)
      return `redis://127.0.0.1:${range![2][1]}`
    },
    async [Symbol.asyncDispose]() {
      for (const node of nodes) await kill(node)
    },
  }
}

async function startNode(): Promise<Node> {
  // Its bus port is this plus 10,000.
  let port = await freePort()
  while (port > 50_000) port = await freePort()
  const folder = await mkdtemp(join(tmpdir(), 'lengthwise-cluster-'))
  const cluster = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000']
  const prompt = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1']
  const quiet = ['--save', '', '--appendonly', 'no', '--dir', folder, '--bind', '127.0.0.1']
  const child = spawn('redis-server', ['--port', String(port), ...cluster, ...prompt, ...quiet], {
    stdio: 'ignore',
  })
  children.add(child)
  await until('the node listens', () => isListening(port))
  const redis = new Redis(port, '127.0.0.1', { retryStrategy: () => null })
  redis.on('error', () => undefined)
  return { port, folder, child, redis, id: '' }
}

async function kill({ child, redis, folder }: Node): Promise<void> {
  redis.disconnect()
  children.delete(child)
  if (child.exitCode === null && child.signalCode === null) {
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }
  await rm(folder, { recursive: true, force: true })
}
