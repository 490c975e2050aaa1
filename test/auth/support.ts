import { readdirSync, readFileSync } from 'node:fs'
import { inject } from 'vitest'
import type { Log } from '../../src/core/log.ts'
import { makePools } from '../../src/postgres/pool.ts'
import type { Lane, Pools } from '../../src/postgres/pool.ts'
import { makeDatabase, withClient } from '../support/databases.ts'

export interface Line {
  level: 'debug' | 'info' | 'warn' | 'error'
  fields: Record<string, unknown>
  message: string
}

/** A log that can be read. */
export function makeLog(): Log & { lines: Line[] } {
  const lines: Line[] = []
  const at =
    (level: Line['level']) =>
    (fields: object, message: string): void => {
      lines.push({ level, fields: { ...fields }, message })
    }
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

export interface Migrated extends AsyncDisposable {
  readonly url: string
  readonly pools: Pools
  readonly lane: Lane
  [Symbol.asyncDispose](): Promise<void>
}

/** A database with all our tables, and connections to it. */
export async function makeMigrated(): Promise<Migrated> {
  const database = await makeDatabase(inject('services').databaseUrl)
  const folder = new URL('../../migrations/', import.meta.url)
  await withClient(database.url, async (client) => {
    for (const name of readdirSync(folder).sort()) {
      await client.query(readFileSync(new URL(name, folder), 'utf8'))
    }
  })
  const pools = makePools({
    url: database.url,
    statementMs: 5_000,
    sizes: { appends: 1, alone: 1, reads: 1, others: 6 },
    onServerChange: () => undefined,
    onError: () => undefined,
  })
  return {
    url: database.url,
    pools,
    lane: pools.others,
    async [Symbol.asyncDispose]() {
      await pools.close()
      await database[Symbol.asyncDispose]()
    },
  }
}
