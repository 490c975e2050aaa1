/** The callback of the yjs surface, where there is one. */
import type { Config } from '../config.ts'
import type { CallbackStore, Waits } from '../core/callbacks.ts'
import type { Log } from '../core/log.ts'
import type { Meter } from '../core/meter.ts'
import type { DocumentStore } from '../core/ports.ts'
import type { SegmentStore } from '../core/segments.ts'
import { makeCallbacks, type Callbacks } from '../surfaces/yjs/callbacks/callbacks.ts'
import type { Pool } from '../surfaces/yjs/folding/pool.ts'
import type { Room } from '../surfaces/yjs/room.ts'

export interface CallbackParts {
  readonly config: Config
  readonly callbacks: CallbackStore
  readonly store: Pick<DocumentStore, 'read'>
  readonly segments: SegmentStore
  readonly log: Log
  readonly meter: Meter
}

export function callbacksFor(
  { config, callbacks, store, segments, log, meter }: CallbackParts,
  pool: Pool,
  rooms: () => Iterable<Room>,
): Callbacks | undefined {
  const url = config.YJS_CALLBACK_URL
  if (url === undefined) return undefined
  return makeCallbacks({
    store: callbacks,
    url,
    waits: callbackWaits(config),
    timeoutMs: config.YJS_CALLBACK_TIMEOUT_MS,
    objects: config.YJS_CALLBACK_OBJECTS,
    segments,
    read: (epoch, from, to) => store.read(epoch, from, to),
    pool,
    open: () => [...rooms()].map(({ follower }) => follower),
    log,
    meter,
    now: () => performance.now(),
  })
}

export function callbackWaits(config: Config): Waits {
  return { quietMs: config.YJS_CALLBACK_DEBOUNCE_MS, mostMs: config.YJS_CALLBACK_MAX_WAIT_MS }
}
