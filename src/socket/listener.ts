/** One port: an app that listens there, and for TLS a further app for each new certificate. */
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { listenOn, makeApp, portOf, stopListening } from './uws.ts'
import type { ListenSocket, TlsFiles, UwsApp } from './uws.ts'

/** The port cannot be had; `code` is the system's: EADDRINUSE, EACCES, EADDRNOTAVAIL … */
export class ListenError extends Error {
  override readonly name = 'ListenError'
  readonly code: string
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export interface ListenerOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** False: other listeners (worker threads, other processes of the same user) may share the port. */
  readonly exclusive: boolean
  readonly tls: TlsFiles | undefined
  readonly addRoutes: (app: UwsApp) => void
}

export interface Listener {
  readonly port: number
  /** Takes the certificate from its files again, for new connections. @throws Error and stays as it was */
  renew(): void
  /** Accepts nothing any more; open connections stay. */
  stop(): void
  /** Ends every connection at once. */
  close(): void
}

/** @throws ListenError, or Error when the certificate cannot be used */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const { host, exclusive } = options
  const app = prepare(options)
  const { socket, port } = await listen(app, options)
  const apps = [app]
  let listening: ListenSocket | undefined = socket

  const stop = (): void => {
    if (listening !== undefined) stopListening(listening)
    listening = undefined
  }
  const listenAgain = (on: UwsApp): void => {
    listening = listenOn(on, { host, port, exclusive })
    if (listening === undefined) throw new Error(`cannot listen at ${host}:${port} again`)
  }

  return {
    port,
    renew() {
      if (listening === undefined) return
      const before = apps.at(-1)!
      const next = prepare(options)
      const old = listening
      if (exclusive) stop()
      try {
        listenAgain(next)
      } catch (error) {
        if (exclusive) listenAgain(before)
        else listening = old
        throw error
      }
      // uWebSockets cannot change the certificate of an app. Closing the old listener resets what it has not accepted:
      // the new one listens before, so that this is what came in within this very moment.
      if (!exclusive) stopListening(old)
      apps.push(next)
    },
    stop,
    close() {
      stop()
      for (const one of apps) one.close()
    },
  }
}

function prepare({ tls, addRoutes }: ListenerOptions): UwsApp {
  const app = makeApp(tls)
  addRoutes(app)
  return app
}

async function listen(
  app: UwsApp,
  { host, port: wanted, exclusive }: ListenerOptions,
): Promise<{ socket: ListenSocket; port: number }> {
  // A port that uWebSockets has chosen itself can neither be shared nor be listened at again.
  for (let triesLeft = 5; ; triesLeft -= 1) {
    const port = wanted === 0 ? await freePort(host) : wanted
    const socket = listenOn(app, { host, port, exclusive })
    if (socket !== undefined) return { socket, port: portOf(socket) }
    if (wanted !== 0 || triesLeft === 0) throw await reasonFor(host, port)
  }
}

/** Asks Node for the reason, since uWebSockets does not give one. */
async function reasonFor(host: string, port: number): Promise<ListenError> {
  try {
    await tryListening(host, port)
    return new ListenError('EADDRINUSE', `cannot listen at ${host}:${port}`)
  } catch (cause) {
    const { code = 'UNKNOWN', message } = cause as NodeJS.ErrnoException
    return new ListenError(code, `cannot listen at ${host}:${port}: ${message}`, { cause })
  }
}

const freePort = (host: string): Promise<number> => tryListening(host, 0)

async function tryListening(host: string, port: number): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, resolve)
  })
  const { port: found } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return found
}
