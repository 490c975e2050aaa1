/**
 * One process: the embedded Postgres where no other is named, migrations, one worker or several threads of them, the
 * admin port. Starts them in that order and stops them in reverse.
 */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { startAdmin } from './admin.ts'
import type { Config } from './config.ts'
import { type Log, withFields } from './core/log.ts'
import {
  blockersOf,
  type Cause,
  causeOf,
  type CauseCode,
  type Readiness,
  readinessOf,
} from './core/readiness.ts'
import { makeLocalBus } from './local/bus.ts'
import { makeRelay } from './local/relay.ts'
import { makeMetrics, type Metrics, METRICS_TYPE } from './metrics.ts'
import { makePage } from './metrics/page.ts'
import { type EmbeddedPostgres, startEmbedded } from './postgres/embedded.ts'
import { migrate, waitForSchema } from './postgres/migrate.ts'
import { startThread } from './threads.ts'
import { startTracing } from './tracing.ts'
import { startWorker, type Worker } from './worker.ts'
import { drainLimitMs } from './worker/leaving.ts'

/** Nodes and Postgres may be started together. */
const PATIENCE_MS = 30_000

export interface NodeOptions {
  readonly log: Log
  /** For `lengthwise_build_info`. */
  readonly version?: string
  /** Where OTEL_* are looked for. */
  readonly env?: NodeJS.ProcessEnv
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
  /** Whether every thread's event loop turns; that of the main thread answers by answering. */
  liveness(): Promise<Readiness>
  /** Rejects when the node cannot go on. */
  readonly failed: Promise<never>
}

/** @throws Error when something cannot be had: a port, the database, the certificate */
export async function startNode(config: Config, options: NodeOptions): Promise<RunningNode> {
  const { log } = options
  const embedded =
    config.DATABASE_URL === undefined
      ? await startEmbedded({
          folder: config.DATA_DIR,
          log,
          maxConnections: 20 + config.WORKERS * config.DATABASE_CONNECTIONS,
        })
      : undefined
  try {
    return await startServing(config, options, embedded)
  } catch (error) {
    await embedded?.stop()
    throw error
  }
}

async function startServing(
  config: Config,
  options: NodeOptions,
  embedded: EmbeddedPostgres | undefined,
): Promise<RunningNode> {
  const { version, env = {} } = options
  const name = `${hostname().slice(0, 64)}.${randomBytes(4).toString('hex')}`
  const log = withFields(options.log, { node: name })
  const databaseUrl = embedded?.url ?? config.DATABASE_URL!
  const metrics = makeMetrics(version === undefined ? {} : { version })
  const workers: Worker[] = []
  const state: State = { lacks: 'starting', drainingSince: undefined }
  const lacks = (what: CauseCode) => void (state.lacks = what)
  let fail: (error: Error) => void = () => undefined
  const failed = new Promise<never>((_, reject) => (fail = reject))
  // Whoever starts a node may listen later.
  failed.catch(() => undefined)

  const page = makePage(metrics, workers)
  // A single worker tells of itself in their place; what several say is put together with these.
  metrics.meter.gauge('ready', () => (causesOf(state, page.late).length > 0 ? 0 : 1))
  metrics.meter.gauge('not_ready', () => blockersOf(causesOf(state, page.late)))
  metrics.meter.gauge('drain_age_seconds', () =>
    state.drainingSince === undefined ? 0 : (performance.now() - state.drainingSince) / 1000,
  )
  metrics.meter.gauge('drain_limit_seconds', () => drainLimitMs(config) / 1000)
  // Before the schema is there: whoever probes a node that waits is told so.
  const admin = await startAdmin({
    host: config.ADMIN_HOST,
    port: config.ADMIN_PORT,
    key: config.ADMIN_KEY,
    metrics: { type: METRICS_TYPE, page: () => page.read() },
    liveness: () => liveness(workers),
    readiness: () => readiness(state, workers),
    document: async (id) => workers[0]?.document(id),
    room: async (id, wish) => (workers[0] ? workers[0].room(id, wish) : { kind: 'unavailable' }),
    onError: (error) => log.error({ err: error }, 'an admin request failed'),
  })
  try {
    if (config.MIGRATE) await migrate(databaseUrl, { log, patienceMs: PATIENCE_MS, lacks })
    else await waitForSchema(databaseUrl, { log, lacks })
    state.lacks = 'starting'
    await startWorkers({
      config,
      databaseUrl,
      process: name,
      log,
      metrics,
      workers,
      version: version ?? '',
      otel: otelOf(env),
      onDeath: (error) => fail(error),
    })
    state.lacks = undefined
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
    state.drainingSince = performance.now()
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
    liveness: () => liveness(workers),
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
  readonly process: string
  readonly log: Log
  readonly metrics: Metrics
  readonly workers: Worker[]
  readonly version: string
  readonly otel: NodeJS.ProcessEnv
  readonly onDeath: (error: Error) => void
}

async function startWorkers({
  config,
  databaseUrl,
  process,
  log,
  metrics,
  workers,
  version,
  otel,
  onDeath,
}: Start): Promise<void> {
  const localBus = makeLocalBus({ log })
  if (config.WORKERS === 1) {
    const tracing = await startTracing({ env: otel, log, version, node: process })
    workers.push(
      await startWorker({ config, databaseUrl, process, log, metrics, tracing, localBus }),
    )
    return
  }
  const relay = makeRelay({ bus: localBus })
  for (let worker = 0; worker < config.WORKERS; worker++) {
    const ports = workers[0]?.addresses
    workers.push(
      await startThread({
        ...{ config, databaseUrl, process, worker, ports, relay, onDeath, otel, version },
      }),
    )
  }
}

interface State {
  /** What is still missing at the start. */
  lacks: CauseCode | undefined
  drainingSince: number | undefined
}

async function readiness(state: Readonly<State>, workers: readonly Worker[]): Promise<Readiness> {
  const own = causesOf(state)
  if (own.length > 0) return readinessOf(own)
  const all = await Promise.all(workers.map((worker) => worker.readiness().catch(stuck)))
  return readinessOf(all.flatMap(({ details }) => details))
}

/** Those that no worker knows of. @param late workers that did not answer */
function causesOf({ lacks, drainingSince }: Readonly<State>, late = 0): Cause[] {
  if (drainingSince !== undefined) return [causeOf('draining')]
  if (lacks) return [causeOf(lacks)]
  return late > 0 ? [causeOf('worker_stuck')] : []
}

/** A single worker is the main thread's: it answers by answering. */
async function liveness(workers: readonly Worker[]): Promise<Readiness> {
  if (workers.length < 2) return readinessOf([])
  const all = await Promise.all(workers.map((worker) => worker.liveness().catch(stuck)))
  return readinessOf(all.flatMap(({ details }) => details))
}

function stuck(): Readiness {
  return readinessOf([causeOf('worker_stuck')])
}

/** A worker thread is sent only these: the rest of the environment has secrets that are none of tracing's business. */
function otelOf(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('OTEL_')))
}

function hours(seconds: number): string {
  return seconds % 3600 === 0 ? `${seconds / 3600} h` : `${seconds} s`
}
