/**
 * Connections to Postgres, in lanes that cannot starve each other, each statement with a deadline of ours: a connection
 * that misses it is destroyed, because what it still carries can no longer be told apart from the next answer.
 */
import { Socket } from 'node:net'
import pg from 'pg'
import { StoreError, type StoreErrorCode } from '../core/errors.ts'
import { RowSocket } from './row-socket.ts'
import { classify } from './sqlstate.ts'

export interface Statement {
  /** Prepared under this name on each connection, if statements are prepared. */
  readonly name: string
  readonly text: string
}

export type Row = readonly unknown[]

export interface Lane {
  /** Rows as arrays, in the order of the select list. @throws StoreError */
  readonly query: Query
  /**
   * For one row at most, of int8 columns and a bytea as the last one, which goes into what `into` returns for its size.
   * Over TLS and in other lanes than `reads` it is in a buffer of its own instead. @throws StoreError
   */
  readonly queryBytes: QueryBytes
  /** Commits what `work` did, or rolls back when it throws. @throws StoreError, or what `work` threw */
  transaction<T>(work: (query: Query) => Promise<T>): Promise<T>
  /** Callers that wait for a connection. */
  readonly waiting: number
  readonly connections: { readonly open: number; readonly inUse: number; readonly limit: number }
}

export type LaneName = keyof PoolOptions['sizes']

export type Query = (statement: Statement, values: readonly unknown[]) => Promise<readonly Row[]>

export type QueryBytes = (
  statement: Statement,
  values: readonly unknown[],
  into: (size: number) => Uint8Array,
) => Promise<Row | undefined>

export interface Pools {
  readonly appends: Lane
  /** For rows that somebody holds: waits for the lock, but not long. */
  readonly alone: Lane
  readonly reads: Lane
  readonly others: Lane
  close(): Promise<void>
}

export interface PoolOptions {
  readonly url: string
  readonly statementMs: number
  /** Whether statements are prepared by their names, once for each connection. Default true. */
  readonly prepares?: boolean
  /** How many connections each lane may open. */
  readonly sizes: { appends: number; alone: number; reads: number; others: number }
  /** Another server, or another timeline of it, answers: the database may have gone back. */
  readonly onServerChange: () => void
  readonly onError: (error: Error) => void
  /** How long somebody waited for a connection of a lane. */
  readonly onWait?: (lane: LaneName, seconds: number) => void
  /** How long a connection was used, for a statement or a transaction. */
  readonly onUse?: (lane: LaneName, seconds: number) => void
  readonly onFailure?: (lane: LaneName, code: StoreErrorCode) => void
}

/** Lengths and epochs are bigint columns; both stay far below 2^53. */
const INT8 = 20
const types = new pg.TypeOverrides()
types.setTypeParser(INT8, Number)

/**
 * An acknowledgement that could be lost is a lie: `off` is turned into `on`, stronger settings are kept. None of these is a
 * parameter of the connection: poolers refuse those that they do not know.
 */
const GREET = `select pg_is_in_recovery(), set_config('synchronous_commit',
  case current_setting('synchronous_commit') when 'off' then 'on' else current_setting('synchronous_commit') end, false),
  set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false),
  set_config('idle_in_transaction_session_timeout', $3, false)`
const IDLE_IN_TRANSACTION_MS = 15_000
/** Who answers. Both functions may be withheld from this role; then a failover is only seen by the lengths. */
const IDENTITY = `select (select system_identifier from pg_control_system()) || '/' ||
  (select timeline_id from pg_control_checkpoint()) || '/' || pg_postmaster_start_time()`

export function makePools(options: PoolOptions): Pools {
  let identity: string | undefined
  async function greet(client: pg.Client, lockMs: number): Promise<void> {
    const values = [options.statementMs, lockMs, IDLE_IN_TRANSACTION_MS].map(String)
    const greeting = await client.query<[boolean]>({ text: GREET, values, rowMode: 'array' })
    if (greeting.rows[0]?.[0]) throw new StoreError('away', 'this Postgres is a standby')
    const answer = await client
      .query<[string]>({ text: IDENTITY, rowMode: 'array' })
      .catch(() => undefined)
    const seen = answer?.rows[0]?.[0]
    if (seen === undefined || seen === identity) return
    const changed = identity !== undefined
    identity = seen
    if (changed) options.onServerChange()
  }
  const lane = (name: LaneName, lockMs: number) =>
    makeLane(options, { name, max: options.sizes[name] }, (client) => greet(client, lockMs))
  const lanes = {
    appends: lane('appends', 2_000),
    alone: lane('alone', 500),
    reads: lane('reads', 2_000),
    others: lane('others', 2_000),
  }
  return {
    ...lanes,
    async close() {
      await Promise.all(Object.values(lanes).map((each) => each.close()))
    },
  }
}

