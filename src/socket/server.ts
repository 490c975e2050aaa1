/**
 * The public port: WebSockets and HTTP for every surface, pages, limits, keep-alive, TLS, drain. Everything that knows
 * uWebSockets.js is in this folder.
 */
import type { Log } from '../core/log.ts'
import type { Meter } from '../core/meter.ts'
import type { Surface } from '../surfaces/surface.ts'
import { BodyBudget } from './body.ts'
import { makeClientAddress, type TrustedProxies } from './client-address.ts'
import { closeInGroups } from './drain.ts'
import { watchSockets } from './figures.ts'
import { makeGate } from './gate.ts'
import { makeResponder } from './http.ts'
import { defaultSocketLimits, type SocketLimits } from './limits.ts'
import { openListener, type Listener } from './listener.ts'
import { makeOriginCheck } from './origins.ts'
import type { Page, Site } from './pages.ts'
import { addRoutes } from './routes.ts'
import { Sockets } from './sockets.ts'
import { checkTlsFiles, stateOf, watchTlsFiles } from './tls.ts'
import type { TlsFiles, UwsApp } from './uws.ts'

export interface SocketServerOptions {
  readonly host: string
  /** The port that all surfaces share; 0 takes a free one. */
  readonly port: number
  /** Refuse to share ports, which worker threads do. */
  readonly exclusive?: boolean
  readonly surfaces: readonly Surface[]
  /** Further ports, by the surface's name: it sits there at its path and at `/`, alone; one with rooms at `/` only. */
  readonly ownPorts?: ReadonlyMap<string, number>
  readonly pages?: ReadonlyMap<string, Page>
  /** What `/` says to programs. */
  readonly banner?: Page | undefined
  /** On all ports. Read again when the files change. */
  readonly tls?: TlsFiles | undefined
  /** See `makeOriginCheck`. */
  readonly allowedOrigins?: readonly string[] | undefined
  readonly isGuarded?: boolean
  /** Who is believed about clients' addresses and hosts; nobody if it is not said. */
  readonly trustedProxies?: TrustedProxies | undefined
  readonly limits?: Partial<SocketLimits>
  readonly meter: Meter
  readonly log: Log
  /** Whether connections keep `traceparent` of their upgrade. */
  readonly isTracing?: boolean
  /** How often the certificate's files are looked at. */
  readonly tlsPollMs?: number
}

export interface Addresses {
  readonly port: number
  readonly ownPorts: ReadonlyMap<string, number>
}

export interface SocketServer {
  /** @throws ListenError when a port cannot be had; Error when the certificate cannot be used */
  listen(): Promise<Addresses>
  /** Open WebSockets, those included that still send what waits before their close frame. */
  readonly connections: number
  /** Those of them that have not said `established`. */
  readonly handshaking: number
  /** Accepts nothing new: listeners close, and requests on open HTTP connections are answered 503. */
  stopAccepting(): void
  /**
   * Tells every conversation to drain, spread evenly over three quarters of the time. Whatever it still waits for, every
   * client is told shortly before the end; who has not read that far is cut at the end. Once `hurry` is aborted, all at once
   * and within a second. @returns how many were cut
   */
  closeInGroups(withinMs: number, hurry?: AbortSignal): Promise<number>
  /** Ends everything at once. A thread that ends without this brings its process down. */
  close(): Promise<void>
}

export function makeServer(options: SocketServerOptions): SocketServer {
  const { meter, log, tls } = options
  const limits = { ...defaultSocketLimits, ...options.limits }
  const sockets = new Sockets({ limits, meter, log, isTracing: options.isTracing })
  watchSockets(sockets)
  const gate = makeGate({
    sockets,
    isAllowedOrigin: makeOriginCheck(options.allowedOrigins, options.isGuarded),
  })
  const clientAddress = makeClientAddress(options.trustedProxies ?? 0)
  const budget = new BodyBudget(limits.maxBodyBytes * 2)
  const listeners: Listener[] = []
  let stopWatching: (() => void) | undefined

  const routesOf = (surfaces: ReadonlyMap<string, Surface>, site: Site) => (app: UwsApp) => {
    const respond = makeResponder({ surfaces, site, gate, sockets, budget, clientAddress })
    addRoutes(app, { surfaces, respond, gate, sockets, clientAddress })
  }
  const open = async (port: number, addRoutes: (app: UwsApp) => void): Promise<number> => {
    const { host, exclusive = false } = options
    const listener = await openListener({ host, port, exclusive, tls, addRoutes })
    listeners.push(listener)
    return listener.port
  }
  const tellExpiry = (expiresAt: number): void =>
    meter.gauge('tls_certificate_expiry_timestamp_seconds', () => expiresAt / 1000)
  const stopAccepting = (): void => {
    gate.isDraining = true
    stopWatching?.()
    for (const listener of listeners) listener.stop()
  }
  const close = (): void => {
    stopAccepting()
    sockets.stop()
    for (const listener of listeners.splice(0)) listener.close()
  }

  const openAll = async (): Promise<Addresses> => {
    const shared = new Map(options.surfaces.map((surface) => [surface.path, surface]))
    const site = { pages: options.pages ?? new Map<string, Page>(), banner: options.banner }
    const port = await open(options.port, routesOf(shared, site))
    const ownPorts = new Map<string, number>()
    for (const surface of options.surfaces) {
      const wanted = options.ownPorts?.get(surface.name)
      if (wanted === undefined) continue
      const paths = surface.hasRooms ? ['/'] : [surface.path, '/']
      const alone = new Map(paths.map((path) => [path, surface]))
      const empty = { pages: new Map<string, Page>(), banner: undefined }
      ownPorts.set(surface.name, await open(wanted, routesOf(alone, empty)))
    }
    return { port, ownPorts }
  }

  return {
    async listen() {
      const since = tls === undefined ? '' : await stateOf(tls)
      if (tls !== undefined) tellExpiry(await checkTlsFiles(tls))
      try {
        const addresses = await openAll()
        sockets.start()
        if (tls !== undefined) {
          const renew = (expiresAt: number): void => {
            listeners.forEach((listener) => listener.renew())
            tellExpiry(expiresAt)
          }
          const everyMs = options.tlsPollMs ?? 1_000
          stopWatching = watchTlsFiles(tls, { since, renew, log, everyMs })
        }
        return addresses
      } catch (error) {
        close()
        throw error
      }
    },
    get connections() {
      return sockets.count
    },
    get handshaking() {
      return sockets.handshaking
    },
    stopAccepting,
    closeInGroups: (withinMs, hurry) => closeInGroups(sockets, withinMs, hurry),
    close: () => {
      close()
      // What their conversations do last runs before this resolves.
      return new Promise((resolve) => setImmediate(resolve))
    },
  }
}
