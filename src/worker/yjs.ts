/** The yjs surface with everything it needs of a worker. */
import type { Permissions } from '../auth/permissions.ts'
import type { Documents } from '../collab/documents.ts'
import type { Hub } from '../collab/hub.ts'
import type { Pages } from '../collab/pages.ts'
import { processOf } from '../collab/roster.ts'
import type { Config } from '../config.ts'
import type { CallbackStore } from '../core/callbacks.ts'
import type { Log } from '../core/log.ts'
import { rateOf } from '../core/limits.ts'
import type { Meter } from '../core/meter.ts'
import type { DocumentStore } from '../core/ports.ts'
import type { Quota } from '../core/quota.ts'
import type { SegmentStore, VersionStore } from '../core/segments.ts'
import { makeAwarenessTable, DEFAULT_LIMITS } from '../surfaces/yjs/awareness/table.ts'
import { makeFolder } from '../surfaces/yjs/folding/folder.ts'
import type { Read } from '../surfaces/yjs/folding/gather.ts'
import { makePool } from '../surfaces/yjs/folding/pool.ts'
import { makeVersions } from '../surfaces/yjs/folding/versions.ts'
import { type Manage, makeManagement } from '../surfaces/yjs/management.ts'
import { Room } from '../surfaces/yjs/room.ts'
import { makeRooms } from '../surfaces/yjs/rooms.ts'
import { RoomState } from '../surfaces/yjs/room-state.ts'
import { makeYjsSurface, type YjsSurface } from '../surfaces/yjs/surface.ts'
import { PIECE_BYTES } from '../surfaces/yjs/update/cut-update.ts'
import { readUpdate } from '../surfaces/yjs/update/read-update.ts'
import { makeWholes } from '../surfaces/yjs/wholes.ts'
import { callbacksFor } from './callbacks.ts'
import { gateFor } from './gate.ts'

/** Larger updates are looked at in a thread of their own. */
const SMALL_BYTES = 64 * 1024
const LOOK_MS = 20_000

export interface YjsParts {
  readonly config: Config
  readonly log: Log
  readonly meter: Meter
  readonly hub: Hub
  readonly pages: Pages
  readonly segments: SegmentStore
  readonly callbacks: CallbackStore
  readonly versions: VersionStore
  readonly store: Pick<DocumentStore, 'read' | 'find' | 'remove'>
  readonly documents: Documents
  readonly permissions: Permissions
  /** Connections of each user, on any surface. */
  readonly users: Quota
  /** This node, as its peers know it. */
  readonly node: string
  readonly unansweredBytes: number
}

export interface Yjs {
  readonly surface: YjsSurface
  readonly manage: Manage
  /** @param isAlive of a process, by name */
  nodesGone(isAlive: (process: string) => boolean): void
  close(): Promise<void>
}

export function makeYjs(parts: YjsParts): Yjs {
  const { config, log, meter, hub, pages, documents, segments } = parts
  const now = () => performance.now()
  const pool = makePool({ threads: config.WORKERS > 1 ? 1 : 2 })
  // Past the cache: each byte is read once.
  const read: Read = (epoch, from, to) => parts.store.read(epoch, from, to)
  const folder = makeFolder({
    ...{ segments, pool, meter, log, read },
    holder: parts.node,
    gc: config.YJS_GC,
    updateBytes: PIECE_BYTES,
    delayMs: config.YJS_FOLD_DELAY_MS,
    onFolded: (epoch) => {
      for (const room of rooms.all()) if (room.follower.epoch === epoch) room.state.refolded()
    },
    onQuarantined: (epoch) => pages.forget(epoch),
  })
  const consider = (room: Room) => {
    const { tail, records } = room.state.size
    if (tail === 0) return
    const isDeserted = room.members.size === 0
    const { epoch, head } = room.follower
    folder.consider(epoch, { head, rows: records, ageMs: room.quietMs, isDeserted })
  }
  /** Rooms that have gone quiet; those that are busy say so themselves. */
  const looking = setInterval(() => {
    for (const room of rooms.all()) consider(room)
  }, LOOK_MS)
  const wholes = makeWholes()
  const rooms = makeRooms({
    hub,
    make: (follower) =>
      new Room({
        follower,
        documents,
        now,
        awareness: makeAwarenessTable({
          node: parts.node,
          limits: { ...DEFAULT_LIMITS, stateBytes: config.YJS_MAX_AWARENESS },
        }),
        state: new RoomState({
          follower,
          pages,
          now,
          segments: (epoch) => segments.segments(epoch),
          quarantine: async (epoch, offset, reason) => {
            if (await segments.quarantine(epoch, offset, reason)) meter.quarantined()
            await folder.mend(epoch, follower.head)
          },
          mendSegments: (epoch) => folder.mendSegments(epoch),
          wholes,
        }),
        onAppended(appended) {
          consider(appended)
          callbacks?.changed(appended.follower.epoch)
        },
      }),
    onDeserted: consider,
  })
  const callbacks = callbacksFor(parts, pool, () => rooms.all())
  const surface = makeYjsSurface({
    path: config.YJS_PATH,
    refusesAtUpgrade: config.YJS_REFUSE_AT_UPGRADE,
    documents,
    rooms,
    gate: gateFor(config, config.YJS_AUTH, { log, meter, permissions: parts.permissions }),
    inspect(update) {
      if (update.length > SMALL_BYTES) {
        meter.checkedApart()
        return pool.check({ update, most: PIECE_BYTES })
      }
      const meta = readUpdate(update)
      return { meta, pieces: [update.subarray(0, meta.size)] }
    },
    users: parts.users,
    meter,
    log,
    limits: {
      update: config.YJS_MAX_UPDATE,
      room: config.YJS_MAX_ROOM,
      connections: config.YJS_MAX_CONNECTIONS_PER_ROOM,
      unansweredBytes: parts.unansweredBytes,
    },
    rates: {
      updates: rateOf(config.YJS_MAX_UPDATES),
      awareness: rateOf(config.YJS_MAX_AWARENESS_MESSAGES),
    },
    readersMaySignal: config.YJS_READERS_MAY_SIGNAL,
    now,
  })
  meter.gauge('yjs_rooms', () => [...rooms.all()].length)
  meter.gauge('yjs_tasks_waiting', () => pool.waiting)
  const manage = makeManagement({
    ...{ hub, documents, segments, log, store: parts.store, holder: parts.node },
    versions: makeVersions({ versions: parts.versions, segments, read, pool, gc: config.YJS_GC }),
    mend: (epoch, head) => folder.mend(epoch, head),
  })
  return {
    surface,
    manage,
    nodesGone(isAlive) {
      for (const room of rooms.all()) room.nodesGone((node) => isAlive(processOf(node)))
    },
    async close() {
      clearInterval(looking)
      surface.close()
      rooms.close()
      await callbacks?.close()
      // Together: a fold under way is given up, not waited for.
      await Promise.all([folder.close(), pool.close()])
    },
  }
}
