import { Client } from 'pg'
import { migrate } from '../../src/postgres/migrate.ts'
import { makeDocumentStore } from '../../src/postgres/documents.ts'
import { makePools } from '../../src/postgres/pool.ts'
import { makePresenceStore } from '../../src/postgres/presence.ts'
import { silentLog } from '../redis/support.ts'
import { withClient } from '../support/databases.ts'
import type { Bench } from './store/bench.ts'

const nodes = ['contract-one', 'contract-two'] as const

/** Two stores, each with pools of its own as two nodes have them, on a database that has no schema yet. */
export async function makePostgresBench(url: string): Promise<Bench> {
  await migrate(url, { log: silentLog })
  const pools = nodes.map(() => makeNodePools(url))
  const [near, far] = pools.map((each) => makeDocumentStore(each))
  const presence = makePresenceStore({ pools: pools[0]! })
  for (const node of nodes) await presence.register(node, 600_000)
  return {
    near: near!,
    far: far!,
    nodes,
    lock: (epoch) => lockRow(url, epoch),
    async loseRow(epoch, offset) {
      await withClient(url, (client) =>
        client.query('delete from document_chunks where key = $1 and "offset" = $2', [
          epoch,
          offset,
        ]),
      )
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(pools.map((each) => each.close()))
    },
  }
}

function makeNodePools(url: string) {
  return makePools({
    url,
    statementMs: 5_000,
    sizes: { appends: 3, alone: 2, reads: 3, others: 3 },
    onServerChange: () => undefined,
    onError: () => undefined,
  })
}

async function lockRow(url: string, epoch: number): Promise<() => Promise<void>> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query('begin')
  await client.query('select 1 from documents where key = $1 for update', [epoch])
  return async () => {
    await client.query('rollback')
    await client.end()
  }
}
