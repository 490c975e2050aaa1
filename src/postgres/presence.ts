/** Leases of nodes, and which node has which document open. Times are Postgres's own: nobody's clock is trusted. */
import type { Epoch, KeysChanged, PresenceStore } from '../core/ports.ts'
import { droppedKeys } from './keys.ts'
import type { Pools, Query } from './pool.ts'

const REGISTER = {
  name: 'register',
  text: `insert into nodes (id, lease_until) values ($1, now() + $2 * interval '1 ms')`,
}
/** A lapsed lease too, if nobody has removed the node yet: removal and renewal exclude each other by the row's lock. */
const RENEW = {
  name: 'renew',
  text: `update nodes set lease_until = now() + $2 * interval '1 ms' where id = $1 returning 1`,
}
const LIVE = { name: 'live', text: `select id from nodes where lease_until > now()` }
const UNREGISTER = { name: 'unregister', text: `delete from nodes where id = $1` }

/** The row lock excludes a purge or delete; a locked row is skipped so that one document cannot hold up the others. */
const ENTER = {
  name: 'enter',
  text: `with here as (
      select key from documents where key = any ($2::int8[]) order by key for key share skip locked
    ), entered as (
      insert into document_nodes (key, node) select key, $1 from here
      on conflict (key, node) do update set sessions = excluded.sessions returning key
    )
    select w.key, e.key is not null,
      e.key is null and exists (select 1 from documents d where d.key = w.key)
    from unnest($2::int8[]) as w(key) left join entered e on e.key = w.key`,
}

const LEAVE = {
  name: 'leave',
  text: `delete from document_nodes where node = $1 and key = any ($2::int8[]) returning key`,
}
const ACCESSED = {
  name: 'accessed',
  text: `with stale as (
      select key from documents
      where key = any ($1::int8[]) and accessed_at < now() - $2 * interval '1 ms'
      order by key for no key update skip locked
    )
    update documents d set accessed_at = now() from stale where d.key = stale.key`,
}
/** Documents nobody has open: their row is locked so that two nodes leaving at once see each other. */
const DESERTED = {
  name: 'deserted',
  text: `select d.id from documents d where d.key = any ($1::int8[]) and not exists (
      select 1 from document_nodes o join nodes n on n.id = o.node where o.key = d.key and n.lease_until > now())`,
}
const LOCK_DOCUMENTS = {
  name: 'lock-documents',
  text: `select 1 from documents where key = any ($1::int8[]) order by key for no key update`,
}
const COUNT = {
  name: 'count',
  text: `update document_nodes o set sessions = w.sessions
    from unnest($2::int8[], $3::int4[]) as w(key, sessions) where o.node = $1 and o.key = w.key`,
}
const SESSIONS = {
  name: 'sessions',
  text: `select o.node, o.sessions from document_nodes o join nodes n on n.id = o.node
    where o.key = $1 and n.lease_until > now() order by o.node`,
}

const LAPSED = {
  name: 'lapsed',
  text: `select id from nodes where lease_until < now() order by lease_until limit 1 for update skip locked`,
}
const OPEN_BY = {
  name: 'open-by',
  text: `select key from document_nodes where node = $1 order by key`,
}
const KEYED_BY = {
  name: 'keyed-by',
  text: `select distinct key from client_keys where node = $1 order by key`,
}
const DROP_NODE_KEYS = {
  name: 'drop-node-keys',
  text: `select d.before, d.after, n.name, n.version from drop_keys_v1($1, $2, null) d
    left join lateral unnest(d.names, d.versions) as n(name, version) on true`,
}

/** `for update` excludes `enter`: a join then finds the document gone and creates it anew. */
const OLD = {
  name: 'old',
  text: `select key from documents d
    where accessed_at < now() - $2 * interval '1 ms' and starts_with(id, $1) and not exists (
      select 1 from document_nodes o join nodes n on n.id = o.node where o.key = d.key and n.lease_until > now())
    order by key limit $3 for update skip locked`,
}
/** A statement of its own, so that its snapshot is newer than the lock: whoever entered before the lock is seen. */
const PURGE = {
  name: 'purge',
  text: `with gone as (
      delete from documents d where key = any ($1::int8[]) and accessed_at < now() - $2 * interval '1 ms'
        and not exists (
          select 1 from document_nodes o join nodes n on n.id = o.node where o.key = d.key and n.lease_until > now())
      returning key
    )
    insert into deleted_documents (key) select key from gone returning key`,
}

