/**
 * One process: the embedded Postgres where no other is named, migrations, one worker or several threads of them, the
 * admin port. Starts them in that order and stops them in reverse.
 */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { type Readiness, startAdmin } from './admin.ts'
import type { Config } from './config.ts'
import type { Log } from './core/log.ts'
import { makeLocalBus } from './local/bus.ts'
import { makeRelay } from './local/relay.ts'
import { makeMetrics, mergeFigures, type Metrics, METRICS_TYPE } from './metrics.ts'
import { type EmbeddedPostgres, startEmbedded } from './postgres/embedded.ts'
import { migrate, waitForSchema } from './postgres/migrate.ts'
import { startThread } from './threads.ts'
import { startWorker, type Worker } from './worker.ts'

/** Nodes and Postgres may be started together. */
const PATIENCE_MS = 30_000

export interface NodeOptions {
  readonly log: Log
  /** For `lengthwise_build_info`. */
  readonly version?: string
}

export interface RunningNode {
  readonly port: number
  readonly adminPort: number
  /** Ports of surfaces that have one of their own, by name. */
  readonly ownPorts: ReadonlyMap<string, number>
  /** Leaves without hurting clients; resolves when everything is closed. */
  drain(reason: string): Promise<void>
  /** Makes a drain under way short: whoever is still connected is told to leave at once. */
  hurry(): void
  /** Rejects when the node cannot go on. */
  readonly failed: Promise<never>
}

/** @throws Error when something cannot be had: a port, the database, the certificate */
export async function startNode(
  config: Config,
  { log, version }: NodeOptions,
): Promise<RunningNode> {
  const embedded =
    config.DATABASE_URL === undefined
      ? await startEmbedded({
          folder: config.DATA_DIR,
          log,
          maxConnections: 20 + config.WORKERS * config.DATABASE_CONNECTIONS,
        })
      : undefined
  try {
    return await startServing(config, { log, ...(version !== undefined && { version }) }, embedded)
  } catch (error) {
    await embedded?.stop()
    throw error
  }
}

async function startServing(
  config: Config,
  { log, version }: NodeOptions,
  embedded: EmbeddedPostgres | undefined,
): Promise<RunningNode> {
  const databaseUrl = embedded?.url ?? config.DATABASE_URL!
  const metrics = makeMetrics(version === undefined ? {} : { version })
  const workers: Worker[] = []
  const state = { isMigrated: false, isDraining: false }
  let fail: (error: Error) => void = () => undefined
  const failed = new Promise<never>((_, reject) => (fail = reject))
  // Whoever starts a node may listen later.
  failed.catch(() => undefined)

  // Before the schema is there: whoever probes a node that waits is told so.
  const admin = await startAdmin({
    host: config.ADMIN_HOST,
    port: config.ADMIN_PORT,
    key: config.ADMIN_KEY,
    metrics: { type: METRICS_TYPE, page: () => readPage(metrics, workers) },
    liveness: () => liveness(workers),
    readiness: () => readiness(state, workers),
    document: async (id) => workers[0]?.document(id),
    room: async (id, wish) => (workers[0] ? workers[0].room(id, wish) : { kind: 'unavailable' }),
    onError: (error) => log.error({ err: error }, 'an admin request failed'),
  })
  try {
    if (config.MIGRATE) await migrate(databaseUrl, { log, patienceMs: PATIENCE_MS })
    else await waitForSchema(databaseUrl, { log })
    state.isMigrated = true
    await startWorkers({
      config,
      databaseUrl,
      log,
      metrics,
      workers,
      onDeath: (error) => fail(error),
    })
  } catch (error) {
    await Promise.all(workers.map((worker) => worker.drain()))
    await admin.close()
    throw error
  }
  const { port, ownPorts } = workers[0]!.addresses
  if (config.ZWIBBLER_EXPIRATION !== 'never') {
    log.info(
      { seconds: config.ZWIBBLER_EXPIRATION },
      `zwibbler documents expire ${hours(config.ZWIBBLER_EXPIRATION)} after their last access`,
    )
  } else log.info({}, 'zwibbler documents never expire')
  if (config.YJS_EXPIRATION !== 'never') {
    log.info(
      { seconds: config.YJS_EXPIRATION },
      `rooms expire ${hours(config.YJS_EXPIRATION)} after they were last open or changed`,
    )
  }
  log.info(
    { host: config.HOST, port, adminPort: admin.port, ...Object.fromEntries(ownPorts) },
    'listening',
  )

  let leaving: Promise<void> | undefined
  async function leave(reason: string): Promise<void> {
    log.info({ reason }, 'draining')
    state.isDraining = true
    await Promise.all(workers.map((worker) => worker.drain()))
    await admin.close()
    metrics.close()
    await embedded?.stop()
    log.info({}, 'stopped')
  }
  return {
    port,
    adminPort: admin.port,
    ownPorts,
    failed,
    drain: (reason) => (leaving ??= leave(reason)),
    hurry() {
      for (const worker of workers) {
        worker.hurry().catch((error: unknown) => log.debug({ err: error }, 'it had left already'))
      }
    },
  }
}

