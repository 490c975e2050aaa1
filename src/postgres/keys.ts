/** Keys in Postgres: compare-and-set under the lock of the document's counter, in functions of migration 0001. */
import type { DocumentStore, KeyLifetime, Key, KeyChange, KeySet } from '../core/ports.ts'
import type { Pools, Row } from './pool.ts'
import { isForeignKeyViolation } from './sqlstate.ts'

/** One snapshot for the counter and both tables: what it returns is the state at that version. */
const KEYS = {
  name: 'keys',
  text: `select v.version, k.session_lifetime, k.name, k.version, k.value from documents d
    left join document_key_versions v using (key)
    left join (
      select key, true as session_lifetime, name, version, value from client_keys where key = $1
      union all select key, false, name, version, value from document_keys where key = $1
    ) as k using (key)
    where d.key = $1`,
}

const SET_KEYS = {
  name: 'set-keys',
  text: `select before, after, results
    from set_keys_v1($1, $2::bool[], $3::bytea[], $4::int8[], $5::int8[], $6::bytea[], $7, $8::int8[])`,
}

const DROP_KEYS = {
  name: 'drop-keys',
  text: `select d.before, d.after, n.name, n.version from drop_keys_v1($1, $2, $3) d
    left join lateral unnest(d.names, d.versions) as n(name, version) on true`,
}

type KeyStatements = Pick<DocumentStore, 'keys' | 'setKeys' | 'dropKeys'>

export function makeKeyStatements(pools: Pools): KeyStatements {
  return {
    async keys(epoch) {
      const rows = await pools.reads.query(KEYS, [epoch])
      const keys = rows.filter((row) => row[2] !== null).map(keyOf)
      return { version: (rows[0]?.[0] ?? 0) as number, keys }
    },
    async setKeys(epoch, sets) {
      const [row] = await pools.others
        .query(SET_KEYS, [epoch, ...columns(sets)])
        .catch((error: unknown) => {
          if (isForeignKeyViolation(error)) return [] // the document, or our own node, is gone
          throw error
        })
      if (!row) return undefined
      const [from, to, results] = row as [number, number, boolean[]]
      const changes = sets.filter((_, i) => results[i]).map((set) => change(set))
      return { from, to, results, changes }
    },
    async dropKeys(epoch, { node, session }) {
      const rows = await pools.others.query(DROP_KEYS, [epoch, node, session])
      return droppedKeys(rows)
    },
  }
}

/** @param rows before, after, name, version of each removed key */
export function droppedKeys(
  rows: readonly Row[],
): { from: number; to: number; changes: KeyChange[] } | undefined {
  const [first] = rows
  if (!first || first[0] === first[1]) return undefined
  const changes = rows.map((row): KeyChange => ({
    lifetime: 'session',
    name: (row[2] as Buffer).toString('latin1'),
    version: ((row[3] as number) + 1) % 2 ** 32,
    value: new Uint8Array(),
    removed: true,
  }))
  return { from: first[0] as number, to: first[1] as number, changes }
}

function columns(sets: readonly KeySet[]): unknown[] {
  return [
    sets.map((set) => set.lifetime === 'session'),
    sets.map((set) => Buffer.from(set.name, 'latin1')),
    sets.map((set) => set.oldVersion),
    sets.map((set) => set.version),
    sets.map((set) => Buffer.from(set.value)),
    sets[0]?.owner.node,
    sets.map((set) => set.owner.session),
  ]
}

function change({ lifetime, name, version, value }: KeySet): KeyChange {
  return { lifetime, name, version, value, removed: false }
}

function keyOf([, session, name, version, value]: Row): Key {
  const lifetime: KeyLifetime = session === true ? 'session' : 'document'
  return {
    lifetime,
    name: (name as Buffer).toString('latin1'),
    version: version as number,
    value: value as Buffer,
  }
}
