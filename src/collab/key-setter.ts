/** Sets keys, one statement at a time per document, so that a session's sets keep their order; and removes them. */
import { StoreError } from '../core/errors.ts'
import type { Meter } from '../core/meter.ts'
import type { DocumentStore, KeyLifetime, KeysChanged, KeySet } from '../core/ports.ts'
import type { KeyRequest } from './answers.ts'
import type { Follower } from './follower.ts'
import type { Session } from './session.ts'

const MOST_AT_ONCE = 64
const DEADLINE_MS = 5_000
const AGAIN_MS = 50
/** Statements in flight: a document whose keys are locked must not take all connections. */
const LANES = 2

export interface KeyWish {
  readonly lifetime: KeyLifetime
  readonly name: string
  readonly oldVersion: number
  readonly version: number
  value: Uint8Array
}

interface Waiting {
  readonly session: Session
  /** Undefined: removes what the session set. */
  readonly wish: KeyWish | undefined
  readonly request: KeyRequest | undefined
  readonly due: number
  readonly done: () => void
}

interface Lane {
  readonly waiting: Waiting[]
  /** How many of the first ones are in a statement. */
  flying: number
}

export interface KeySetter {
  /** Answers through the session when the fate is known; a set that changes nothing about the version is not answered. */
  set(session: Session, tag: number, wish: KeyWish): void
  /** Sets this node's session keys of a document again: a crash of Postgres may have emptied their table. */
  restore(follower: Follower): void
  /** Removes the session's own keys, after whatever it set before. */
  drop(session: Session): Promise<void>
}

export interface KeySetterOptions {
  readonly store: Pick<DocumentStore, 'setKeys' | 'dropKeys'>
  readonly meter: Meter
  readonly node: () => string
  readonly limits: { readonly keys: number; readonly bytes: number }
  /** Tells this node's follower and the other nodes. */
  readonly changed: (
    follower: Follower,
    changed: KeysChanged,
    by: readonly (Session | undefined)[],
  ) => void
  readonly onError: (what: string, error: unknown) => void
}

