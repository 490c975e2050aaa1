/**
 * The default without DATABASE_URL: a real PostgreSQL in DATA_DIR, loopback only, with a random password. It survives a
 * `kill -9` of its node; the next node stops what is left of it and starts anew.
 */
import { mkdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../core/log.ts'
import { findBinaries } from './embedded/binaries.ts'
import type { Binaries } from './embedded/binaries.ts'
import { claimFolder } from './embedded/claim.ts'
import type { Claim } from './embedded/claim.ts'
import { openCluster, pgdataOf, readPassword, USER } from './embedded/cluster.ts'
import { findPostmaster, stopPostmaster } from './embedded/postmaster.ts'
import { keepRunning } from './embedded/keeper.ts'
import type { Run } from './embedded/keeper.ts'
import { startServer } from './embedded/server.ts'
import type { ServerOptions } from './embedded/server.ts'

export interface EmbeddedOptions {
  /** DATA_DIR: made if it is missing. */
  readonly folder: string
  readonly log: Log
  readonly maxConnections?: number
}

export interface EmbeddedPostgres {
  /** Stays the same while the server is restarted after a crash. */
  readonly url: string
  /** Cuts off whoever is connected: everything that uses it is closed before. */
  stop(): Promise<void>
}

interface Start extends EmbeddedOptions {
  readonly binaries: Binaries
}

/** @throws Error that says who has the folder, or why PostgreSQL does not start */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  // First of all: where there are none, as in a container, the folder cannot be made either, and that would be what is told.
  const binaries = await findBinaries()
  const folder = resolve(options.folder)
  await mkdir(folder, { recursive: true })
  const claim = await claimFolder(folder)
  try {
    return await start({ ...options, folder, binaries }, claim)
  } catch (error) {
    await claim.release()
    throw error
  }
}

async function start(options: Start, claim: Claim): Promise<EmbeddedPostgres> {
  const { folder, binaries, log, maxConnections = 100 } = options
  const began = Date.now()
  await stopLeftover(folder, log)
  const cluster = await openCluster(folder, binaries)
  const run = await startAtFreePort({ folder, binaries, cluster, maxConnections })
  log.info({ folder, port: run.port, ms: Date.now() - began }, 'embedded PostgreSQL started')
  const keeper = keepRunning(run, log)
  return {
    url: urlOf(run.port, cluster.password),
    async stop() {
      await keeper.stop()
      await claim.release()
    },
  }
}

/** A killed node leaves its server running: it has the old settings, and the dead node's transactions. */
async function stopLeftover(folder: string, log: Log): Promise<void> {
  const left = await findPostmaster(pgdataOf(folder))
  if (left === undefined) return
  log.warn({ folder, pid: left.pid }, 'stopping the embedded PostgreSQL that a killed node left')
  await stopPostmaster(pgdataOf(folder))
}

const TRIES = 10
/** The port was taken meanwhile; or backends of a server that was killed have not noticed yet. */
const passing = /could not (bind|create any TCP)|pre-existing shared memory block/

async function startAtFreePort(options: Omit<ServerOptions, 'port'>): Promise<Run> {
  for (let tries = 1; ; tries++) {
    const port = await freePort()
    try {
      return { ...options, port, server: await startServer({ ...options, port }) }
    } catch (error) {
      if (tries === TRIES || !passing.test(String(error))) throw error
      await sleep(100 * tries)
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done, failed) => {
    server.once('error', failed)
    server.listen(0, '127.0.0.1', () => done())
  })
  const { port } = server.address() as AddressInfo
  await new Promise<void>((done) => server.close(() => done()))
  return port
}

function urlOf(port: number, password: string): string {
  return `postgres://${USER}:${password}@127.0.0.1:${port}/postgres`
}

/** The URL of the server that another process runs in this folder, for commands beside a running node. */
export async function findRunning(folder: string): Promise<string | undefined> {
  const found = await findPostmaster(pgdataOf(resolve(folder)))
  return found?.status === 'ready'
    ? urlOf(found.port, await readPassword(resolve(folder)))
    : undefined
}
