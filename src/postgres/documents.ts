/** The log in Postgres: open, append, read. Keys are in `keys.ts`. The port and its promises: `core/ports.ts`. */
import type { CreateIn } from '../core/access.ts'
import type {
  Chunk,
  DocumentAppends,
  DocumentOutcome,
  DocumentStore,
  Epoch,
  OpenRequest,
  OpenResult,
} from '../core/ports.ts'
import { StoreError } from '../core/errors.ts'
import { ANYWHERE } from '../core/ports.ts'
import { packBatch, rowsOf } from './batch.ts'
import { makeKeyStatements } from './keys.ts'
import type { Pools, Query, Row } from './pool.ts'

/** Rows of one insert while a document is created: bounds the size of a statement, not of the document. */
const INSERT_BYTES = 4 * 1024 * 1024

const NOTHING = new Uint8Array()

const FIND = { name: 'find', text: `select key, length, creation_id from documents where id = $1` }

/** An access is only written down when the last one is a while ago: the row would be rewritten at every look. */
const TOUCH = {
  name: 'touch-one',
  text: `update documents set accessed_at = now() where id = $1 and accessed_at < now() - interval '1 second'`,
}

const CREATE = {
  name: 'create',
  text: `insert into documents (id, length, creation_id) values ($1, $2, $3) on conflict (id) do nothing returning key`,
}

const INSERT_ROWS = {
  name: 'insert-rows',
  text: `insert into document_chunks (key, "offset", append_id, data)
    select $1, r.o, $2, substring($5::bytea from r.start for r.size)
    from unnest($3::int8[], $4::int4[], $6::int4[]) as r(o, start, size)`,
}

/**
 * The group commit. The locking select comes first, in the order of keys, so that two batches cannot deadlock; it
 * returns the newest committed length even when that is later than the statement's snapshot, so losers carry the
 * actual length. `length = expected` must therefore stay out of it, and the update trusts only what was locked.
 * An expected length below zero: wherever it ends.
 */
const append = (lock: string) => `
  with wanted as materialized (
    select * from unnest($1::int8[], $2::int8[], $3::int8[]) as w(key, expected, added)
  ), locked as materialized (
    select d.key, d.length from documents d where d.key = any ($1::int8[]) order by d.key for no key update ${lock}
  ), winners as materialized (
    select w.key, l.length as base, w.added
    from wanted w join locked l on l.key = w.key and (l.length = w.expected or w.expected < 0)
  ), lengthened as (
    update documents d set length = w.base + w.added from winners w where d.key = w.key and w.added > 0
  ), stored as (
    insert into document_chunks (key, "offset", append_id, data)
    select key, winners.base + r.o, r.append_id, substring($9::bytea from r.start for r.size)
    from unnest($4::int8[], $5::int8[], $6::int8[], $7::int4[], $8::int4[]) as r(key, o, append_id, start, size)
    join winners using (key)
  )
  select w.key, l.length,
    case when l.key is null then exists (select 1 from documents d where d.key = w.key) end
  from wanted w left join locked l using (key)`

const APPEND = { name: 'append', text: append('skip locked') }
const APPEND_WAITING = { name: 'append-waiting', text: append('') }

const APPEND_ID = {
  name: 'append-id',
  text: `select append_id from document_chunks where key = $1 and "offset" = $2`,
}

/**
 * From the row that holds byte $2 to the last one that begins before $3, cut at both ends; with what is needed to see a
 * hole, the length in the same snapshot among it. No row at all: the document is gone.
 */
const READ = {
  name: 'read',
  text: `select d.length, first, last, octet_length(bytes)::int8,
      substring(bytes from ($2 - first + 1)::int4 for ($3 - $2)::int4)
    from documents d left join lateral (
      select min(o) as first, max(o + octet_length(data)) as last, string_agg(data, '' order by o) as bytes
      from (
        select "offset" as o, data from document_chunks
        where key = $1 and "offset" < $3 and "offset" >= coalesce(
          (select max("offset") from document_chunks where key = $1 and "offset" <= $2), 0)
      ) as rows
    ) as run on true where d.key = $1`,
}

const STATES = {
  name: 'states',
  text: `select d.key, d.length, coalesce(v.version, 0)
    from documents d left join document_key_versions v using (key) where d.key = any ($1::int8[])`,
}

const REMOVE = {
  name: 'remove',
  text: `with gone as (delete from documents where id = $1 returning key)
    insert into deleted_documents (key) select key from gone returning key`,
}

export interface PostgresDocuments extends DocumentStore {
  /** @param into makes room for the bytes, once their number is known */
  read(
    epoch: Epoch,
    from: number,
    to: number,
    into?: (size: number) => Uint8Array,
  ): Promise<Uint8Array>
}

