/**
 * Idle events in Postgres. Scheduling runs inside somebody else's transaction: the one in which the last session left.
 * A join costs nothing here: a claim looks whether somebody has the document open, and the next leave schedules anew.
 * The port of the sender: `core/idle.ts`.
 */
import type { IdleEventStore } from '../core/idle.ts'
import type { Lane, Query } from './pool.ts'

/** In the order of ids, so that two nodes which schedule the same documents cannot deadlock. */
const SCHEDULE = {
  name: 'schedule-idle-events',
  text: `insert into idle_events (document_id, event_id, due_at)
    select id, gen_random_uuid(), now() + $2 * interval '1 ms' from (
      select distinct id collate "C" as id from unnest($1::text[]) as u(id) order by 1
    ) w
    on conflict (document_id) do update set event_id = excluded.event_id, due_at = excluded.due_at,
      attempts = 0, claimed_until = null`,
}

/** Taking the lock looks at the row again: one that another node has just claimed no longer matches. */
const CLAIM = {
  name: 'claim-idle-events',
  text: `with due as (
      select document_id from idle_events
      where due_at <= now() and (claimed_until is null or claimed_until <= now())
      order by due_at limit $1 for update skip locked
    ), claimed as (
      update idle_events e set claimed_until = now() + $2 * interval '1 ms', attempts = attempts + 1
      from due where e.document_id = due.document_id returning e.*
    )
    select c.event_id, c.document_id, c.attempts, exists (
      select 1 from documents d join document_nodes o on o.key = d.key join nodes n on n.id = o.node
      where d.id = c.document_id and n.lease_until > now())
    from claimed c`,
}

const FINISH = {
  name: 'finish-idle-event',
  text: `delete from idle_events where document_id = $1 and event_id = $2`,
}

const RETRY = {
  name: 'retry-idle-event',
  text: `update idle_events set due_at = now() + $3 * interval '1 ms', claimed_until = null
    where document_id = $1 and event_id = $2`,
}

/** The last session left, or the document was deleted: a new event, which replaces one that waits. */
export async function scheduleIdleEvents(
  query: Query,
  documentIds: readonly string[],
  delayMs: number,
): Promise<void> {
  if (documentIds.length > 0) await query(SCHEDULE, [documentIds, delayMs])
}

export function makeIdleEventStore(lane: Lane): IdleEventStore {
  return {
    async claim(most, claimMs) {
      const rows = await lane.query(CLAIM, [most, claimMs])
      return rows.map((row) => {
        const [id, documentId, attempt, isOpen] = row as readonly [string, string, number, boolean]
        return { id, documentId, attempt, isOpen }
      })
    },
    async finish({ documentId, id }) {
      await lane.query(FINISH, [documentId, id])
    },
    async retry({ documentId, id }, delayMs) {
      await lane.query(RETRY, [documentId, id, delayMs])
    },
  }
}
