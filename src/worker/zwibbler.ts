/** The Zwibbler surface with everything it needs of a worker. */
import { makeJwtVerifier, readJwtKey } from '../auth/jwt.ts'
import type { Permissions } from '../auth/permissions.ts'
import { again } from '../collab/again.ts'
import type { Documents } from '../collab/documents.ts'
import type { Config } from '../config.ts'
import { isGuarded } from '../config/conflicts.ts'
import type { Log } from '../core/log.ts'
import type { Meter } from '../core/meter.ts'
import type { DocumentStore } from '../core/ports.ts'
import type { Quota } from '../core/quota.ts'
import { ping } from '../postgres/cluster.ts'
import { createDocument } from '../postgres/documents.ts'
import { scheduleIdleEvents } from '../postgres/idle-events.ts'
import type { Pools } from '../postgres/pool.ts'
import { makeTokenStore } from '../postgres/tokens.ts'
import { makeOriginCheck } from '../socket/origins.ts'
import type { Surface } from '../surfaces/surface.ts'
import { makeAuthorize } from '../surfaces/zwibbler/authorize.ts'
import { makeHttp } from '../surfaces/zwibbler/http.ts'
import { makeManagement } from '../surfaces/zwibbler/management.ts'
import { makeZwibblerSurface } from '../surfaces/zwibbler/surface.ts'
import { IDLE_DELAY_MS } from '../surfaces/zwibbler/webhook.ts'
import { credentialsOf } from './settings.ts'

/** Of all dumps at a time. */
const DUMP_BYTES = 256 * 1024 * 1024

export interface ZwibblerParts {
  readonly config: Config
  readonly log: Log
  readonly meter: Meter
  readonly pools: Pools
  readonly store: DocumentStore
  readonly documents: Documents
  readonly permissions: Permissions
  /** Connections of each user, on any surface. */
  readonly users: Quota
  /** What one session may leave unanswered, unless it is a single message. */
  readonly unansweredBytes: number
}

export function makeZwibbler(parts: ZwibblerParts): Surface {
  const { config, log, meter, pools, store, documents, permissions } = parts
  const tokens = makeTokenStore({ lane: pools.others, createDocument })
  const key = config.ZWIBBLER_JWT_KEY
  const authorize = makeAuthorize({
    tokens: { find: (some) => again(() => tokens.find(some)) },
    permissions,
    plainIds: config.ZWIBBLER_PLAIN_IDS,
    verifyJwt:
      key === undefined
        ? undefined
        : makeJwtVerifier(readJwtKey(key, config.ZWIBBLER_JWT_KEY_IS_BASE64)),
  })
  const management = makeManagement({
    store,
    tokens,
    changePermission: (user, permission) => permissions.change(user, permission),
    documentDeleted: async (epoch, id) => {
      documents.deleted(epoch)
      if (config.ZWIBBLER_WEBHOOK !== undefined)
        await scheduleIdleEvents(pools.others.query, [id], IDLE_DELAY_MS)
    },
    maxDumpBytes: DUMP_BYTES,
    log,
    credentials: credentialsOf(config),
    maxContentsBytes: config.MAX_INITIAL,
  })
  const isHealthy = () => ping(pools).then(() => true)
  return makeZwibblerSurface({
    documents,
    authorize,
    watch(holder, listener) {
      const unwatch = permissions.watch(holder, listener)
      listener(permissions.permissionOf(holder))
      return unwatch
    },
    users: parts.users,
    meter,
    log,
    limits: {
      append: config.MAX_APPEND,
      initial: config.MAX_INITIAL,
      document: config.MAX_DOCUMENT,
      broadcast: config.MAX_BROADCAST,
      unanswered: config.MAX_UNANSWERED,
      unansweredBytes: parts.unansweredBytes,
    },
    readersMaySignal: config.ZWIBBLER_READERS_MAY_SIGNAL,
    isCompressing: config.ZWIBBLER_COMPRESSION,
    http: makeHttp({
      management,
      isHealthy,
      originAllowed: makeOriginCheck(config.ALLOWED_ORIGINS, isGuarded(config)),
    }),
  })
}
