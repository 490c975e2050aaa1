/** Plain HTTP requests: to a surface, for a page, or for nothing that is here. */
import { requestIdOf } from '../core/log.ts'
import type { HttpAnswer, HttpRequest, Surface } from '../surfaces/surface.ts'
import { HttpError } from '../surfaces/surface.ts'
import { plainAnswer, writeAnswer } from './answer.ts'
import { Body, type BodyBudget } from './body.ts'
import type { ClientAddress } from './client-address.ts'
import type { Gate } from './gate.ts'
import { answerPage, type Site } from './pages.ts'
import { headersOf, senderOf, surfaceAt } from './request.ts'
import type { Sockets } from './sockets.ts'
import { asksForWebSocket, busy, refusals } from './upgrade.ts'
import type { UwsRequest, UwsResponse } from './uws.ts'

export type Responder = (response: UwsResponse, request: UwsRequest) => void

/** @param surfaces by path; @param site what is at other paths */
export function makeResponder({
  surfaces,
  site,
  gate,
  sockets,
  budget,
  clientAddress,
}: {
  surfaces: ReadonlyMap<string, Surface>
  site: Site
  gate: Gate
  sockets: Sockets
  budget: BodyBudget
  clientAddress: ClientAddress
}): Responder {
  return (response, request) => {
    const method = request.getCaseSensitiveMethod()
    const path = request.getUrl()
    const surface = surfaceAt(path, surfaces)
    if (gate.isDraining) {
      writeAnswer(response, busy('draining'), { close: true })
    } else if (surface === undefined) {
      const answer = answerPage(site, {
        ...{ method, path, accept: request.getHeader('accept') },
        acceptEncoding: request.getHeader('accept-encoding'),
        ifNoneMatch: request.getHeader('if-none-match'),
      })
      writeAnswer(response, answer, { head: method === 'HEAD' })
    } else if (asksForWebSocket(request.getHeader('upgrade'))) {
      // uWebSockets hands over only handshakes whose key it can use; the others come here.
      writeAnswer(response, refusals.malformed, { close: true })
    } else {
      const { host } = senderOf(request, response, clientAddress)
      void serve(surface, { response, request, method, path, host }, sockets, budget) // never rejects
    }
  }
}

let requests = 0

interface Exchange {
  readonly response: UwsResponse
  readonly request: UwsRequest
  readonly method: string
  readonly path: string
  readonly host: string
}

async function serve(
  surface: Surface,
  { response, request, method, path, host }: Exchange,
  sockets: Sockets,
  budget: BodyBudget,
): Promise<void> {
  const hasBody = method !== 'GET' && method !== 'HEAD'
  const body = hasBody ? new Body(response, sockets, budget) : undefined
  const state = { isAborted: false }
  response.onAborted(() => {
    state.isAborted = true
    body?.release()
  })
  // `request` is only valid until the first await: everything is read here.
  const headers = headersOf(request)
  const asked: HttpRequest = {
    id: requestIdOf(headers.get('x-request-id') ?? '') ?? String(++requests),
    method,
    path,
    query: new URLSearchParams(request.getQuery()),
    headers: headers.set('host', host),
    body: async (limit) => (await body?.read(limit)) ?? new Uint8Array(),
  }
  const answer = await answerOf(surface, asked, sockets)
  if (state.isAborted) return
  const close = body !== undefined && !body.isComplete
  body?.release()
  writeAnswer(response, answer, { head: method === 'HEAD', close })
}

async function answerOf(
  surface: Surface,
  request: HttpRequest,
  { log }: Sockets,
): Promise<HttpAnswer> {
  try {
    return await surface.http(request)
  } catch (error) {
    const { id, method, path } = request
    const about = { surface: surface.name, request: id, method, path }
    if (error instanceof HttpError) {
      log.debug({ ...about, err: error }, 'a request was refused')
      return plainAnswer(error.status)
    }
    log.error({ ...about, err: error }, 'a request failed')
    return plainAnswer(500)
  }
}