export function makeKeySetter(options: KeySetterOptions): KeySetter {
  const { store, meter, limits } = options
  const lanes = new Map<Follower, Lane>()
  const ready: Follower[] = []
  let flying = 0

  function enqueue(session: Session, waiting: Omit<Waiting, 'session' | 'due'>): void {
    const follower = session.follower as Follower
    const item = { ...waiting, session, due: performance.now() + DEADLINE_MS }
    const lane = lanes.get(follower)
    if (lane) {
      lane.waiting.push(item)
      return
    }
    lanes.set(follower, { waiting: [item], flying: 0 })
    ready.push(follower)
    launch()
  }

  function launch(): void {
    while (flying < LANES && ready.length > 0) void fly(ready.shift()!)
  }

  async function fly(follower: Follower): Promise<void> {
    flying++
    const lane = lanes.get(follower)!
    const batch = take(lane.waiting)
    lane.flying = batch.length
    const isDone = await send(follower, batch)
    flying--
    lane.flying = 0
    lane.waiting.splice(0, isDone ? batch.length : 0)
    if (lane.waiting.length === 0) lanes.delete(follower)
    else if (isDone) ready.push(follower)
    else setTimeout(() => relaunch(follower), AGAIN_MS)
    launch()
  }

  function relaunch(follower: Follower): void {
    ready.push(follower)
    launch()
  }

  /** Sets up to the next removal, or one removal. */
  function take(waiting: readonly Waiting[]): readonly Waiting[] {
    const removal = waiting.findIndex(({ wish }) => wish === undefined)
    if (removal === 0) return waiting.slice(0, 1)
    return waiting.slice(0, removal > 0 ? Math.min(removal, MOST_AT_ONCE) : MOST_AT_ONCE)
  }

  /** @returns false to send the same again */
  async function send(follower: Follower, batch: readonly Waiting[]): Promise<boolean> {
    try {
      if (batch[0]!.wish) await setAll(follower, batch)
      else await dropAll(follower, batch[0]!)
      return true
    } catch (error) {
      const code = error instanceof StoreError ? error.code : 'rejected'
      const isLate = batch.some(({ due }) => due < performance.now())
      const mayRepeat = code === 'away' || code === 'retry' || !batch[0]!.wish
      if (mayRepeat && (!isLate || (!batch[0]!.wish && code !== 'rejected'))) return false
      options.onError('setting keys', error)
      for (const { session, request, done } of batch) {
        meter.keySet('failed')
        // Sent again, a set that was stored would look refused: its session has to look for itself.
        if (request && request.answer === undefined)
          session.end(code === 'lost' ? 'unknown' : 'unavailable', error)
        done()
      }
      return true
    }
  }

  async function setAll(follower: Follower, batch: readonly Waiting[]): Promise<void> {
    const node = options.node()
    const sets = batch.map(({ session, wish }): KeySet => ({
      ...wish!,
      owner: { node, session: session.id },
    }))
    const result = await store.setKeys(follower.epoch, sets)
    const stored = batch.filter((_, i) => result?.results[i])
    if (result && stored.length > 0)
      options.changed(
        follower,
        result,
        stored.map(({ session }) => session),
      )
    batch.forEach(({ session, wish, request, done }, i) => {
      const isStored = result?.results[i] === true
      meter.keySet(isStored ? 'stored' : 'refused')
      if (isStored && wish!.lifetime === 'session') {
        session.ownKeys ??= new Map()
        session.ownKeys.set(wish!.name, wish!)
      }
      if (request) {
        request.answer = !isStored
          ? 'refused'
          : wish!.oldVersion === wish!.version
            ? 'silent'
            : 'stored'
        session.answered()
      }
      done()
    })
  }

  async function dropAll(follower: Follower, { session, done }: Waiting): Promise<void> {
    const owner = { node: options.node(), session: session.id }
    const changed = await store.dropKeys(follower.epoch, owner)
    if (changed) options.changed(follower, changed, [])
    done()
  }

  function isTooMuch(follower: Follower, wish: KeyWish): boolean {
    const { keys, bytes } = follower.keysWith(wish)
    if (bytes > limits.bytes) meter.limit('MAX_KEY_BYTES')
    else if (keys > limits.keys) meter.limit('MAX_KEYS')
    return bytes > limits.bytes || keys > limits.keys
  }

  /** Of a pointer that moves faster than statements go, only the last place counts. */
  function replaceWaiting(session: Session, wish: KeyWish): boolean {
    if (wish.oldVersion !== wish.version) return false
    const lane = lanes.get(session.follower as Follower)
    const same = lane?.waiting.slice(lane.flying).findLast((each) => each.session === session)?.wish
    if (same?.name !== wish.name || same.lifetime !== wish.lifetime) return false
    if (same.oldVersion !== wish.oldVersion || same.version !== wish.version) return false
    same.value = wish.value
    return true
  }

  function restore(follower: Follower): void {
    for (const session of follower.sessions) {
      for (const key of session.ownKeys?.values() ?? []) {
        // Somebody else may have set it since; then it is theirs to restore.
        if (!follower.isCurrent(key)) continue
        const wish = { ...key, oldVersion: 0 }
        enqueue(session, { wish, request: undefined, done: () => undefined })
      }
    }
  }

  return {
    restore,
    set(session, tag, wish) {
      if (replaceWaiting(session, wish)) return
      const request = session.expectKey(tag)
      if (isTooMuch(session.follower as Follower, wish)) {
        meter.keySet('refused')
        request.answer = 'refused'
        session.answered()
        return
      }
      enqueue(session, { wish, request, done: () => undefined })
    },
    drop: (session) =>
      new Promise((done) => {
        enqueue(session, { wish: undefined, request: undefined, done })
      }),
  }
}
