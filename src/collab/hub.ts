/** The documents followed on this node: the first session subscribes, the last one unsubscribes. */
import { decodeFrame } from '../core/frame.ts'
import { makeCoalescer } from '../core/coalesce.ts'
import type { Meter, RepairCause } from '../core/meter.ts'
import type { Tracer } from '../core/tracer.ts'
import type { Bus, DocumentState, DocumentStore, Epoch } from '../core/ports.ts'
import type { EndReason } from './answers.ts'
import { watchFollowers } from './figures.ts'
import { Follower } from './follower.ts'
import type { Pages } from './pages.ts'
import type { Roster } from './roster.ts'

const NO_KEYS = { version: 0, keys: [] }
const MOST_AT_ONCE = 1_000

export interface HubOptions {
  readonly store: Pick<DocumentStore, 'states' | 'keys'>
  readonly bus: Bus
  readonly roster: Pick<Roster, 'enter' | 'leave'>
  readonly pages: Pages
  readonly meter: Meter
  readonly tracer?: Tracer | undefined
  readonly channel: (epoch: Epoch) => string
  /** Of this node's frames. */
  readonly origin: string
  readonly onError: (what: string, error: unknown) => void
}

export interface Hub {
  /** The follower of a document id, if it is followed here already. */
  find(id: string): Follower | undefined
  /** The follower of an epoch, if it is followed here. */
  at(epoch: Epoch): Follower | undefined
  /**
   * Follows a document and holds it until `release`: subscribes, then reads.
   * @returns undefined when the document is gone. @throws StoreError
   */
  follow(id: string, epoch: Epoch): Promise<Follower | undefined>
  hold(follower: Follower): void
  /** The last one to let go unsubscribes. */
  release(follower: Follower): void
  /** Ends all sessions of a document that is no longer what they follow. */
  forget(follower: Follower, reason: EndReason): void
  /** A state no older than this call; undefined when the document is gone. @throws StoreError */
  state(follower: Follower): Promise<DocumentState | undefined>
  /** Compares followers with Postgres. @returns how many were behind. @throws StoreError */
  verify(followers: readonly Follower[], cause: RepairCause): Promise<number>
  all(): Iterable<Follower>
  readonly size: number
}