function makeLane(
  options: PoolOptions,
  { name, max }: { name: LaneName; max: number },
  greet: (client: pg.Client) => Promise<void>,
): Lane & { close(): Promise<void> } {
  const pool = new pg.Pool({
    connectionString: options.url,
    max,
    connectionTimeoutMillis: options.statementMs,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    application_name: 'lengthwise',
    types,
    stream: (connection?: { ssl?: unknown }) =>
      name === 'reads' && !connection?.ssl ? new RowSocket() : new Socket(),
  })
  // A connection that breaks is only replaced; without listeners it would end the process. Who uses it hears anyway.
  pool.on('error', options.onError)
  pool.on('connect', (client) => client.on('error', () => undefined))
  const greeted = new WeakSet<pg.PoolClient>()
  const { prepares = true } = options
  const as = (statement: Statement): Statement =>
    prepares ? statement : { ...statement, name: '' }

  async function withClient<T>(
    work: (query: Query, queryBytes: QueryBytes) => Promise<T>,
  ): Promise<T> {
    const began = performance.now()
    const client = await connect(pool).catch((error: unknown) => {
      options.onFailure?.(name, 'away')
      throw error
    })
    const had = performance.now()
    options.onWait?.(name, (had - began) / 1000)
    const connection = { isBroken: false }
    const guarded = async <R>(running: Promise<R>): Promise<R> => {
      try {
        return await running
      } catch (error) {
        const failure = classify(error)
        connection.isBroken ||= failure.code === 'lost'
        options.onFailure?.(name, failure.code)
        throw failure
      }
    }
    const query: Query = (statement, values) =>
      guarded(run(client, as(statement), values, options.statementMs))
    const queryBytes: QueryBytes = (statement, values, into) =>
      guarded(runBytes(client, as(statement), values, into, options.statementMs))
    try {
      if (!greeted.has(client)) {
        await withDeadline(client, greet(client), options.statementMs).catch((error: unknown) => {
          connection.isBroken = true
          options.onFailure?.(name, 'away')
          throw new StoreError('away', 'Postgres did not greet', { cause: error })
        })
        greeted.add(client)
      }
      return await work(query, queryBytes)
    } finally {
      if (connection.isBroken) destroy(client)
      client.release(connection.isBroken)
      options.onUse?.(name, (performance.now() - had) / 1000)
    }
  }

  return {
    query: (statement, values) => withClient((query) => query(statement, values)),
    queryBytes: (...question) => withClient((_, queryBytes) => queryBytes(...question)),
    transaction: (work) =>
      withClient(async (query) => {
        await query(BEGIN, [])
        try {
          const result = await work(query)
          await query(COMMIT, [])
          return result
        } catch (error) {
          // A lost connection rolls back by itself.
          if (!(error instanceof StoreError && error.code === 'lost')) await query(ROLLBACK, [])
          throw error
        }
      }),
    get waiting() {
      return pool.waitingCount
    },
    get connections() {
      return { open: pool.totalCount, inUse: pool.totalCount - pool.idleCount, limit: max }
    },
    async close() {
      await pool.end()
    },
  }
}

const BEGIN = { name: '', text: 'begin' }
const COMMIT = { name: '', text: 'commit' }
const ROLLBACK = { name: '', text: 'rollback' }

async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect()
  } catch (error) {
    throw new StoreError('away', 'no connection to Postgres', { cause: error })
  }
}

async function run(
  client: pg.PoolClient,
  { name, text }: Statement,
  values: readonly unknown[],
  deadlineMs: number,
): Promise<readonly Row[]> {
  const config = {
    text,
    values: values as unknown[],
    rowMode: 'array' as const,
    ...(name && { name }),
  }
  const result = await withDeadline(client, client.query<unknown[]>(config), deadlineMs)
  return result.rows
}

async function runBytes(
  client: pg.PoolClient,
  statement: Statement,
  values: readonly unknown[],
  into: (size: number) => Uint8Array,
  deadlineMs: number,
): Promise<Row | undefined> {
  const { stream } = connectionOf(client)
  if (!(stream instanceof RowSocket)) return (await run(client, statement, values, deadlineMs))[0]
  const { name, text } = statement
  const config = { text, values: values as unknown[], binary: true, ...(name && { name }) }
  const row = await stream.takeRow(
    (isLast, size) => (isLast ? into(size) : Buffer.alloc(size)),
    () => withDeadline(client, client.query(config), deadlineMs),
  )
  return row?.map((value, column) =>
    value && column < row.length - 1 ? Number(Buffer.from(value).readBigInt64BE()) : value,
  )
}

async function withDeadline<T>(
  client: pg.PoolClient,
  work: Promise<T>,
  deadlineMs: number,
): Promise<T> {
  const timer = setTimeout(() => {
    destroy(client)
  }, deadlineMs)
  try {
    return await work
  } finally {
    clearTimeout(timer)
  }
}

/** `end` would wait for a peer that may be gone; the socket has to go at once. */
function destroy(client: pg.PoolClient): void {
  connectionOf(client).stream.destroy()
}

function connectionOf(client: pg.PoolClient): { readonly stream: Socket } {
  return (client as unknown as { connection: { stream: Socket } }).connection
}
