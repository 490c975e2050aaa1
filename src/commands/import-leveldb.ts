import type { Config } from '../config.ts'
import { makeDocumentStore } from '../postgres/documents.ts'
import { migrate } from '../postgres/migrate.ts'
import { makePools } from '../postgres/pool.ts'
import { makeSegmentStore } from '../postgres/segments.ts'
import { importLeveldb as importAll } from '../surfaces/yjs/moving/import-leveldb.ts'
import type { Tally } from '../surfaces/yjs/moving/import-leveldb.ts'
import { openLeveldb } from '../surfaces/yjs/moving/leveldb.ts'
import { loadConfig, quietLog, UsageError, withDatabase } from './command.ts'
import type { Command, Context } from './command.ts'

const STATEMENT_MS = 30_000
const PROGRESS_MS = 2_000

export const importLeveldb: Command = {
  usage: 'import-leveldb DIR',
  about:
    'takes the rooms of a y-leveldb folder (YPERSISTENCE of y-websocket) over; may be run again',
  options: {},
  argument: 'DIR',
  async run(values, context) {
    const folder = values.DIR
    if (typeof folder !== 'string') throw new UsageError('import-leveldb needs the folder')
    const { config } = await loadConfig(context, values)
    const source = await openLeveldb(folder)
    try {
      const tally = await withStores(config, (target) =>
        importAll({
          source,
          target,
          onLeftOut: (sentence) => context.complain(`left out: ${sentence}`),
          onRoom: makeProgress(context),
        }),
      )
      context.print(summaryOf(tally))
      return tally.leftOut === 0 ? 0 : 1
    } finally {
      await source.close()
    }
  },
}

interface Stores {
  readonly store: ReturnType<typeof makeDocumentStore>
  readonly segments: ReturnType<typeof makeSegmentStore>
}

async function withStores<T>(config: Config, work: (stores: Stores) => Promise<T>): Promise<T> {
  const log = quietLog(config)
  return await withDatabase(config, log, async (url) => {
    if (config.MIGRATE) await migrate(url, { log })
    const pools = makePools({
      url,
      statementMs: STATEMENT_MS,
      prepares: config.PREPARED_STATEMENTS,
      sizes: { appends: 1, alone: 1, reads: 1, others: 1 },
      onServerChange: () => undefined,
      onError: () => undefined,
    })
    try {
      return await work({ store: makeDocumentStore(pools), segments: makeSegmentStore(pools) })
    } finally {
      await pools.close()
    }
  })
}

function makeProgress(context: Context): (tally: Tally) => void {
  let toldAt = performance.now()
  return (tally) => {
    if (performance.now() - toldAt < PROGRESS_MS) return
    toldAt = performance.now()
    context.complain(`so far ${summaryOf(tally)}`)
  }
}

function summaryOf({ rooms, bytes, leftOut }: Tally): string {
  const all = Object.values(rooms).reduce((sum, count) => sum + count, 0)
  const kinds = Object.entries(rooms)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}`)
  const detail = kinds.length > 0 ? ` (${kinds.join(', ')})` : ''
  const problems = leftOut > 0 ? `; ${leftOut} left out` : ''
  return `${all} rooms${detail}, ${(bytes / 2 ** 20).toFixed(1)} MiB written${problems}`
}