export function makeHub(options: HubOptions): Hub {
  const { store, bus, roster, pages, meter } = options
  const followers = new Map<Epoch, Follower>()
  const ids = new Map<string, Follower>()
  const joining = new Map<Epoch, Promise<boolean>>()
  const ears = new Map<Epoch, (message: Uint8Array) => void>()
  const readState = makeCoalescer((epochs: readonly Epoch[]) => store.states(epochs), MOST_AT_ONCE)
  const rereading = new Set<Follower>()
  const stale = new Set<Follower>()
  let dirty = new Set<Follower>()
  const gathering = new Set<Follower>()

  watchFollowers(meter, followers)

  const environment = {
    meter,
    tracer: options.tracer,
    now: () => performance.now(),
    rereadKeys: (follower: Follower) => void rereadKeys(follower),
    flushSoon(follower: Follower) {
      const wait = follower.gathering ? waitOf(follower, follower.gathering()) : 0
      if (wait < 1) flushThisTurn(follower)
      else if (!gathering.has(follower)) flushIn(follower, wait)
    },
  }

  function waitOf({ flushedAt }: Follower, ms: number): number {
    return flushedAt + ms - performance.now()
  }

  function flushIn(follower: Follower, ms: number): void {
    gathering.add(follower)
    setTimeout(() => {
      gathering.delete(follower)
      follower.flush()
    }, ms)
  }

  function flushThisTurn(follower: Follower): void {
    if (dirty.size === 0) setImmediate(flush)
    dirty.add(follower)
  }

  /** Once a turn of the event loop: a socket that gets several chunks in one turn gets them in one write. */
  function flush(): void {
    const some = dirty
    dirty = new Set()
    for (const follower of some) follower.flush()
  }

  function hear(follower: Follower, message: Uint8Array): void {
    const frame = decodeFrame(message)
    if (frame?.epoch === follower.epoch) {
      // What this node said it has told its own sessions already.
      if (frame.origin === options.origin) return
      meter.frameReceived(frame.kind, message.length)
      if (frame.kind === 'control') forget(follower, 'deleted')
      else follower.hear(frame)
      if (frame.kind === 'chunk') meter.heard((Date.now() - frame.born) / 1000)
      return
    }
    // Another release's frame: something happened that we cannot read, so we look.
    meter.frameHeard('unknown')
    verify([follower], 'gap').catch((error: unknown) =>
      options.onError('verifying a document', error),
    )
  }

  async function follow(id: string, epoch: Epoch): Promise<Follower | undefined> {
    const existing = followers.get(epoch)
    const follower = existing ?? new Follower(id, epoch, environment)
    hold(follower)
    if (!existing) {
      followers.set(epoch, follower)
      ids.set(id, follower)
      joining.set(
        epoch,
        begin(follower).finally(() => joining.delete(epoch)),
      )
    }
    try {
      const isThere = (await joining.get(epoch)) ?? true
      if (isThere && !follower.isGone) return follower
      forget(follower, 'deleted')
      return undefined
    } catch (error) {
      release(follower)
      throw error
    }
  }

  /** Subscribes before it reads: a chunk committed between the two would reach neither (invariant 1). */
  async function begin(follower: Follower): Promise<boolean> {
    const { epoch } = follower
    const ear = (message: Uint8Array) => hear(follower, message)
    ears.set(epoch, ear)
    const [, entered] = await Promise.all([
      bus.subscribe(options.channel(epoch), ear),
      roster.enter(epoch),
    ])
    const state = entered ? await readState(epoch) : undefined
    if (!state) return false
    const keys = state.keysVersion > 0 ? await store.keys(epoch) : NO_KEYS
    follower.begin(state.length, keys)
    return true
  }

  function hold(follower: Follower): void {
    follower.joins++
  }

  function release(follower: Follower): void {
    follower.joins--
    letGo(follower)
  }

  function letGo(follower: Follower): void {
    if (follower.joins === 0 && follower.sessions.size === 0) remove(follower)
  }

  function remove(follower: Follower): void {
    const { id, epoch } = follower
    if (followers.get(epoch) !== follower) return
    follower.stop()
    followers.delete(epoch)
    if (ids.get(id) === follower) ids.delete(id)
    const ear = ears.get(epoch)
    ears.delete(epoch)
    if (ear) bus.unsubscribe(options.channel(epoch), ear)
    roster.leave(epoch)
    // A document that nobody has open here takes nothing (invariant 7).
    pages.forget(epoch)
  }

  function forget(follower: Follower, reason: EndReason): void {
    remove(follower)
    for (const session of [...follower.sessions]) session.end(reason)
  }

  /** A change that is heard during a read may not be in what it gives: then it is read once more. */
  async function rereadKeys(follower: Follower): Promise<void> {
    if (!follower.isReady) return
    stale.add(follower)
    if (rereading.has(follower)) return
    rereading.add(follower)
    try {
      while (stale.delete(follower) && !follower.isGone) {
        const then = follower.keysVersion
        follower.replaceKeys(await store.keys(follower.epoch), then)
      }
    } catch (error) {
      options.onError('reading keys', error) // the sweep comes back to it
    } finally {
      rereading.delete(follower)
    }
  }

  async function verify(some: readonly Follower[], cause: RepairCause): Promise<number> {
    let behind = 0
    for (let at = 0; at < some.length; at += MOST_AT_ONCE) {
      const batch = some
        .slice(at, at + MOST_AT_ONCE)
        .filter((follower) => follower.isReady && !follower.isGone)
      const then = batch.map(({ known, keysVersion }) => ({ length: known, keysVersion }))
      const states = await store.states(batch.map(({ epoch }) => epoch))
      const now = performance.now()
      batch.forEach((follower, i) => {
        follower.checkedAt = now
        if (hearState(follower, states.get(follower.epoch), then[i]!, cause)) behind++
      })
    }
    return behind
  }

  /** @returns whether the follower was behind */
  function hearState(
    follower: Follower,
    state: DocumentState | undefined,
    then: DocumentState,
    cause: RepairCause,
  ): boolean {
    if (follower.isGone) return false
    const isBehind = state !== undefined && state.length > follower.known
    if (!state) forget(follower, 'deleted')
    else if (!follower.hearState(state, then, cause)) forget(follower, 'restored')
    return isBehind
  }

  return {
    find: (id) => ids.get(id),
    at: (epoch) => followers.get(epoch),
    follow,
    hold,
    release,
    forget,
    verify,
    async state(follower) {
      const then = { length: follower.known, keysVersion: follower.keysVersion }
      const state = await readState(follower.epoch)
      hearState(follower, state, then, 'join')
      return follower.isGone ? undefined : state
    },
    all: () => followers.values(),
    get size() {
      return followers.size
    },
  }
}
