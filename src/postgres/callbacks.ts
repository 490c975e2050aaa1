/** Rooms that somebody is to be told of, in Postgres. The port and its promises: `core/callbacks.ts`. */
import type { CallbackStore, Waits } from '../core/callbacks.ts'
import type { Epoch } from '../core/ports.ts'
import type { Lane, Query } from './pool.ts'

/**
 * $1 keys, $2 ages, $3 and $4 the waits; in the order of keys, so that two nodes cannot deadlock. While a node tells of a
 * room (`attempts`), its `due_at` is left alone: what is noted meanwhile is due when that has ended.
 */
const NOTE = {
  name: 'note-callbacks',
  text: `insert into yjs_callbacks as c (key, noted, since, noted_at, due_at)
    select d.key, d.length, w.at, w.at, w.at + $3 * interval '1 ms'
    from (
      select key, now() - age * interval '1 ms' as at from unnest($1::int8[], $2::float8[]) as u(key, age)
    ) w join documents d using (key)
    where d.length > 0 order by d.key
    on conflict (key) do update set
      noted = excluded.noted,
      noted_at = excluded.noted_at,
      since = case when c.due_at is null then excluded.since else c.since end,
      due_at = case
        when c.due_at is null then excluded.due_at
        when c.attempts > 0 then c.due_at
        else least(excluded.due_at, c.since + $4 * interval '1 ms') end
    where excluded.noted > c.told and (excluded.noted > c.noted or c.due_at is null)`,
}

/** In the transaction in which the last node that had them open left, or was found dead: its last changes may not be noted. */
const NOTE_DESERTED = {
  name: 'note-deserted',
  text: `select key from documents where id = any ($1::text[])`,
}

const CLAIM = {
  name: 'claim-callbacks',
  text: `with due as (
      select key from yjs_callbacks where due_at <= now() order by due_at limit $1 for update skip locked
    )
    update yjs_callbacks c set due_at = now() + $2 * interval '1 ms', attempts = attempts + 1
    from due join documents d using (key) where c.key = due.key
    returning c.key, d.id, d.length, c.attempts`,
}

const TOLD = {
  name: 'told-callback',
  text: `update yjs_callbacks set told = greatest(told, $2), attempts = 0, since = noted_at,
      due_at = case when noted > greatest(told, $2) then noted_at + $3 * interval '1 ms' end
    where key = $1`,
}

const RETRY = {
  name: 'retry-callback',
  text: `update yjs_callbacks set due_at = now() + $2 * interval '1 ms' where key = $1`,
}

const GIVE_UP = {
  name: 'give-up-callback',
  text: `update yjs_callbacks set due_at = null, attempts = 0 where key = $1`,
}

export function makeCallbackStore(lane: Lane): CallbackStore {
  return {
    async note(changes, waits) {
      const keys = changes.map(({ epoch }) => epoch)
      const ages = changes.map(({ ageMs }) => Math.round(ageMs))
      await lane.query(NOTE, [list(keys), list(ages), waits.quietMs, waits.mostMs])
    },
    async claim(most, claimMs) {
      const rows = await lane.query(CLAIM, [most, claimMs])
      return rows.map((row) => {
        const [epoch, documentId, length, attempt] = row as [Epoch, string, number, number]
        return { epoch, documentId, length, attempt }
      })
    },
    async told({ epoch, length }, { quietMs }) {
      await lane.query(TOLD, [epoch, length, quietMs])
    },
    async retry({ epoch }, delayMs) {
      await lane.query(RETRY, [epoch, delayMs])
    },
    async giveUp({ epoch }) {
      await lane.query(GIVE_UP, [epoch])
    },
  }
}

/** Rooms that nobody has open any more may have changed without a note: their node may have died before it. */
export async function noteDeserted(
  query: Query,
  documentIds: readonly string[],
  { quietMs, mostMs }: Waits,
): Promise<void> {
  if (documentIds.length === 0) return
  const keys = (await query(NOTE_DESERTED, [documentIds])).map((row) => row[0] as Epoch)
  await query(NOTE, [list(keys), list(keys.map(() => 0)), quietMs, mostMs])
}

function list(numbers: readonly number[]): string {
  return `{${numbers.join(',')}}`
}
