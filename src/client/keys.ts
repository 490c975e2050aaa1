/**
 * Named, versioned values beside the document (spec section 9).
 *
 * A session key ends with the connection of who set it last; a document key stays with the document. Setting one names the
 * version it replaces, so of two who set at once one is refused. After a reconnect session keys are set again from version
 * 0, because the server has dropped them or is about to.
 */
import { same } from './bytes.ts'
import type { KeyEntry, SetKey } from './codec.ts'
import { makeKeyTable } from './keyTable.ts'
import type { Key } from './keyTable.ts'

export type Lifetime = 'session' | 'document'
/** Lost: the connection ended, or there is none, and whether it was stored is not known. */
export type SetOutcome = 'stored' | 'refused' | 'lost'
export type UpdateOutcome =
  | { readonly kind: 'stored'; readonly key: Key }
  /** The caller's function returned undefined. */
  | { readonly kind: 'unchanged' }
  /** Refused every time: most likely it takes a permission we have not (`admin:`). */
  | { readonly kind: 'refused' }
  | { readonly kind: 'closed' }

export interface Keys {
  get(name: string): Key | undefined
  all(): Key[]
  /** Compare-and-set: stores if the version is `from`, or if the key is missing and `from` is 0. `to` is one more if not given. */
  set(
    name: string,
    value: Uint8Array,
    options: { lifetime: Lifetime; from: number; to?: number },
  ): Promise<SetOutcome>
  /**
   * Reads, changes and sets, again and again until nobody came between; waits while there is no connection.
   * @param change gets the present key, returns the new value, or undefined to leave it
   */
  update(
    name: string,
    lifetime: Lifetime,
    change: (present: Key | undefined) => Uint8Array | undefined,
  ): Promise<UpdateOutcome>
  /**
   * Shows a value for as long as we are here, without confirmation: for what changes quickly and has one writer, such as a
   * pointer. The name must be ours alone. While there is no connection only the last value is kept for later.
   */
  share(name: string, value: Uint8Array): void
  /** Ends `share`: the others get an empty value. */
  unshare(name: string): void
}

interface Options {
  readonly isJoined: () => boolean
  readonly send: (message: SetKey) => void
  readonly changed: (key: Key & { own: boolean }) => void
  readonly settleMs: number
}
interface Own {
  readonly value: Uint8Array
  readonly version: number
  readonly isShared: boolean
}

/** Requests that want no answer have this id, so that a refusal is recognised as theirs. */
const UNCONFIRMED = 0
const MAX_TRIES = 30
const empty = new Uint8Array()

