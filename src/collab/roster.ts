/**
 * This node in Postgres: its lease, and which documents it has open.
 *
 * A lease that lapsed while nobody removed the node is renewed like any other: renewal and removal exclude each other by
 * the row's lock. Once removed, the node takes a new incarnation and enters its documents again.
 */
import { StoreError } from '../core/errors.ts'
import type { Epoch, PresenceStore } from '../core/ports.ts'

const MOST_AT_ONCE = 500
const BUSY_MS = 25
const LEAVE_AGAIN_MS = 1_000
const ENTER_DEADLINE_MS = 5_000

export interface RosterOptions {
  readonly presence: PresenceStore
  readonly leaseMs: number
  /** A new incarnation's id, never given before. */
  readonly newNode: () => string
  /** Documents with local sessions or joins, and how many sessions each has. */
  readonly open: () => Map<Epoch, number>
  /** Whether a document has some now: a wish that is tried again may be out of date. */
  readonly isOpen: (epoch: Epoch) => boolean
  readonly onError: (what: string, error: unknown) => void
}

export interface Roster {
  /** This incarnation's id. */
  readonly node: string
  /** Since when every renewal has worked, by `performance.now()`; Infinity while they do not. */
  readonly renewedSince: number
  start(): Promise<void>
  /** @returns false when the document is gone. @throws StoreError */
  enter(epoch: Epoch): Promise<boolean>
  leave(epoch: Epoch): void
  /** When the lease was renewed last, by the same clock. */
  readonly renewedAt: number
  /** @returns `removed` when other nodes had taken this one for dead, so that it had to begin anew */
  renew(): Promise<'renewed' | 'removed' | 'failed'>
  /** Waits for what is under way, then unregisters. */
  stop(): Promise<void>
}

interface Wish {
  readonly enter: boolean
  readonly due: number
  readonly settle: (entered: boolean) => void
  readonly fail: (error: unknown) => void
}

/** The process that a node is of: nodes are named after it, with a dot and what is theirs alone. */
export const processOf = (node: string): string => node.slice(0, node.lastIndexOf('.'))

export function makeRoster(options: RosterOptions): Roster {
  const { presence, leaseMs } = options
  let node = options.newNode()
  let renewedSince = Infinity
  let renewedAt = performance.now()
  let writing: Promise<void> | undefined
  let isStopped = false
  /** What each document should be next; a later wish replaces an earlier one that nobody waits for. */
  const wishes = new Map<Epoch, Wish[]>()
  const counted = new Map<Epoch, number>()

  function wish(epoch: Epoch, enter: boolean): Promise<boolean> {
    return new Promise((settle, fail) => {
      const wish = { enter, due: performance.now() + ENTER_DEADLINE_MS, settle, fail }
      wishes.set(epoch, [...(wishes.get(epoch) ?? []), wish])
      writing ??= write()
    })
  }

  async function write(): Promise<void> {
    // At the end of this turn: a storm of joins is one statement.
    await new Promise((resolve) => setImmediate(resolve))
    while (wishes.size > 0) {
      const some = [...wishes].slice(0, MOST_AT_ONCE)
      for (const [epoch] of some) wishes.delete(epoch)
      const last = (enter: boolean) => some.filter(([, each]) => each.at(-1)!.enter === enter)
      await enterAll(current(last(true), true))
      await leaveAll(current(last(false), false))
    }
    writing = undefined
  }

  /** Settles what is out of date without doing it, and gives the rest. */
  function current(some: [Epoch, Wish[]][], isOpen: boolean): [Epoch, Wish[]][] {
    return some.filter(([epoch, waiting]) => {
      if (options.isOpen(epoch) === isOpen) return true
      for (const { settle } of waiting) settle(false)
      return false
    })
  }

  async function enterAll(some: [Epoch, Wish[]][]): Promise<void> {
    if (some.length === 0) return
    try {
      const { entered, busy } = await presence.enter(
        node,
        some.map(([epoch]) => epoch),
      )
      for (const [epoch, waiting] of some) {
        const late = waiting.some(({ due }) => due < performance.now())
        if (busy.has(epoch) && !late) setTimeout(() => again(epoch, waiting), BUSY_MS)
        else if (busy.has(epoch))
          for (const { fail } of waiting) fail(new StoreError('retry', 'the document is locked'))
        else for (const { settle } of waiting) settle(entered.has(epoch))
      }
    } catch (error) {
      const isRemoved = error instanceof StoreError && error.code === 'rejected'
      if (isRemoved) await renew() // most likely this incarnation was: the next try is the new one's
      const reason = isRemoved
        ? new StoreError('retry', 'this node was removed', { cause: error })
        : error
      for (const [, waiting] of some) for (const { fail } of waiting) fail(reason)
    }
  }

  async function leaveAll(some: [Epoch, Wish[]][]): Promise<void> {
    if (some.length === 0) return
    try {
      await presence.leave(
        node,
        some.map(([epoch]) => epoch),
      )
      for (const [, waiting] of some) for (const { settle } of waiting) settle(false)
    } catch (error) {
      options.onError('leaving documents', error)
      if (!isStopped)
        setTimeout(() => some.forEach(([epoch, waiting]) => again(epoch, waiting)), LEAVE_AGAIN_MS)
      else for (const [, waiting] of some) for (const { settle } of waiting) settle(false)
    }
  }

  function again(epoch: Epoch, waiting: Wish[]): void {
    wishes.set(epoch, [...waiting, ...(wishes.get(epoch) ?? [])])
    writing ??= write()
  }

  async function renew(): Promise<'renewed' | 'removed' | 'failed'> {
    try {
      const isKnown = await presence.renew(node, leaseMs)
      if (!isKnown) await reincarnate()
      renewedAt = performance.now()
      renewedSince = Math.min(renewedSince, renewedAt)
      await count()
      return isKnown ? 'renewed' : 'removed'
    } catch (error) {
      renewedSince = Infinity
      options.onError('renewing the lease', error)
      return 'failed'
    }
  }

  async function reincarnate(): Promise<void> {
    renewedSince = Infinity
    node = options.newNode()
    counted.clear()
    await presence.register(node, leaseMs)
    const open = [...options.open().keys()]
    for (let at = 0; at < open.length; at += MOST_AT_ONCE)
      await presence.enter(node, open.slice(at, at + MOST_AT_ONCE))
  }

  /** Session counts are for people to look at: only what changed, at the pace of the lease. */
  async function count(): Promise<void> {
    const open = options.open()
    const changed = new Map(
      [...open].filter(([epoch, sessions]) => counted.get(epoch) !== sessions),
    )
    for (const epoch of counted.keys()) if (!open.has(epoch)) counted.delete(epoch)
    if (changed.size === 0) return
    await presence.count(node, changed)
    for (const [epoch, sessions] of changed) counted.set(epoch, sessions)
  }

  return {
    get node() {
      return node
    },
    get renewedAt() {
      return renewedAt
    },
    get renewedSince() {
      return renewedSince
    },
    async start() {
      await presence.register(node, leaseMs)
      renewedSince = renewedAt = performance.now()
    },
    enter: (epoch) => wish(epoch, true),
    leave: (epoch) => void wish(epoch, false),
    renew,
    async stop() {
      isStopped = true
      await writing
      await presence.unregister(node)
    },
  }
}
