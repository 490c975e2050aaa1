/** The keys of one document in memory; its twin is `postgres/keys.ts`. */
import type {
  Key,
  KeyChange,
  KeySet,
  KeysChanged,
  KeysSnapshot,
  SessionRef,
} from '../core/ports.ts'

export interface KeyTable {
  readonly version: number
  snapshot(): KeysSnapshot
  set(sets: readonly KeySet[]): KeysChanged & { readonly results: readonly boolean[] }
  drop(owner: SessionRef): KeysChanged | undefined
}

const VERSIONS = 2 ** 32

export function makeKeyTable(): KeyTable {
  /** Keys of both lifetimes may have one name. */
  const keys = new Map<string, Key & { readonly owner: SessionRef }>()
  let version = 0

  function setOne(set: KeySet): boolean {
    const place = `${set.lifetime} ${set.name}`
    if ((keys.get(place)?.version ?? 0) !== set.oldVersion) return false
    const { lifetime, name, owner } = set
    const value = new Uint8Array(set.value)
    keys.set(place, { lifetime, name, version: set.version, value, owner })
    version += 1
    return true
  }

  return {
    get version() {
      return version
    },
    snapshot: () => ({
      version,
      keys: [...keys.values()].map(({ owner: _owner, ...key }) => key),
    }),
    set(sets) {
      const from = version
      const results = sets.map(setOne)
      const stored = sets.filter((_, i) => results[i])
      return { from, to: version, results, changes: stored.map((set) => changeOf(set, false)) }
    },
    drop({ node, session }) {
      const from = version
      const changes: KeyChange[] = []
      for (const [place, key] of keys) {
        const isOwn = key.owner.node === node && key.owner.session === session
        if (key.lifetime !== 'session' || !isOwn) continue
        keys.delete(place)
        version += 1
        const last = (key.version + 1) % VERSIONS
        changes.push(changeOf({ ...key, version: last, value: new Uint8Array() }, true))
      }
      return changes.length > 0 ? { from, to: version, changes } : undefined
    },
  }
}

function changeOf({ lifetime, name, version, value }: Key, removed: boolean): KeyChange {
  return { lifetime, name, version, value, removed }
}