export function makeKeys({ isJoined, send, changed, settleMs }: Options) {
  const table = makeKeyTable({ changed, settleMs })
  const own = new Map<string, Own>()
  const requests = new Map<number, (outcome: SetOutcome) => void>()
  let untilJoined: (() => void)[] = []
  let isClosed = false
  let lastRequest = UNCONFIRMED

  function freeRequest(): number {
    do lastRequest = (lastRequest % 0xffff) + 1
    while (requests.has(lastRequest))
    return lastRequest
  }

  /** Equal versions: the server stores, and answers only if it refuses. */
  function sendQuietly(name: string, value: Uint8Array): void {
    const key = { lifetime: 0, oldVersion: 0, newVersion: 0, name, value }
    if (isJoined()) send({ type: 'set-key', request: UNCONFIRMED, ...key })
  }

  const set: Keys['set'] = (name, value, { lifetime, from, to = from + 1 }) => {
    if (from === to) throw new RangeError('equal versions are not confirmed: use share')
    if (!isJoined()) return Promise.resolve('lost')
    const request = freeRequest()
    return new Promise((resolve) => {
      requests.set(request, (outcome) => {
        if (outcome === 'stored') {
          if (lifetime === 'session') own.set(name, { value, version: to, isShared: false })
          table.learn({ name, version: to, value }, true)
        }
        resolve(outcome)
      })
      const key = { lifetime: lifetime === 'session' ? 0 : 1, oldVersion: from, newVersion: to }
      send({ type: 'set-key', request, ...key, name, value })
    })
  }

  async function restore(name: string, mine: Own): Promise<void> {
    if (mine.isShared) {
      sendQuietly(name, mine.value)
      return
    }
    const options = { lifetime: 'session', from: 0, to: mine.version } as const
    if ((await set(name, mine.value, options)) !== 'refused') return
    if (!table.isFresh(name)) await table.hear(name)
    const present = table.get(name)
    // The server has yet to notice that our last connection is gone; a value that is not ours has a new owner.
    if (present && same(present.value, mine.value)) {
      await set(name, mine.value, { lifetime: 'session', from: present.version })
    } else if (own.get(name) === mine) own.delete(name)
  }

  /** Somebody else set a key of ours, or the server removed it with our last connection. */
  function overtaken({ name, value }: KeyEntry): void {
    const mine = own.get(name)
    if (!mine || same(mine.value, value)) return
    if (value.length === 0)
      void restore(name, mine) // settles by itself
    else if (!mine.isShared) own.delete(name)
  }

  const join = () =>
    isJoined() || isClosed
      ? Promise.resolve()
      : new Promise<void>((resolve) => untilJoined.push(resolve))

  function wakeJoiners(): void {
    const all = untilJoined
    untilJoined = []
    for (const wake of all) wake()
  }

  const update: Keys['update'] = async (name, lifetime, change) => {
    let unsure: Key | undefined
    /** Refusals without news. */
    let blind = 0
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      await join()
      if (isClosed) return { kind: 'closed' }
      if (unsure && !table.isFresh(name)) await table.hear(name)
      const present = table.get(name)
      if (unsure && present?.version === unsure.version && same(present.value, unsure.value)) {
        return { kind: 'stored', key: present }
      }
      const value = change(present)
      if (!value) return { kind: 'unchanged' }
      const from = likelyVersion(present, blind)
      const key = { name, version: from + 1, value }
      const outcome = await set(name, value, { lifetime, from })
      if (outcome === 'stored') return { kind: 'stored', key }
      unsure = outcome === 'lost' ? key : undefined
      if (outcome === 'lost') continue
      if (table.get(name) === present) await table.hear(name)
      blind = table.get(name) === present ? blind + 1 : 0
    }
    return { kind: 'refused' }
  }

  const keys: Keys = {
    get: table.get,
    all: table.all,
    set,
    update,
    share(name, value) {
      own.set(name, { value, version: 0, isShared: true })
      sendQuietly(name, value)
    },
    unshare(name) {
      own.delete(name)
      sendQuietly(name, empty)
    },
  }

  return {
    keys,
    joined(): void {
      table.joined((name) => own.has(name))
      for (const [name, mine] of own) void restore(name, mine) // settles by itself
      wakeJoiners()
    },
    disconnected(): void {
      table.disconnected()
      const unanswered = [...requests.values()]
      requests.clear()
      for (const settle of unanswered) settle('lost')
    },
    entries(entries: readonly KeyEntry[]): void {
      for (const key of entries) {
        table.learn({ name: key.name, version: key.version, value: key.value }, false)
        overtaken(key)
      }
    },
    answer(result: number, request: number): void {
      const settle = requests.get(request)
      requests.delete(request)
      settle?.(result === 1 ? 'stored' : 'refused')
    },
    /** Another document has this name now. Session keys stay ours. */
    reset: () => table.reset(),
    close(): void {
      isClosed = true
      wakeJoiners()
    },
  }
}

/**
 * The version the server most likely has: a session key whose owner left is empty here and missing there, an empty document
 * key is not, and a server that was restarted knows no session key. A refusal without news says that the guess was wrong.
 */
function likelyVersion(present: Key | undefined, blind: number): number {
  if (!present) return 0
  return present.value.length > 0 === (blind % 2 === 0) ? present.version : 0
}
