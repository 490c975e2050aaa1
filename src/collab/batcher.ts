/**
 * Group commit: appends that arrive while a statement is in flight go together in the next one.
 *
 * One queue per document keeps its appends in order; a document is in one place at a time:
 *
 *   idle ─add→ ready ─launch→ flying ─land→ idle, or ready again when more waits
 *                ▲              ├─busy→ alone (waits for the row's lock on a lane of its own) ─launch→ flying
 *                └────wake──────┴─rest→ resting (Postgres is away, or asked to come back)
 *
 * An append whose statement was lost is in doubt: it is sent again, same id, same offset. It commits, or the length has
 * passed its offset; then the row at that offset says whose it is (invariant 4). One that may go anywhere is just sent
 * again: what commutes may be stored twice.
 */
import { StoreError, type StoreErrorCode } from '../core/errors.ts'
import type { Meter } from '../core/meter.ts'
import type { Clock, DocumentOutcome, DocumentStore, Epoch } from '../core/ports.ts'
import type { Tracer } from '../core/tracer.ts'
import {
  type AppendQueue,
  type AppendResult,
  type BatchedDocument,
  chain,
  type Flight,
  isRefused,
  queued,
  type PendingAppend,
  type QueuedAppend,
  request,
  type Room,
} from './append-queue.ts'
import { startCommit } from './spans.ts'

const MOST = { appends: 256, bytes: 1024 * 1024 } as const
/** A further lane is used only when this many appends wait: fuller batches commit more a second. */
const SECOND_LANE_DOCUMENTS = 32
/** … or when the statement in flight takes longer than this: it may be a slow one. */
const SECOND_LANE_MS = 3
/** Larger appends go alone, so that they delay nobody's batch (invariant 10). */
const HUGE_BYTES = 256 * 1024
const MOST_WAITING = { appends: 10_000, bytes: 32 * 1024 * 1024 } as const
const REST_MS = { first: 20, most: 1_000, row: 50 } as const
const PATROL_MS = 250

export interface BatcherOptions {
  readonly store: Pick<DocumentStore, 'append' | 'appendIdAt'>
  readonly meter: Meter
  /** Undefined while nobody looks. */
  readonly tracer?: Tracer | undefined
  /** Stands still while the process does: a stopped node does not find all its appends overdue. */
  readonly clock: Clock
  readonly deadlineMs: number
  /** Statements in flight: batches, and documents that go alone. */
  readonly lanes: { readonly batches: number; readonly alone: number }
}

export interface Batcher {
  /** @returns false when the queues are full: nothing was taken */
  add(document: BatchedDocument, append: PendingAppend): boolean
  /** Resolves when nothing waits or flies any more. */
  idle(): Promise<void>
  close(): void
}

