/** Puts surfaces and pages on an app: handshakes become connections, other requests go to the responder. */
import { requestIdOf } from '../core/log.ts'
import { isTraceParent } from '../core/tracer.ts'
import type { HttpAnswer, Surface } from '../surfaces/surface.ts'
import { plainAnswer, writeAnswer } from './answer.ts'
import { SocketConnection, type SocketData } from './connection.ts'
import type { ClientAddress } from './client-address.ts'
import type { Gate } from './gate.ts'
import type { Responder } from './http.ts'
import { headersOf, roomOf, senderOf, withoutSlash } from './request.ts'
import type { Sockets } from './sockets.ts'
import { asksForWebSocket } from './upgrade.ts'
import { sharedCompression } from './uws.ts'
import type { SocketContext, UwsApp, UwsRequest, UwsResponse, WebSocketBehavior } from './uws.ts'

export interface Routes {
  /** By path. */
  readonly surfaces: ReadonlyMap<string, Surface>
  readonly respond: Responder
  readonly gate: Gate
  readonly sockets: Sockets
  readonly clientAddress: ClientAddress
}

export function addRoutes(app: UwsApp, routes: Routes): void {
  for (const [path, surface] of routes.surfaces) {
    app.ws(path, behaviorOf(surface, routes))
    if (surface.hasRooms) app.ws(`${withoutSlash(path)}/*`, behaviorOf(surface, routes))
  }
  app.any('/*', routes.respond)
}

/**
 * How far above a surface's limit a message is still received, so that its sender can be told (1009). uWebSockets cuts
 * the connection without a close frame above its own limit.
 */
const maxPayload = ({ maxMessageBytes }: Surface): number =>
  Math.min(2 ** 32 - 1, maxMessageBytes + Math.min(Math.max(maxMessageBytes, 2 ** 16), 2 ** 24))

/**
 * Who is dead is judged by uWebSockets' timer of each socket, since only it sees parts: it starts again whenever bytes
 * come in, be it a part of a message that takes minutes to upload, and whenever waiting bytes go out, be they few. It
 * fires up to 4 s early. The pings are ours (sockets.ts); its own would cut slow readers, whose pong comes late.
 */
const idleSeconds = (deadMs: number): number =>
  Math.max(8, Math.min(960, Math.ceil(deadMs / 1000) + 4))

function behaviorOf(surface: Surface, routes: Routes): WebSocketBehavior<SocketData> {
  return {
    maxPayloadLength: maxPayload(surface),
    // 0: never drop a message. Whoever sends watches `isFull`; a hole in a log is corruption.
    maxBackpressure: 0,
    compression: sharedCompression,
    idleTimeout: idleSeconds(routes.sockets.limits.deadMs),
    sendPingsAutomatically: false,
    upgrade: (response, request, context) =>
      upgrade(surface, { response, request, context }, routes),
    open: (ws) => ws.getUserData().connection.opened(ws),
    message: (ws, data, isBinary) => ws.getUserData().connection.heard(data, isBinary),
    ping: (ws) => ws.getUserData().connection.pinged(),
    drain: (ws) => ws.getUserData().connection.drained(),
    close: (ws, code) => ws.getUserData().connection.gone(code),
  }
}

let lastId = 0

function upgrade(
  surface: Surface,
  {
    response,
    request,
    context,
  }: { response: UwsResponse; request: UwsRequest; context: SocketContext },
  { surfaces, respond, gate, sockets, clientAddress }: Routes,
): void {
  if (!asksForWebSocket(request.getHeader('upgrade'))) {
    respond(response, request)
    return
  }
  const key = request.getHeader('sec-websocket-key')
  const { address, host } = senderOf(request, response, clientAddress)
  const refusal = gate.judge({
    method: request.getCaseSensitiveMethod(),
    connection: request.getHeader('connection'),
    version: request.getHeader('sec-websocket-version'),
    key,
    origin: request.getHeader('origin'),
    host,
    address,
  })
  if (refusal !== undefined) {
    sockets.meter.connectionRefused(surface.name, refusal.reason)
    writeAnswer(response, refusal, { close: true })
    return
  }
  // `request` is only valid until this returns: everything is read here.
  const connection = new SocketConnection(sockets, surface, ++lastId, {
    query: request.getQuery(),
    room: surface.hasRooms ? roomOf(request.getUrl(), surfaces) : '',
    headers: surface.wantsHeaders ? headersOf(request) : undefined,
    address,
    requestId: requestIdOf(request.getHeader('x-request-id')),
    traceParent: sockets.isTracing ? traceParentOf(request) : undefined,
  })
  const extensions = extensionsOf(request, connection)
  connection.compresses = extensions !== ''
  const offered = request.getHeader('sec-websocket-protocol').split(/\s*,\s*/)
  const protocol = offered[0] === '' ? undefined : surface.protocol?.(offered)
  const accept = (): void => {
    sockets.add(connection)
    response.upgrade<SocketData>({ connection }, key, protocol ?? '', extensions, context)
  }
  if (surface.admit === undefined) accept()
  else void acceptIfAdmitted(connection, { response, accept }, { gate, sockets }) // never rejects
}

async function acceptIfAdmitted(
  connection: SocketConnection,
  { response, accept }: { response: UwsResponse; accept: () => void },
  { gate, sockets }: Pick<Routes, 'gate' | 'sockets'>,
): Promise<void> {
  const state = { isAborted: false }
  response.onAborted(() => (state.isAborted = true))
  const refusal = await refusalOf(connection, sockets)
  if (state.isAborted) return
  const late = refusal === undefined ? gate.judgeAgain(connection.address) : undefined
  const answer = refusal ?? late
  if (answer !== undefined)
    sockets.meter.connectionRefused(connection.surface.name, late?.reason ?? 'surface')
  // Not corked: afterwards uWebSockets may take the WebSocket for the HTTP response that it was, and close it.
  if (answer === undefined) accept()
  else writeAnswer(response, answer, { close: true })
}

async function refusalOf(
  connection: SocketConnection,
  { log }: Sockets,
): Promise<HttpAnswer | undefined> {
  try {
    return await connection.surface.admit?.(connection)
  } catch (error) {
    log.error({ ...connection.ids, err: error }, 'an upgrade could not be judged')
    return plainAnswer(500)
  }
}

function traceParentOf(request: UwsRequest): string | undefined {
  const given = request.getHeader('traceparent')
  return isTraceParent(given) ? given : undefined
}

/** What the client offers, if its surface wants compression: uWebSockets then answers with what it takes of it. */
function extensionsOf(request: UwsRequest, { surface, query }: SocketConnection): string {
  const offered = request.getHeader('sec-websocket-extensions')
  return offered !== '' && surface.compresses(query) ? offered : ''
}