interface Start {
  readonly config: Config
  readonly databaseUrl: string
  readonly log: Log
  readonly metrics: Metrics
  readonly workers: Worker[]
  readonly onDeath: (error: Error) => void
}

async function startWorkers({
  config,
  databaseUrl,
  log,
  metrics,
  workers,
  onDeath,
}: Start): Promise<void> {
  const process = `${hostname().slice(0, 64)}.${randomBytes(4).toString('hex')}`
  const localBus = makeLocalBus({ log })
  if (config.WORKERS === 1) {
    workers.push(await startWorker({ config, databaseUrl, process, log, metrics, localBus }))
    return
  }
  const relay = makeRelay({ bus: localBus })
  for (let worker = 0; worker < config.WORKERS; worker++) {
    const ports = workers[0]?.addresses
    workers.push(await startThread({ config, databaseUrl, process, worker, ports, relay, onDeath }))
  }
}

async function readPage(metrics: Metrics, workers: readonly Worker[]): Promise<string> {
  const all = await Promise.all(workers.map((worker) => worker.figures()))
  // A single worker shares the main thread's registry.
  return mergeFigures(
    workers.length > 1
      ? [await metrics.read(), ...all]
      : all.length === 1
        ? all
        : [await metrics.read()],
  )
}

async function readiness(
  state: { readonly isMigrated: boolean; readonly isDraining: boolean },
  workers: readonly Worker[],
): Promise<Readiness> {
  if (!state.isMigrated)
    return { ready: false, reasons: ['the database schema is not new enough yet'] }
  if (state.isDraining) return { ready: false, reasons: ['draining'] }
  if (workers.length === 0) return { ready: false, reasons: ['starting'] }
  const all = await Promise.all(workers.map((worker) => worker.readiness().catch(stuck)))
  return {
    ready: all.every(({ ready }) => ready),
    reasons: [...new Set(all.flatMap(({ reasons }) => reasons))],
  }
}

async function liveness(workers: readonly Worker[]): Promise<Readiness> {
  if (workers.length < 2) return { ready: true, reasons: [] }
  const stucks = await Promise.all(
    workers.map((worker) => worker.readiness().then(() => undefined, stuck)),
  )
  const reasons = stucks.flatMap((each) => each?.reasons ?? [])
  return { ready: reasons.length === 0, reasons }
}

function stuck(error: unknown): Readiness {
  return {
    ready: false,
    reasons: [error instanceof Error ? error.message : 'a worker thread does not answer'],
  }
}

function hours(seconds: number): string {
  return seconds % 3600 === 0 ? `${seconds / 3600} h` : `${seconds} s`
}
