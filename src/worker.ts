/**
 * Everything that serves sockets in one thread: one node of the cluster. Makes each part, wires them, and takes them
 * down in reverse order.
 */
import { randomBytes } from 'node:crypto'
import type { DocumentInfo } from './admin.ts'
import { makePermissions } from './auth/permissions.ts'
import { makeBatcher } from './collab/batcher.ts'
import { startActiveClock } from './collab/clock.ts'
import { makeDocuments } from './collab/documents.ts'
import { makeHub } from './collab/hub.ts'
import { makePages } from './collab/pages.ts'
import { makeRoster } from './collab/roster.ts'
import { foldedInto } from './collab/session.ts'
import { startUpkeep } from './collab/upkeep.ts'
import type { Config, SurfaceName } from './config.ts'
import { isGuarded } from './config/conflicts.ts'
import type { Log } from './core/log.ts'
import { makeQuota } from './core/quota.ts'
import type { Bus, Epoch, PresenceStore, DocumentStore } from './core/ports.ts'
import { type Readiness, readinessOf } from './core/readiness.ts'
import type { Figures, Metrics } from './metrics.ts'
import { pages as publicPages } from './pages/index.ts'
import { makeCallbackStore, noteDeserted } from './postgres/callbacks.ts'
import { ping, readClusterId } from './postgres/cluster.ts'
import { makeDocumentStore } from './postgres/documents.ts'
import { makeIdleEventStore, scheduleIdleEvents } from './postgres/idle-events.ts'
import { makePermissionStore } from './postgres/permissions.ts'
import { makePools } from './postgres/pool.ts'
import { makePresenceStore } from './postgres/presence.ts'
import { makeSegmentStore } from './postgres/segments.ts'
import { makeVersionStore } from './postgres/versions.ts'
import { makeRedisBus } from './redis/bus.ts'
import { type Addresses, makeServer } from './socket/server.ts'
import type { Tracing } from './tracing.ts'
import type { RoomOutcome, RoomWish } from './surfaces/yjs/management.ts'
import { PREFIX as YJS_PREFIX } from './surfaces/yjs/room-name.ts'
import { PREFIX as ZWIBBLER_PREFIX } from './surfaces/zwibbler/document-ids.ts'
import { IDLE_DELAY_MS, makeWebhook } from './surfaces/zwibbler/webhook.ts'
import { callbackWaits } from './worker/callbacks.ts'
import { makeComplaints } from './worker/complaints.ts'
import { watchPools } from './worker/figures.ts'
import { makeHealth, watchPostgres } from './worker/health.ts'
import { FINISH_MS, isDoneWithin, wait } from './worker/leaving.ts'
import { watchOverload } from './worker/overload.ts'
import {
  credentialsOf,
  expiriesOf,
  overloadLimits,
  ownPorts,
  poolSizes,
  socketLimits,
  tlsOf,
  touchMsOf,
} from './worker/settings.ts'
import { startTidying } from './worker/tidying.ts'
import { makeYjs } from './worker/yjs.ts'
import { makeZwibbler } from './worker/zwibbler.ts'

type DrainPhase = 'serving' | 'noticing' | 'closing' | 'finishing'
const NO_PHASE = { serving: 0, noticing: 0, closing: 0, finishing: 0 }
const CONTROL = 'control'
const HURRY = Buffer.from('permissions')
const BANNER = { contentType: 'text', body: 'Zwibbler collaboration Server is running.' }

export interface WorkerOptions {
  readonly config: Config
  readonly databaseUrl: string
  /** What the ids of this process's nodes begin with. */
  readonly process: string
  readonly log: Log
  readonly metrics: Metrics
  readonly tracing?: Tracing | undefined
  /** Reaches this process's other workers; used where there is no Redis. */
  readonly localBus: Bus
  /** Ports that the first worker has taken, for those that share them. */
  readonly ports?: Addresses | undefined
}

export interface Worker {
  readonly addresses: Addresses
  readiness(): Promise<Readiness>
  /** Answers when the event loop turns, also when it leaves. */
  liveness(): Promise<Readiness>
  figures(): Promise<Figures>
  /** @param id as stored, with its surface's prefix */
  document(id: string): Promise<DocumentInfo | undefined>
  /** The same. Undefined: rooms are not served here. */
  room(id: string, wish: RoomWish): Promise<RoomOutcome | undefined>
  /** Leaves without hurting clients. Everything is closed when it resolves. */
  drain(): Promise<void>
  /** Leaves at once, if it leaves: clients are told, and nobody is waited for. */
  hurry(): Promise<void>
}

