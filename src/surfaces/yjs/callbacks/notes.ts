/**
 * Notes on this node which rooms have changed: what it has appended itself within a moment, and what it hears of others'
 * changes after a while, because whoever made them may have died before it noted them.
 */
import type { CallbackStore, Waits } from '../../../core/callbacks.ts'
import type { Log } from '../../../core/log.ts'
import type { Epoch } from '../../../core/ports.ts'

/** A room that is open here. */
export interface OpenRoom {
  readonly epoch: Epoch
  /** A committed length of its log. */
  readonly head: number
}

export interface NotesOptions {
  readonly store: Pick<CallbackStore, 'note'>
  readonly waits: Waits
  readonly open: () => Iterable<OpenRoom>
  readonly log: Log
  readonly now: () => number
  /** How often all open rooms are looked at. */
  readonly sweepMs?: number
}

export interface Notes {
  /** This node has appended to the room. */
  changed(epoch: Epoch): void
  /** Notes what is left. */
  close(): Promise<void>
}

const SWEEP_MS = 5_000
const SOON_MS = { most: 250, least: 20 }
const RETRY_MS = 1_000
const AT_ONCE = 1_000

export function makeNotes(options: NotesOptions): Notes {
  const { store, waits, open, log, now, sweepMs = SWEEP_MS } = options
  const soonMs = Math.min(SOON_MS.most, Math.max(SOON_MS.least, waits.quietMs / 4))
  /** When each room was changed last. */
  const changes = new Map<Epoch, number>()
  let seen = new Map<Epoch, number>()
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let isFailing = false
  let isClosed = false

  const sweeping = setInterval(() => {
    const heads = new Map<Epoch, number>()
    for (const { epoch, head } of open()) {
      heads.set(epoch, head)
      if (seen.get(epoch) !== head) changed(epoch)
    }
    seen = heads
  }, sweepMs)

  function changed(epoch: Epoch): void {
    changes.set(epoch, now())
    if (!isClosed) timer ??= setTimeout(flush, soonMs)
  }

  function flush(): void {
    running ??= write().finally(() => {
      running = undefined
      timer = undefined
      if (changes.size > 0 && !isClosed) timer = setTimeout(flush, isFailing ? RETRY_MS : soonMs)
    })
  }

  async function write(): Promise<void> {
    const some = [...changes].slice(0, AT_ONCE)
    try {
      const at = now()
      await store.note(
        some.map(([epoch, changedAt]) => ({ epoch, ageMs: at - changedAt })),
        waits,
      )
      // What has changed meanwhile stays.
      for (const [epoch, changedAt] of some)
        if (changes.get(epoch) === changedAt) changes.delete(epoch)
      isFailing = false
    } catch (error) {
      if (!isFailing) log.warn({ err: error }, 'changes of rooms cannot be noted for the callback')
      isFailing = true
    }
  }

  return {
    changed,
    async close() {
      isClosed = true
      clearInterval(sweeping)
      clearTimeout(timer)
      await running
      // Whatever is lost here, other nodes note: those that have the room open, or see that it is deserted.
      if (changes.size > 0) await write()
    },
  }
}
