/**
 * uWebSockets.js with its typings mended; the only file that imports it. The typings declare `ListenOptions` and the
 * compressors as types although they are numbers at run time, and lack LIBUS_LISTEN_EXCLUSIVE_PORT's own export.
 */
import * as native from 'uWebSockets.js'

export type {
  HttpRequest as UwsRequest,
  HttpResponse as UwsResponse,
  TemplatedApp as UwsApp,
  us_listen_socket as ListenSocket,
  us_socket_context_t as SocketContext,
  WebSocket as UwsWebSocket,
  WebSocketBehavior,
} from 'uWebSockets.js'
type ListenSocket = native.us_listen_socket

interface Constants {
  readonly LIBUS_LISTEN_EXCLUSIVE_PORT: number
  readonly SHARED_COMPRESSOR: number
  readonly SHARED_DECOMPRESSOR: number
}
interface ListeningApp {
  /** Calls back before it returns, with false when the port cannot be had. */
  listen(
    host: string,
    port: number,
    options: number,
    done: (socket: ListenSocket | false) => void,
  ): unknown
}

const constants = native as unknown as Constants

/** One compressor for all sockets of the thread, no context kept between messages: no memory per socket. */
export const sharedCompression = constants.SHARED_COMPRESSOR | constants.SHARED_DECOMPRESSOR

export interface TlsFiles {
  /** Paths of PEM files; the certificate's may hold a chain. */
  readonly cert: string
  readonly key: string
}

/** @throws Error when the files are not a certificate and its key */
export function makeApp(tls: TlsFiles | undefined): native.TemplatedApp {
  return tls === undefined
    ? native.App()
    : native.SSLApp({ cert_file_name: tls.cert, key_file_name: tls.key })
}

/** @returns undefined when the port cannot be had; uWebSockets does not say why */
export function listenOn(
  app: native.TemplatedApp,
  { host, port, exclusive }: { host: string; port: number; exclusive: boolean },
): ListenSocket | undefined {
  let listening: ListenSocket | false = false
  const options = exclusive ? constants.LIBUS_LISTEN_EXCLUSIVE_PORT : 0
  ;(app as unknown as ListeningApp).listen(host, port, options, (socket) => (listening = socket))
  return listening === false ? undefined : listening
}

export const portOf = (socket: ListenSocket): number => native.us_socket_local_port(socket)

/** Stops accepting; open sockets stay. */
export const stopListening = (socket: ListenSocket): void => native.us_listen_socket_close(socket)