export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { config, log } = options
  const { meter } = options.metrics
  const tracer = options.tracing?.tracer
  const onError = makeComplaints(log)
  let onServerChange = (): void => undefined
  const pools = makePools({
    url: options.databaseUrl,
    statementMs: config.STATEMENT_MS,
    prepares: config.PREPARED_STATEMENTS,
    sizes: poolSizes(config.DATABASE_CONNECTIONS),
    onServerChange: () => {
      log.warn({}, 'another Postgres answers: every document is verified')
      onServerChange()
    },
    onWait: (lane, seconds) => meter.poolWait(lane, seconds),
    onUse: (lane, seconds) => meter.poolUse(lane, seconds),
    onFailure: (lane, code) => meter.postgresError(lane, code),
    onError: (error) => log.debug({ err: error }, 'an idle connection to Postgres broke'),
  })
  watchPools(meter, pools)
  const clusterId = await readClusterId(pools)
  const clock = startActiveClock()
  const bus = makeBus(options, clusterId)
  if (config.REDIS_URL !== undefined) meter.gauge('redis_up', () => (bus.status === 'up' ? 1 : 0))
  const store = makeDocumentStore(pools)
  const webhook = config.ZWIBBLER_WEBHOOK
  const isTold = webhook !== undefined || config.YJS_CALLBACK_URL !== undefined
  const presence = makePresenceStore({
    pools,
    ...(isTold && {
      async onDeserted(query, ids) {
        const of = (prefix: string) => ids.filter((id) => id.startsWith(prefix))
        if (webhook !== undefined)
          await scheduleIdleEvents(query, of(ZWIBBLER_PREFIX), IDLE_DELAY_MS)
        if (config.YJS_CALLBACK_URL !== undefined)
          await noteDeserted(query, of(YJS_PREFIX), callbackWaits(config))
      },
    }),
  })
  const pages = makePages(store, config.CACHE_BYTES, meter)
  const channel = (epoch: Epoch) => `{${epoch}}`
  const origin = randomBytes(8).toString('hex')
  let sessions: () => Map<Epoch, number> = () => new Map()
  const roster = makeRoster({
    presence,
    leaseMs: config.LEASE_MS,
    newNode: () => `${options.process}.${randomBytes(4).toString('hex')}`,
    open: () => sessions(),
    isOpen: (epoch) => hub.at(epoch) !== undefined,
    onError,
  })
  const hub = makeHub({ store, bus, roster, pages, meter, tracer, channel, origin, onError })
  sessions = () =>
    new Map([...hub.all()].map((follower) => [follower.epoch, follower.sessions.size]))
  const batcher = makeBatcher({
    store,
    meter,
    tracer,
    clock,
    deadlineMs: config.APPEND_DEADLINE_MS,
    lanes: {
      batches: poolSizes(config.DATABASE_CONNECTIONS).appends,
      alone: poolSizes(config.DATABASE_CONNECTIONS).alone,
    },
  })
  const segments = makeSegmentStore(pools)
  const documents = makeDocuments({
    store,
    bus,
    hub,
    batcher,
    roster,
    pages,
    folded: async (epoch) => foldedInto(await segments.segments(epoch)),
    meter,
    tracer,
    channel,
    origin,
    limits: {
      unanswered: config.MAX_UNANSWERED,
      unansweredBytes: UNANSWERED_BYTES,
      keys: config.MAX_KEYS,
      keyBytes: config.MAX_KEY_BYTES,
    },
    onError,
  })
  const permissions = makePermissions({
    store: makePermissionStore(pools.others),
    log,
    onLocalChange: () => bus.publish(CONTROL, HURRY),
  })
  await bus.subscribe(CONTROL, () => permissions.hurry())
  await roster.start()
  const upkeep = startUpkeep({
    hub,
    bus,
    roster,
    presence,
    meter,
    process: options.process,
    leaseMs: config.LEASE_MS,
    sweep: { warmMs: config.SWEEP_ACTIVE_MS, coldMs: config.SWEEP_QUIET_MS },
    sweepWithoutRedis: {
      warmMs: config.SWEEP_ACTIVE_REDISLESS_MS,
      coldMs: config.SWEEP_QUIET_REDISLESS_MS,
    },
    touchMs: touchMsOf(config),
    expiries: expiriesOf(config),
    dropped: (epoch, changed) => documents.keysDropped(epoch, changed),
    onLease: (isAlive) => yjs?.nodesGone(isAlive),
    onError,
  })
  onServerChange = () => {
    documents.restoreKeys()
    permissions.reload()
    upkeep.verifyAll('reconnect').catch((error: unknown) => onError('verifying', error))
  }
  const idle =
    webhook === undefined
      ? undefined
      : makeWebhook({
          store: makeIdleEventStore(pools.others),
          url: webhook,
          credentials: credentialsOf(config),
          log,
          meter,
        })
  const unansweredBytes = UNANSWERED_BYTES
  const users = makeQuota(config.MAX_CONNECTIONS_PER_USER || Infinity)
  const serves = (name: SurfaceName) => config.SURFACES.includes(name)
  const zwibbler = serves('zwibbler')
    ? makeZwibbler({
        config,
        log,
        meter,
        pools,
        store,
        documents,
        permissions,
        users,
        unansweredBytes,
      })
    : undefined
  const yjs = serves('yjs')
    ? makeYjs({
        ...{ config, log, meter, hub, pages, store, segments, documents, permissions, users },
        unansweredBytes,
        callbacks: makeCallbackStore(pools.others),
        versions: makeVersionStore(pools),
        node: `${options.process}.${origin}`,
      })
    : undefined
  const surfaces = [zwibbler, yjs?.surface].filter((surface) => surface !== undefined)
  const server = makeServer({
    host: config.HOST,
    port: options.ports?.port ?? config.PORT,
    exclusive: config.EXCLUSIVE_PORT && config.WORKERS === 1,
    surfaces,
    ownPorts: options.ports?.ownPorts ?? ownPorts(config),
    pages: publicPages({
      whiteboard: config.WHITEBOARD,
      editor: config.EDITOR_PAGE,
      zwibbler: zwibbler?.path,
      yjs: yjs?.surface.path,
    }),
    banner: BANNER,
    tls: tlsOf(config),
    allowedOrigins: config.ALLOWED_ORIGINS,
    isGuarded: isGuarded(config),
    trustedProxies: config.TRUST_PROXY,
    limits: socketLimits(config),
    meter,
    log,
    isTracing: tracer !== undefined,
  })
  const postgres = watchPostgres(() => ping(pools))
  const overload = watchOverload({
    limits: overloadLimits(config),
    process: options.process,
    bus,
    others: () => upkeep.others,
  })
  const tidying = startTidying({ isDeserted: () => server.connections === 0 })
  const readiness = makeHealth({
    ...{ meter, postgres, overload, bus },
    isDraining: () => draining !== undefined,
    isRedisLess: () => upkeep.isRedisLess,
  })
  let draining: Promise<void> | undefined
  const addresses = await server.listen()
  const hurry = new AbortController()

  let phase: DrainPhase = 'serving'
  meter.gauge('drain_phase', () => ({ ...NO_PHASE, [phase]: 1 }))
  meter.gauge('drain_connections_left', () => (phase === 'serving' ? 0 : server.connections))

  async function leave(): Promise<void> {
    phase = 'noticing'
    await wait(config.DRAIN_NOTICE_MS, hurry.signal)
    phase = 'closing'
    server.stopAccepting()
    const cut = await server.closeInGroups(config.DRAIN_MS, hurry.signal)
    phase = 'finishing'
    meter.drainCut(cut)
    if (cut > 0) log.warn({ connections: cut }, 'connections were cut: the drain time was over')
    await isDoneWithin(FINISH_MS.appends, documents.idle(), hurry.signal)
    await server.close()
    const told = options.tracing?.close()
    const released = release().catch((error: unknown) => onError('leaving', error))
    if (!(await isDoneWithin(FINISH_MS.release, Promise.all([released, told]), hurry.signal)))
      log.warn({}, 'left without waiting any longer for Postgres or Redis')
    options.metrics.close()
  }

  async function release(): Promise<void> {
    await yjs?.close()
    upkeep.stop()
    postgres.stop()
    overload.stop()
    tidying.stop()
    await idle?.close()
    await permissions.close()
    await roster.stop().catch((error: unknown) => onError('unregistering', error))
    await bus.close()
    batcher.close()
    clock.stop()
    await pools.close()
  }

  return {
    addresses,
    readiness: () => Promise.resolve(readiness()),
    liveness: () => Promise.resolve(readinessOf([])),
    figures: () => options.metrics.read(),
    document: (id) => describe(id, store, presence),
    room: async (id, wish) => yjs?.manage(id, wish),
    drain: () => (draining ??= leave()),
    hurry() {
      hurry.abort()
      return Promise.resolve()
    },
  }
}

/** The rest of `design.md`'s bound on what one session may leave unanswered: 64 messages or this. */
const UNANSWERED_BYTES = 4 * 1024 * 1024

function makeBus({ config, localBus, log, metrics }: WorkerOptions, clusterId: string): Bus {
  if (config.REDIS_URL === undefined) return localBus
  return makeRedisBus({
    url: config.REDIS_URL,
    prefix: `${config.REDIS_PREFIX}${clusterId}:`,
    meter: metrics.meter,
    log,
    clock: performance,
  })
}

async function describe(
  id: string,
  store: DocumentStore,
  presence: PresenceStore,
): Promise<DocumentInfo | undefined> {
  const found = await store.find(id)
  if (!found) return undefined
  const state = (await store.states([found.epoch])).get(found.epoch)
  const sessions = await presence.sessions(found.epoch)
  return { id, ...found, keysVersion: state?.keysVersion ?? 0, sessions }
}
