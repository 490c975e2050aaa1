import type { Pools } from './pool.ts'

const CLUSTER_ID = { name: 'cluster-id', text: `select id from cluster` }
const PING = { name: 'ping', text: `select 1` }

/** @returns the random id that the first migration gave this database; part of every channel name */
export async function readClusterId(pools: Pools): Promise<string> {
  const [row] = await pools.others.query(CLUSTER_ID, [])
  return row?.[0] as string
}

/** @throws StoreError when Postgres does not answer */
export async function ping(pools: Pools): Promise<void> {
  await pools.others.query(PING, [])
}
