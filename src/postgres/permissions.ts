/** Users whose permission was changed, in Postgres. The port and its promises: `core/access.ts`. */
import type { PermissionChange, PermissionStore } from '../core/access.ts'
import type { Lane } from './pool.ts'

/**
 * One transaction. The counter's row comes first: its lock is held until the commit, so changes become visible in the
 * order of their numbers. Tokens that are committed while this waits for the lock are not seen here, but carry an
 * older number, and are overridden by the user's row.
 */
const CHANGE = {
  name: 'change-permission',
  text: `with counter as (
      update permission_changes set last = last + 1 returning last
    ), theirs as (
      update tokens t set permissions = $2, change = counter.last from counter where t.user_id = $1
    )
    insert into user_permissions (user_id, permissions, change, changed_at)
      select $1, $2, last, clock_timestamp() from counter
    on conflict (user_id) do update set permissions = excluded.permissions, change = excluded.change,
      changed_at = excluded.changed_at
    returning change`,
}

const CHANGES = {
  name: 'permission-changes',
  text: `select c.last, p.user_id, p.permissions, p.change, extract(epoch from p.changed_at)::float8 * 1000
    from permission_changes c left join lateral (
      select * from user_permissions where change > $1 order by change limit $2
    ) p on true order by p.change`,
}

export function makePermissionStore(lane: Lane): PermissionStore {
  return {
    async change(user, letters) {
      const [row] = await lane.query(CHANGE, [user, letters])
      return row?.[0] as number
    },
    async changes(after, most) {
      const rows = (await lane.query(CHANGES, [after, most])) as readonly ChangeRow[]
      return {
        last: rows[0]?.[0] ?? 0,
        changes: rows.flatMap(([, user, letters, change, changedAt]): PermissionChange[] =>
          user === null ? [] : [{ user, letters, change, changedAt }],
        ),
      }
    },
  }
}

type ChangeRow =
  readonly [number, string, string, number, number] | readonly [number, null, never, never, never]
