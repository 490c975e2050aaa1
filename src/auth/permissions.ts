/**
 * Permissions that were changed after they were given, live on every node: a change is a row that each node polls, so
 * a lost bus message only makes it slower (`hurry` is what such a message is for).
 *
 * A node keeps every user whose permission was ever changed in memory (about 200 bytes each, measured), so that neither a join
 * nor a change costs a query per session.
 */
import type { ChangeNumber, PermissionChange, PermissionStore } from '../core/access.ts'
import type { Log } from '../core/log.ts'
import { isSamePermission, lettersOf, parsePermission } from './permission.ts'
import type { Permission } from './permission.ts'
import { makePoll } from './poll.ts'

/** Somebody's permission as the credential says it. */
export interface Holder {
  /** Nobody in particular: ''. Such a permission never changes. */
  readonly user: string
  readonly permission: Permission
  /** How new the credential is. Without either, every change of the user overrides it. */
  readonly since: {
    /** Registered tokens: the newest change when it was registered. */
    readonly change?: ChangeNumber
    /** JWT: seconds since 1970. */
    readonly issuedAt?: number | undefined
  }
  /** For log lines: whose connection it is about. */
  readonly about?: object
}

export interface Permissions {
  /** False until all changes have been read once; until then nobody can be told to be allowed. */
  readonly isLoaded: boolean
  /** What holds now: the user's change if it is later than the credential, else what the credential says. */
  permissionOf(holder: Holder): Permission
  /**
   * Tells of changes of what holds for this holder, from now on. Ask `permissionOf` once more after calling this: the
   * permission may have changed since it was looked at.
   * @returns ends it
   */
  watch(holder: Holder, listener: (permission: Permission) => void): () => void
  /** Changes a user's permission everywhere; here when the promise resolves. @throws StoreError */
  change(user: string, permission: Permission): Promise<void>
  /** Somebody else has changed something: look now. */
  hurry(): void
  /** Another database answers, or this one went back: read everything anew. */
  reload(): void
  close(): Promise<void>
}

export interface PermissionsOptions {
  readonly store: PermissionStore
  readonly log: Log
  readonly pollMs?: number
  /** After each change that this node made: tell the others to hurry. */
  readonly onLocalChange?: () => void
}

/** Changes read in one query. */
const PAGE = 5_000

interface Watcher {
  readonly holder: Holder
  readonly listener: (permission: Permission) => void
  /** What it was told last. */
  current: Permission
}

/** Starts polling at once; `close` stops it. */
export function makePermissions(options: PermissionsOptions): Permissions {
  const { store, log, pollMs = 1_000, onLocalChange } = options
  let changed = new Map<string, PermissionChange>()
  let last: ChangeNumber = 0
  let isLoaded = false
  let mustReload = true
  const watchers = new Map<string, Set<Watcher>>()

  const poll = makePoll({
    everyMs: pollMs,
    work: read,
    onFailure: (error) => log.warn({ err: error }, 'permission changes cannot be read'),
    onRecovery: () => log.info({}, 'permission changes can be read again'),
  })

  async function read(): Promise<void> {
    if (mustReload) {
      await reload()
      return
    }
    const { last: newest, changes } = await store.changes(last, PAGE)
    // The database went back (failover, restore): changes that we know of may never have been.
    if (newest < last) {
      await reload()
      return
    }
    for (const change of changes) apply(change)
    if (changes.length === PAGE) await read()
  }

  async function reload(): Promise<void> {
    mustReload = false
    try {
      ;[changed, last] = await readAll()
    } catch (error) {
      mustReload = true
      throw error
    }
    isLoaded = true
    for (const user of watchers.keys()) tell(user)
  }

  async function readAll(): Promise<[Map<string, PermissionChange>, ChangeNumber]> {
    const all = new Map<string, PermissionChange>()
    let at: ChangeNumber = 0
    for (;;) {
      const { changes } = await store.changes(at, PAGE)
      for (const change of changes) all.set(change.user, change)
      at = changes.at(-1)?.change ?? at
      if (changes.length < PAGE) return [all, at]
    }
  }

  function apply(change: PermissionChange): void {
    changed.set(change.user, change)
    last = change.change
    tell(change.user)
  }

  function tell(user: string): void {
    for (const watcher of [...(watchers.get(user) ?? [])]) {
      const now = permissionOf(watcher.holder)
      if (isSamePermission(now, watcher.current)) continue
      watcher.current = now
      try {
        watcher.listener(now)
      } catch (error) {
        // One session's failure must not keep the others from hearing of theirs.
        log.error(
          { ...watcher.holder.about, err: error, user },
          'a session could not be told of its permission',
        )
      }
    }
  }

  function permissionOf(holder: Holder): Permission {
    const change = changed.get(holder.user)
    return change && overrides(change, holder) ? parsePermission(change.letters) : holder.permission
  }

  return {
    get isLoaded() {
      return isLoaded
    },
    permissionOf,
    watch(holder, listener) {
      if (holder.user === '') return () => undefined
      const watcher: Watcher = { holder, listener, current: permissionOf(holder) }
      const those = watchers.get(holder.user) ?? new Set()
      watchers.set(holder.user, those.add(watcher))
      return () => {
        those.delete(watcher)
        if (those.size === 0 && watchers.get(holder.user) === those) watchers.delete(holder.user)
      }
    },
    async change(user, permission) {
      await store.change(user, lettersOf(permission))
      onLocalChange?.()
      await poll.now()
    },
    hurry: () => {
      // A failure is the poll's to report.
      void poll.now().catch(() => undefined)
    },
    reload() {
      mustReload = true
      void poll.now().catch(() => undefined)
    },
    close: () => poll.close(),
  }
}

function overrides(change: PermissionChange, { user, since }: Holder): boolean {
  if (user === '') return false
  if (since.change !== undefined) return change.change > since.change
  if (since.issuedAt !== undefined) return since.issuedAt * 1_000 <= change.changedAt
  return true
}