/**
 * One portion of what deleted documents left behind; the epoch is forgotten when nothing of it is left. By ctid, so that
 * the time depends on the portion alone, not on how many rows the document or all documents have.
 */
const BURY = {
  name: 'bury',
  text: `with epoch as materialized (
      select key from deleted_documents order by deleted_at limit 1 for update skip locked
    ), portion as materialized (
      select c.id from epoch cross join lateral (
        select ctid as id from document_chunks where key = epoch.key order by "offset" limit $1) c
    ), rows as (
      delete from document_chunks where ctid = any (array(select id from portion)) returning 1
    ), done as (
      delete from deleted_documents d using epoch where d.key = epoch.key and (select count(*) from rows) = 0
    )
    select (select count(*) from epoch)`,
}

/** Leaving is an access to the second; looking at an open document is written down far less often. */
const LEFT_MS = 1_000

export interface PresenceOptions {
  readonly pools: Pools
  /** Runs in the transaction in which the last session of these documents (ids) left. */
  readonly onDeserted?: (query: Query, ids: readonly string[]) => Promise<void>
}

export function makePresenceStore({ pools, onDeserted }: PresenceOptions): PresenceStore {
  const { others } = pools

  /** In the caller's transaction, after its rows of `document_nodes` are gone. */
  async function desert(query: Query, epochs: string): Promise<void> {
    await query(ACCESSED, [epochs, LEFT_MS])
    if (!onDeserted) return
    await query(LOCK_DOCUMENTS, [epochs])
    const rows = await query(DESERTED, [epochs])
    if (rows.length > 0)
      await onDeserted(
        query,
        rows.map((row) => row[0] as string),
      )
  }

  return {
    async register(node, leaseMs) {
      await others.query(REGISTER, [node, leaseMs])
    },
    async renew(node, leaseMs) {
      return (await others.query(RENEW, [node, leaseMs])).length > 0
    },
    async live() {
      return (await others.query(LIVE, [])).map(([id]) => id as string)
    },
    async enter(node, epochs) {
      const rows = await others.query(ENTER, [node, list(epochs)])
      const keys = (column: number) =>
        new Set(rows.filter((row) => row[column] === true).map((row) => row[0] as Epoch))
      return { entered: keys(1), busy: keys(2) }
    },
    leave: (node, epochs) =>
      others.transaction(async (query) => {
        await query(LEAVE, [node, list(epochs)])
        await desert(query, list(epochs))
      }),
    async count(node, sessions) {
      await others.query(COUNT, [node, list([...sessions.keys()]), list([...sessions.values()])])
    },
    async touch(epochs, everyMs) {
      await others.query(ACCESSED, [list(epochs), everyMs])
    },
    reap: () =>
      others.transaction(async (query) => {
        const [lapsed] = await query(LAPSED, [])
        if (!lapsed) return undefined
        const node = lapsed[0] as string
        const keys = new Map<Epoch, KeysChanged>()
        for (const [epoch] of await query(KEYED_BY, [node])) {
          const changed = droppedKeys(await query(DROP_NODE_KEYS, [epoch, node]))
          if (changed) keys.set(epoch as Epoch, changed)
        }
        const open = await query(OPEN_BY, [node])
        await query(UNREGISTER, [node])
        await desert(query, list(open.map((row) => row[0] as Epoch)))
        return { node, keys }
      }),
    async unregister(node) {
      await others.query(UNREGISTER, [node])
    },
    async sessions(epoch) {
      const rows = await others.query(SESSIONS, [epoch])
      return rows.map((row) => ({ node: row[0] as string, sessions: row[1] as number }))
    },
    purge: (prefix, expiryMs, most) =>
      others.transaction(async (query) => {
        const old = await query(OLD, [prefix, expiryMs, most])
        if (old.length === 0) return 0
        return (await query(PURGE, [list(old.map((row) => row[0] as Epoch)), expiryMs])).length
      }),
    async bury(rows) {
      const [row] = await others.query(BURY, [rows])
      return (row?.[0] ?? 0) !== 0
    },
  }
}

function list(numbers: readonly number[]): string {
  return `{${numbers.join(',')}}`
}
