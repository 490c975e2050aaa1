/** Segments of logs in Postgres. The port and its promises: `core/segments.ts`. */
import type { Epoch } from '../core/ports.ts'
import type { Fold, Segment, SegmentStore } from '../core/segments.ts'
import { storeContent } from './content.ts'
import type { Pools, Query, Row } from './pool.ts'
import { quarantine } from './quarantine.ts'

const SEGMENTS = {
  name: 'segments',
  text: `select from_offset, to_offset, content, length, summary from document_segments
    where key = $1 and replaced_at is null order by from_offset`,
}

/**
 * Excludes a delete, not an append. Before everything else that belongs to the document: a delete takes the document's
 * row first, too.
 */
const LOCK_DOCUMENT = {
  name: 'lock-document-shared',
  text: `select length from documents where key = $1 for key share`,
}
/** Two folds of one document: the second one waits here, and what it looks at afterwards is the first one's work. */
const LOCK_FOLD = {
  name: 'lock-fold',
  text: `insert into document_claims (key) values ($1)
    on conflict (key) do update set claimed_until = document_claims.claimed_until`,
}
const REPLACED = {
  name: 'replaced',
  text: `update document_segments set replaced_at = clock_timestamp() where content = any ($1::int8[])`,
}
const ADD = {
  name: 'add-segment',
  text: `insert into document_segments (key, from_offset, to_offset, content, length, summary)
    values ($1, $2, $3, $4, $5, $6)`,
}

/**
 * A replaced segment counts as well: what it stands for has been in a segment for so long. By ctid, so that no plan looks
 * at all rows of all logs.
 */
const TRIM = {
  name: 'trim',
  text: `with due as materialized (
      select content, key, to_offset from document_segments
      where not is_trimmed and created_at < now() - $1 * interval '1 ms'
      order by created_at limit 1 for update skip locked
    ), portion as materialized (
      select c.id from due cross join lateral (
        select ctid as id from document_chunks
        where key = due.key and "offset" < due.to_offset and "offset" + octet_length(data) <= due.to_offset
        order by "offset" limit $2) c
    ), gone as (
      delete from document_chunks where ctid = any (array(select id from portion))
    ), done as (
      update document_segments s set is_trimmed = true from due
      where s.content = due.content and (select count(*) from portion) < $2
    )
    select 1 from due`,
}
const DROP = {
  name: 'drop-segments',
  text: `with old as (
      select content from document_segments where replaced_at < now() - $1 * interval '1 ms'
      order by replaced_at limit 100 for update skip locked
    )
    delete from document_segments s using old where s.content = old.content returning 1`,
}

const SUMMARIZE = {
  name: 'summarize-segment',
  text: `update document_segments set summary = $2 where content = $1`,
}

const CLAIM = {
  name: 'claim',
  text: `insert into document_claims (key, holder, claimed_until)
    select key, $2, clock_timestamp() + $3 * interval '1 ms' from documents where key = $1 for key share
    on conflict (key) do update set holder = excluded.holder, claimed_until = excluded.claimed_until
    where document_claims.claimed_until <= clock_timestamp() or document_claims.holder = excluded.holder
    returning 1`,
}
const RELEASE = {
  name: 'release-claim',
  text: `delete from document_claims where key = $1 and holder = $2`,
}

export function makeSegmentStore({ reads, others }: Pools): SegmentStore {
  return {
    segments: (epoch) => segmentsOf(reads.query, epoch),
    async replace(epoch, fold) {
      if (!fits(fold, await segmentsOf(others.query, epoch), Infinity)) return false
      try {
        await others.transaction((query) => replace(query, epoch, fold))
        return true
      } catch (error) {
        if (error instanceof Refused) return false
        throw error
      }
    },
    async trim(delayMs, rows) {
      const trimmed = await others.query(TRIM, [delayMs, rows])
      const dropped = await others.query(DROP, [delayMs])
      return trimmed.length + dropped.length > 0
    },
    async claim(epoch, holder, leaseMs) {
      return (await others.query(CLAIM, [epoch, holder, leaseMs])).length > 0
    },
    async release(epoch, holder) {
      await others.query(RELEASE, [epoch, holder])
    },
    quarantine: (epoch, offset, reason) =>
      others.transaction((query) => quarantine(query, epoch, offset, reason)),
    async summarize(content, summary) {
      await others.query(SUMMARIZE, [content, summary])
    },
  }
}

/** Rolls the transaction back. */
class Refused extends Error {}

/** The bytes first, which takes long and holds nothing up; the locks at the end, for a moment. */
async function replace(query: Query, epoch: Epoch, fold: Fold): Promise<void> {
  const content = await storeContent(query, 'segments/', fold)
  const [document] = await query(LOCK_DOCUMENT, [epoch])
  if (!document) throw new Refused()
  await query(LOCK_FOLD, [epoch])
  const found = await segmentsOf(query, epoch)
  if (!fits(fold, found, document[0] as number)) throw new Refused()
  await query(REPLACED, [`{${fold.replaces.join(',')}}`])
  const { from, to, length, summary } = fold
  await query(ADD, [epoch, from, to, content, length, summary])
}

/** Whether the fold begins and ends where others do, and stands for exactly what it was made of. */
function fits(fold: Fold, found: readonly Segment[], length: number): boolean {
  const { from, to, replaces } = fold
  const end = found.at(-1)?.to ?? 0
  const within = found.filter((segment) => segment.from < to && segment.to > from)
  return (
    from < to &&
    to <= length &&
    from === (within[0]?.from ?? end) &&
    to >= (within.at(-1)?.to ?? end) &&
    (to === within.at(-1)?.to || to >= end) &&
    within.length === replaces.length &&
    within.every(({ content }, at) => content === replaces[at])
  )
}

async function segmentsOf(query: Query, epoch: Epoch): Promise<Segment[]> {
  return (await query(SEGMENTS, [epoch])).map(segment)
}

function segment([from, to, content, length, summary]: Row): Segment {
  return {
    from: from as number,
    to: to as number,
    content: content as Epoch,
    length: length as number,
    summary: summary as Uint8Array,
  }
}
