/**
 * Bringing the schema up to date, and waiting until somebody has. Any number of nodes may do so at once: they take turns
 * under an advisory lock. A schema that is newer than this release is accepted: migrations are made so that the previous
 * release still runs on it.
 */
import { readdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { Log } from '../core/log.ts'

/** As far from src/postgres/ as from dist/postgres/. */
const MIGRATIONS = fileURLToPath(new URL('../../migrations', import.meta.url))
const TABLE = 'lengthwise_migrations'
/** Not the one that node-pg-migrate uses by itself: an application in the same database may migrate with it, too. */
const LOCK = 5_494_331_276_301_133
const POLL_MS = 1_000

export interface MigrateOptions {
  readonly log: Log
  /** How long to wait for a database that is not there yet, as when everything is started at once. */
  readonly patienceMs?: number
  /** Hears what is waited for. */
  readonly lacks?: (what: 'postgres_away' | 'schema_old') => void
  /** Folder of the migrations; for tests. */
  readonly folder?: string
}

/**
 * Applies what is missing, each migration in a transaction of its own.
 * @returns the names of those applied
 * @throws Error when the database cannot be reached or refuses one; those before it stay
 */
export async function migrate(
  url: string,
  { log, folder = MIGRATIONS, patienceMs = 0, lacks }: MigrateOptions,
): Promise<string[]> {
  await untilReachable(url, { log, patienceMs, lacks })
  lacks?.('schema_old')
  return await withClient(url, async (client) => {
    const schema = await currentSchema(client)
    // Loaded here: only this needs it, and it brings a TypeScript compiler along.
    const { runner } = await import('node-pg-migrate')
    const applied = await runner({
      dbClient: client,
      dir: folder,
      direction: 'up',
      migrationsTable: TABLE,
      migrationsSchema: schema,
      advisoryLockMode: 'wait',
      lockValue: LOCK,
      logger: toLog(log),
    })
    const names = applied.map(({ name }) => name)
    if (names.length > 0) log.info({ migrations: names }, 'the database schema is up to date')
    return names
  })
}

/** Where unqualified names go: migrations and statements name no schema. */
async function currentSchema(client: pg.Client): Promise<string> {
  const answer = await client.query<{ name: string | null }>('select current_schema() as name')
  const name = answer.rows[0]?.name
  if (name === undefined || name === null) throw new Error('no schema of the search_path exists')
  return name
}

function toLog(log: Log): Record<'debug' | 'info' | 'warn' | 'error', (text: string) => void> {
  const tell = (level: 'debug' | 'warn' | 'error') => (text: string) => {
    log[level]({}, text)
  }
  return { debug: tell('debug'), info: tell('debug'), warn: tell('warn'), error: tell('error') }
}

/** Codes of Node, and PostgreSQL's `cannot_connect_now`: these pass by themselves; a wrong password does not. */
const passing = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ETIMEDOUT', '57P03'],
  // The driver's, without a code: a load balancer took the connection, had no server for it, and closed it.
  undefined,
])

async function untilReachable(
  url: string,
  {
    log,
    patienceMs,
    lacks,
  }: { log: Log; patienceMs: number; lacks: MigrateOptions['lacks'] | undefined },
): Promise<void> {
  const end = Date.now() + patienceMs
  while (Date.now() < end) {
    try {
      await withClient(url, () => Promise.resolve())
      return
    } catch (error) {
      if (!passing.has((error as { code?: string }).code)) throw error
      lacks?.('postgres_away')
      log.warn({ err: error }, 'waiting for the database')
    }
    await sleep(POLL_MS)
  }
}

export interface WaitOptions extends MigrateOptions {
  readonly signal?: AbortSignal
}

/**
 * Waits until every migration of this release has been applied, be it by another node or by a job, and be the database
 * away meanwhile.
 * @throws AbortError
 */
export async function waitForSchema(
  url: string,
  { log, signal, folder = MIGRATIONS, lacks }: WaitOptions,
): Promise<void> {
  const needed = await namesIn(folder)
  let told: string | undefined
  for (;;) {
    const lack = await whatLacks(url, needed)
    if (lack === undefined) return
    lacks?.(lack.what)
    if (lack.text !== told) log.warn({}, `waiting for the database schema: ${lack.text}`)
    told = lack.text
    await sleep(POLL_MS, undefined, { signal })
  }
}

async function whatLacks(
  url: string,
  needed: readonly string[],
): Promise<{ what: 'postgres_away' | 'schema_old'; text: string } | undefined> {
  try {
    const applied = await withClient(url, appliedIn)
    const missing = needed.filter((name) => !applied.has(name))
    if (missing.length === 0) return undefined
    return { what: 'schema_old', text: `${missing.join(', ')} not applied yet` }
  } catch (error) {
    const text = error instanceof Error ? error.message || error.name : 'no answer'
    return { what: 'postgres_away', text }
  }
}

const UNDEFINED_TABLE = '42P01'

async function appliedIn(client: pg.Client): Promise<ReadonlySet<string>> {
  try {
    const answer = await client.query<{ name: string }>(`select name from ${TABLE}`)
    return new Set(answer.rows.map(({ name }) => name))
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === UNDEFINED_TABLE) return new Set()
    throw error
  }
}

async function namesIn(folder: string): Promise<string[]> {
  const files = await readdir(folder)
  return files.filter((file) => file.endsWith('.sql')).map((file) => file.slice(0, -'.sql'.length))
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    application_name: 'lengthwise migrate',
    keepAlive: true,
  })
  // A connection that breaks fails the query that is under way; without a listener it would end the process.
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}