/** @returns the store; it owns nothing, the pools are the caller's */
export function makeDocumentStore(pools: Pools): PostgresDocuments {
  return {
    open: (request) => open(pools, request),
    async append(batch, wait) {
      const lane = wait ? pools.alone : pools.appends
      const rows = await lane.query(wait ? APPEND_WAITING : APPEND, packBatch(batch))
      return outcomes(batch, rows, wait)
    },
    async appendIdAt(epoch, offset) {
      const [row] = await pools.reads.query(APPEND_ID, [epoch, offset])
      return row?.[0] as number | undefined
    },
    async read(epoch, from, to, into = allocate) {
      const row = await pools.reads.queryBytes(READ, [epoch, from, to], into)
      return row ? run(row, from, to) : NOTHING
    },
    async states(epochs) {
      const rows = await pools.reads.query(STATES, [list(epochs)])
      return new Map(
        rows.map((row) => [
          row[0] as Epoch,
          { length: row[1] as number, keysVersion: row[2] as number },
        ]),
      )
    },
    async find(id) {
      const [row] = await pools.others.query(FIND, [id])
      if (row) await pools.others.query(TOUCH, [id])
      return row && { epoch: row[0] as Epoch, length: row[1] as number }
    },
    async remove(id) {
      const [row] = await pools.others.query(REMOVE, [id])
      return row?.[0] as Epoch | undefined
    },
    ...makeKeyStatements(pools),
  }
}

async function open(pools: Pools, request: OpenRequest): Promise<OpenResult> {
  for (;;) {
    const [row] = await pools.others.query(FIND, [request.id])
    if (row) return opened(row, request)
    if (request.creation === 'never') return { kind: 'missing' }
    const epoch = await create(pools, request)
    const length = request.initial.length
    if (epoch !== undefined) return { kind: 'opened', epoch, length, created: true }
    // Somebody created it in between; one statement could not have seen that row, a second one does.
  }
}

function opened(row: Row, request: OpenRequest): OpenResult {
  const created = row[2] === request.creationId
  if (request.creation === 'must' && !created) return { kind: 'exists' }
  return { kind: 'opened', epoch: row[0] as Epoch, length: row[1] as number, created }
}

function create(pools: Pools, request: OpenRequest): Promise<Epoch | undefined> {
  // A lone statement is a transaction of its own.
  if (request.initial.length === 0) return createDocument(pools.others.query, request)
  return pools.others.transaction((query) => createDocument(query, request))
}

/** Creates a document in the transaction that `query` queries in. @returns undefined when the id is taken */
export const createDocument: CreateIn<Query> = async (query, { id, initial, creationId }) => {
  const [row] = await query(CREATE, [id, initial.length, creationId])
  if (!row) return undefined
  const epoch = row[0] as Epoch
  await insertInitial(query, epoch, { id: creationId, data: initial })
  return epoch
}

async function insertInitial(query: Query, epoch: Epoch, chunk: Chunk): Promise<void> {
  for (let from = 0; from < chunk.data.length; from += INSERT_BYTES) {
    const data = chunk.data.subarray(from, from + INSERT_BYTES)
    const rows = rowsOf(data.length)
    await query(INSERT_ROWS, [
      epoch,
      chunk.id,
      list(rows.map((row) => from + row.start)),
      list(rows.map((row) => row.start + 1)),
      data,
      list(rows.map((row) => row.size)),
    ])
  }
}

function outcomes(
  batch: readonly DocumentAppends[],
  rows: readonly Row[],
  wait: boolean,
): DocumentOutcome[] {
  const found = new Map(rows.map((row) => [row[0] as Epoch, row]))
  return batch.map(({ epoch, expected, chunks }) => {
    const [, length, exists] = found.get(epoch) ?? []
    // Waited for and still not locked: deleted meanwhile, whatever the older snapshot sees.
    if (typeof length !== 'number') return { kind: exists === true && !wait ? 'busy' : 'missing' }
    if (expected !== ANYWHERE && length !== expected) return { kind: 'conflict', length }
    return {
      kind: 'stored',
      length: chunks.reduce((sum, chunk) => sum + chunk.data.length, length),
    }
  })
}

/** @throws StoreError `hole` when rows are missing in the run: nothing may treat that as the end of the log */
function run([length, first, last, size, bytes]: Row, from: number, to: number): Uint8Array {
  const end = Math.min(to, length as number)
  if (from >= end) return NOTHING
  const isWhole =
    first !== null &&
    (first as number) <= from &&
    (last as number) >= end &&
    (last as number) - (first as number) === size
  if (!isWhole) throw new StoreError('hole', `the log has a hole between ${from} and ${end}`)
  return bytes as Uint8Array
}

function allocate(size: number): Uint8Array {
  return Buffer.allocUnsafeSlow(size)
}

function list(numbers: readonly number[]): string {
  return `{${numbers.join(',')}}`
}
