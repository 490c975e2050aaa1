/**
 * The second port: metrics, probes and documents, for operators. It is loopback unless configured; off
 * loopback whatever is not a probe or a metric wants the key.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Answer, Refusal, refusal, type Route } from './admin/answer.ts'
import { type DocumentParts, documentRoute } from './admin/documents.ts'
import { isLoopback } from './config/conflicts.ts'
import type { Readiness } from './core/readiness.ts'

export type { DocumentInfo } from './admin/documents.ts'

export interface AdminParts extends DocumentParts {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly key: string | undefined
  readonly metrics: { readonly type: string; page(): Promise<string> }
  /** Whether every thread's event loop still turns; that of the main thread answers by answering. */
  liveness(): Readiness | Promise<Readiness>
  readiness(): Readiness | Promise<Readiness>
  /** Hears of answers that failed; they are told as 500 without a reason. */
  onError(error: unknown): void
}

export interface Admin {
  readonly port: number
  close(): Promise<void>
}

/** @throws Error when the port cannot be had */
export async function startAdmin(parts: AdminParts): Promise<Admin> {
  const server = createServer((request, response) => {
    // Cannot reject: `answer` turns failures into answers.
    void answer(parts, request).then((given) => send(response, given))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(parts.port, parts.host, () => resolve())
  })
  server.on('error', (error) => parts.onError(error))
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

async function answer(parts: AdminParts, request: IncomingMessage): Promise<Answer> {
  try {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
    const found = Object.hasOwn(routes, path) ? routes[path] : documentRoute(path)
    if (found === undefined) return refusal(404, 'not found')
    const refused = found.isOpen ? undefined : refuse(parts, request)
    if (refused !== undefined) return refused
    const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '')
    if (!Object.hasOwn(found.methods, method)) return notAllowed(Object.keys(found.methods))
    // Pages of any site can send requests to loopback.
    if (method !== 'GET' && request.headers.origin !== undefined)
      return refusal(403, 'web pages may not do this')
    return await found.methods[method]!(parts, request)
  } catch (error) {
    if (error instanceof Refusal) return refusal(error.status, error.message)
    parts.onError(error)
    return refusal(500, 'internal error')
  }
}

function notAllowed(methods: readonly string[]): Answer {
  const allow = methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
  return { ...refusal(405, 'method not allowed'), headers: { allow: allow.join(', ') } }
}

const open = (get: (parts: AdminParts) => Promise<Answer>): Route<AdminParts> => ({
  isOpen: true,
  methods: { GET: get },
})

const routes: Readonly<Record<string, Route<AdminParts>>> = {
  '/livez': open(async (parts) => probe(await parts.liveness())),
  '/readyz': open(async (parts) => probe(await parts.readiness())),
  '/metrics': open(async ({ metrics }) => ({
    status: 200,
    type: metrics.type,
    body: await metrics.page(),
  })),
}

function probe({ ready, reasons, details }: Readiness): Answer {
  return { status: ready ? 200 : 503, body: { ready, reasons, details } }
}

function refuse({ host, key }: AdminParts, request: IncomingMessage): Answer | undefined {
  if (isLoopback(host)) return undefined
  if (key === undefined) return refusal(403, 'off loopback this needs ADMIN_KEY to be set')
  const [, given] = /^Bearer +(.*)$/i.exec(request.headers.authorization ?? '') ?? []
  if (given !== undefined && isSame(given, key)) return undefined
  return { ...refusal(401, 'wrong or missing key'), headers: { 'www-authenticate': 'Bearer' } }
}

/** In constant time, whatever the lengths. */
function isSame(given: string, key: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(key))
}

function send(response: ServerResponse, { status, type, headers, body }: Answer): void {
  const isText = typeof body === 'string'
  const isWhole = isText || body instanceof Uint8Array
  response.writeHead(status, {
    'content-type': type ?? (isText ? 'text/plain; charset=utf-8' : 'application/json'),
    'cache-control': 'no-store',
    ...headers,
  })
  response.end(isWhole ? body : `${JSON.stringify(body)}\n`)
}
