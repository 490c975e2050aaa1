/** A database of this run's own, tables for the naive counterparts, and documents filled without the server. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'

const PREFIX = 'lengthwise_bench_'

export async function makeDatabase(serverUrl) {
  const name = `${PREFIX}${randomBytes(4).toString('hex')}`
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  await once(serverUrl, `create database ${name} template template0`)
  return {
    url: url.toString(),
    drop: () => once(serverUrl, `drop database ${name} with (force)`),
  }
}

async function once(url, sql) {
  const client = await openClient(url)
  try {
    return await client.query(sql)
  } finally {
    await client.end()
  }
}

export async function openClient(url) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
}

/** The same tables, indexes and storage as the server's own, apart from them; `documents` empty documents. */
export async function makeNaiveTables(client, documents) {
  await client.query(`
    create table naive_documents (like documents including all);
    create table naive_chunks (like document_chunks including all)`)
  const { rows } = await client.query(
    `select unnest(reloptions) as option from pg_class where oid = 'documents'::regclass`,
  )
  for (const { option } of rows) await client.query(`alter table naive_documents set (${option})`)
  await emptyNaiveTables(client, documents)
}

export async function emptyNaiveTables(client, documents) {
  await client.query('truncate naive_documents, naive_chunks')
  await client.query(
    `insert into naive_documents (key, id) select i, 'naive/' || i from generate_series(1, $1::int) i`,
    [documents],
  )
}

/** The single append: conditional update and chunk in one statement. $1 key, $2 expected length, $3 append id, $4 data. */
export const NAIVE_APPEND = `with lengthened as (
    update naive_documents set length = length + octet_length($4::bytea) where key = $1 and length = $2::bigint
    returning key)
  insert into naive_chunks (key, "offset", append_id, data) select key, $2::bigint, $3::bigint, $4::bytea
    from lengthened`

/** A document as `length / size` appends would have left it. */
export async function fillDocument(client, id, { length, size }) {
  const { rows } = await client.query(
    `insert into documents (id, length) values ($1, $2) returning key`,
    [`zwibbler/${id}`, length],
  )
  await client.query(
    `insert into document_chunks (key, "offset", append_id, data)
     select $1, i * $3::bigint, i, convert_to(lpad(i::text, $3::int, '.'), 'utf8')
     from generate_series(0, $2::bigint / $3::bigint - 1) i`,
    [rows[0].key, length, size],
  )
}

export async function makeDocuments(client, prefix, count) {
  await client.query(
    `insert into documents (id) select 'zwibbler/' || $1::text || i from generate_series(0, $2::int - 1) i`,
    [prefix, count],
  )
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`)
}