export function makeBatcher(options: BatcherOptions): Batcher {
  const { store, meter, clock, tracer } = options
  const queues = new Map<Epoch, AppendQueue>()
  const ready = new Set<AppendQueue>()
  const alone = new Set<AppendQueue>()
  const resting = new Set<AppendQueue>()
  const waiting = { appends: 0, bytes: 0 }
  const flying = { batches: 0, alone: 0 }
  /** While Postgres is away nothing is launched; 0 when it is there. */
  let restMs = 0
  let gated = false
  let scheduled = false
  let lastLaunch = 0
  let lookAgain: NodeJS.Timeout | undefined
  let idleWaiters: (() => void)[] = []
  const patrol = setInterval(() => {
    for (const queue of queues.values()) if (queue.place !== 'flying') expire(queue)
  }, PATROL_MS)
  meter.gauge('append_queue', () => waiting.appends)
  meter.gauge('append_queue_bytes', () => waiting.bytes)

  function add(document: BatchedDocument, append: PendingAppend): boolean {
    const { length } = append.data
    if (
      waiting.appends >= MOST_WAITING.appends ||
      (waiting.bytes > 0 && waiting.bytes + length > MOST_WAITING.bytes)
    ) {
      meter.limit('append_queue')
      return false
    }
    waiting.appends++
    waiting.bytes += length
    let queue = queues.get(document.epoch)
    if (!queue) {
      queue = { document, items: [], place: 'idle', single: false }
      queues.set(document.epoch, queue)
    }
    queue.items.push(queued(append, clock.now() + options.deadlineMs))
    if (queue.place === 'idle') move(queue, 'ready')
    return true
  }

  function move(queue: AppendQueue, place: 'ready' | 'alone' | 'resting'): void {
    queue.place = place
    const places = { ready, alone, resting }
    places[place].add(queue)
    if (place !== 'resting') schedule()
  }

  /** At the end of the loop's turn, so that all messages of one poll share a statement. */
  function schedule(): void {
    if (scheduled) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      launch()
    })
  }

  function launch(): void {
    while (!gated && ready.size > 0 && flying.batches < options.lanes.batches) {
      const age = performance.now() - lastLaunch
      if (flying.batches > 0 && ready.size < SECOND_LANE_DOCUMENTS && age < SECOND_LANE_MS) {
        lookAgain ??= setTimeout(() => {
          lookAgain = undefined
          schedule()
        }, SECOND_LANE_MS)
        break
      }
      lastLaunch = performance.now()
      const flights = board(ready, { ...MOST }, Infinity)
      if (flights.length > 0) void fly(flights, 'batches')
    }
    launchAlone()
  }

  function launchAlone(): void {
    while (!gated && alone.size > 0 && flying.alone < options.lanes.alone) {
      const flights = board(alone, { ...MOST }, 1)
      if (flights.length > 0) void fly(flights, 'alone')
    }
  }

  function board(from: Set<AppendQueue>, room: Room, most: number): Flight[] {
    const flights: Flight[] = []
    for (const queue of from) {
      if (room.appends <= 0 || room.bytes <= 0 || flights.length === most) break
      from.delete(queue)
      while (isRefused(queue))
        settle(queue, [queue.items[0]!], {
          kind: 'conflict',
          length: queue.document.known,
          isKnown: true,
        })
      const [first] = queue.items
      const items = chain(queue, room)
      if (items.length === 0) leave(queue)
      else if (from === ready && first!.data.length > HUGE_BYTES) move(queue, 'alone')
      else {
        queue.place = 'flying'
        flights.push({ queue, items })
      }
    }
    return flights
  }

  async function fly(flights: readonly Flight[], lane: 'batches' | 'alone'): Promise<void> {
    flying[lane]++
    await send(flights, lane === 'alone')
    flying[lane]--
    schedule()
  }

  /** Never rejects: whatever happens to a statement, its appends are settled or sent again. */
  async function send(flights: readonly Flight[], wait: boolean): Promise<void> {
    const began = performance.now()
    const appends = flights.reduce((sum, { items }) => sum + items.length, 0)
    const count = (result: 'committed' | 'lost' | 'retry' | 'rejected') => {
      meter.batch(appends, (performance.now() - began) / 1000, result)
    }
    const span = tracer && startCommit(tracer, flights)
    let outcomes: readonly DocumentOutcome[]
    try {
      outcomes = await store.append(flights.map(request), wait)
      span?.end({ 'lengthwise.result': 'committed' })
    } catch (error) {
      const code = error instanceof StoreError && error.code !== 'hole' ? error.code : 'rejected'
      span?.end({ 'lengthwise.result': code }, code)
      if (code !== 'away') count(code)
      return failed(flights, wait, code)
    }
    restMs = 0
    count('committed')
    const doubts: Promise<void>[] = []
    flights.forEach((flight, i) => {
      const { items } = flight
      const outcome = outcomes[i]!
      if (outcome.kind === 'conflict' && items[0]!.inDoubt) {
        doubts.push(landInDoubt(flight, items[0]!, outcome.length))
      } else land(flight, outcome)
    })
    if (doubts.length > 0) await Promise.all(doubts)
  }

  function land({ queue, items }: Flight, outcome: DocumentOutcome): void {
    switch (outcome.kind) {
      case 'busy':
        meter.busy()
        return move(queue, 'alone')
      case 'stored':
        stored(queue, items, outcome.length - sizeOf(items))
        break
      case 'missing':
        settle(queue, items, { kind: 'missing' })
        break
      case 'conflict':
        // Those behind the first one may still be right: they are judged by the length now known.
        settle(queue, [items[0]!], outcome)
    }
    leave(queue)
  }

  async function landInDoubt(
    { queue }: Flight,
    first: QueuedAppend,
    length: number,
  ): Promise<void> {
    if (await resolveDoubt(queue, first, length)) leave(queue)
    else rest(queue)
  }

  function stored(queue: AppendQueue, items: readonly QueuedAppend[], offset: number): void {
    queue.single = false
    queue.document.committed(offset, items)
    let length = offset
    for (const item of items) {
      if (item.inDoubt) meter.inDoubt('stored')
      length += item.data.length
      settle(queue, [item], { kind: 'stored', length })
    }
  }

  /** The length has passed it: it can no longer commit, so the row at its offset is the last word. False: ask later. */
  async function resolveDoubt(
    queue: AppendQueue,
    item: QueuedAppend,
    length: number,
  ): Promise<boolean> {
    try {
      const mayBeStored = item.data.length > 0 && length > item.offset
      const id = mayBeStored ? await store.appendIdAt(queue.document.epoch, item.offset) : undefined
      if (id === item.id) stored(queue, [item], item.offset)
      else {
        meter.inDoubt('conflict')
        settle(queue, [item], { kind: 'conflict', length })
      }
      return true
    } catch {
      return false // Postgres is away again; the statement will say so and wait
    }
  }

  async function failed(
    flights: readonly Flight[],
    wait: boolean,
    code: StoreErrorCode,
  ): Promise<void> {
    if (code === 'rejected') return halve(flights, wait)
    if (code === 'lost')
      for (const { items } of flights) for (const item of items) item.inDoubt = true
    if (code !== 'retry') closeGate()
    for (const { queue } of flights) {
      // A row that is still held: others that wait alone come first.
      if (code === 'retry' && wait) move(queue, 'alone')
      else rest(queue)
    }
  }

  /** Only the culprit gets the error: a rejected batch is sent again in halves until it is alone. */
  async function halve(flights: readonly Flight[], wait: boolean): Promise<void> {
    const half = flights.length >> 1
    if (half > 0) {
      await send(flights.slice(0, half), wait)
      return send(flights.slice(half), wait)
    }
    const { queue, items } = flights[0]!
    if (items.length > 1) queue.single = true
    else settle(queue, items, { kind: items[0]!.inDoubt ? 'unknown' : 'unavailable' })
    leave(queue)
  }

  function closeGate(): void {
    if (gated) return
    gated = true
    restMs = Math.min(REST_MS.most, Math.max(REST_MS.first, restMs * 2))
    setTimeout(
      () => {
        gated = false
        schedule()
      },
      restMs * (0.5 + Math.random() / 2),
    )
  }

  function rest(queue: AppendQueue): void {
    move(queue, 'resting')
    setTimeout(() => {
      if (resting.delete(queue)) leave(queue)
    }, REST_MS.row)
  }

  /** Where a queue goes when nothing of it flies. */
  function leave(queue: AppendQueue): void {
    expire(queue)
    if (queue.items.length > 0) return move(queue, 'ready')
    queue.place = 'idle'
    if (queues.get(queue.document.epoch) === queue) queues.delete(queue.document.epoch)
  }

  function expire(queue: AppendQueue): void {
    const now = clock.now()
    // Those that came first are due first.
    while (queue.items.length > 0 && queue.items[0]!.due < now) {
      const item = queue.items[0]!
      if (item.inDoubt) meter.inDoubt('unknown')
      settle(queue, [item], { kind: item.inDoubt ? 'unknown' : 'unavailable' })
    }
  }

  function settle(queue: AppendQueue, items: readonly QueuedAppend[], result: AppendResult): void {
    for (const item of items) {
      if (queue.items[0] === item) queue.items.shift()
      else queue.items.splice(queue.items.indexOf(item), 1)
      waiting.appends--
      waiting.bytes -= item.data.length
      item.settle(result)
    }
    if (waiting.appends > 0) return
    for (const wake of idleWaiters) wake()
    idleWaiters = []
  }

  return {
    add,
    idle: () =>
      waiting.appends === 0 ? Promise.resolve() : new Promise((wake) => idleWaiters.push(wake)),
    close() {
      clearInterval(patrol)
      clearTimeout(lookAgain)
    },
  }
}

function sizeOf(items: readonly QueuedAppend[]): number {
  return items.reduce((sum, { data }) => sum + data.length, 0)
}
