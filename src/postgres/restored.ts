/**
 * After a restore the database knows less than nodes and clients do: an old epoch may come again with other bytes. So every
 * document gets a new epoch, above all that were ever given.
 */
import pg from 'pg'
import type { Log } from '../core/log.ts'

/**
 * A restore sets the sequence back, so it cannot tell what was given after the backup. Milliseconds since 1970 are above
 * that as long as fewer than 1,000 documents a second are made, all restores of this database included; and below 2^53.
 */
const JUMP = `select setval('epochs', greatest(
  (select last_value from epochs), (extract(epoch from clock_timestamp()) * 1000)::bigint)) as base`

/** Who had what open before the restore; the nodes' leases lapse by themselves. */
const FORGET = ['delete from client_keys', 'delete from document_nodes']

/** Keys follow by their foreign keys; chunks have none. A row that somebody holds is waited for. */
const MOVE = `with old as materialized (
    select key from documents where key <= $1 order by key limit $2 for update
  ), moved as materialized (
    select key as was, nextval('epochs') as becomes from old
  ), documents_moved as (
    update documents d set key = m.becomes from moved m where d.key = m.was
  ), chunks_moved as (
    update document_chunks c set key = m.becomes from moved m where c.key = m.was
  )
  select count(*)::int as documents from moved`

export interface RestoredOptions {
  readonly log: Log
  /** Documents in one transaction. */
  readonly portion?: number
}

/**
 * May be run again after it was interrupted, and while nodes run: their sessions join again.
 * @returns how many documents have a new epoch
 */
export async function giveNewEpochs(
  url: string,
  { log, portion = 100 }: RestoredOptions,
): Promise<number> {
  const client = new pg.Client({ connectionString: url, application_name: 'lengthwise restored' })
  client.on('error', () => undefined)
  await client.connect()
  try {
    const base = (await client.query<{ base: string }>(JUMP)).rows[0]?.base
    for (const statement of FORGET) await client.query(statement)
    let moved = 0
    for (;;) {
      const answer = await client.query<{ documents: number }>(MOVE, [base, portion])
      const { documents } = answer.rows[0] ?? { documents: 0 }
      if (documents === 0) return moved
      moved += documents
      log.info({ documents: moved }, 'documents have a new epoch')
    }
  } finally {
    await client.end().catch(() => undefined)
  }
}
