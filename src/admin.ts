/**
 * The second port: metrics, probes and a look into a document, for operators. It is loopback unless configured; off
 * loopback whatever is not a probe or a metric wants the key.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isLoopback } from './config/conflicts.ts'
import { PREFIX } from './surfaces/zwibbler/document-ids.ts'

export interface Readiness {
  readonly ready: boolean
  /** Why not, or what is to be known although it is; sentences for people. */
  readonly reasons: readonly string[]
}

export interface DocumentInfo {
  readonly id: string
  readonly epoch: number
  readonly length: number
  readonly keysVersion: number
  readonly sessions: readonly { readonly node: string; readonly sessions: number }[]
}

export interface AdminParts {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly key: string | undefined
  readonly metrics: { readonly type: string; page(): Promise<string> }
  /** Whether every thread's event loop still turns; that of the main thread answers by answering. */
  liveness(): Readiness | Promise<Readiness>
  readiness(): Readiness | Promise<Readiness>
  /** By its exact id in the store, surface's prefix included. */
  document(id: string): Promise<DocumentInfo | undefined>
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

interface Answer {
  readonly status: number
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string | object
}

const refusal = (status: number, error: string): Answer => ({ status, body: { error } })

async function answer(parts: AdminParts, request: IncomingMessage): Promise<Answer> {
  try {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
    const found = routeOf(path)
    if (found === undefined) return refusal(404, 'not found')
    const refused = found.isOpen ? undefined : refuse(parts, request)
    if (refused !== undefined) return refused
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return { ...refusal(405, 'method not allowed'), headers: { allow: 'GET, HEAD' } }
    }
    return await found.answer(parts)
  } catch (error) {
    parts.onError(error)
    return refusal(500, 'internal error')
  }
}

interface Route {
  /** Needs no key, from anywhere. */
  readonly isOpen: boolean
  answer(parts: AdminParts): Promise<Answer>
}

const routes: Readonly<Record<string, Route>> = {
  '/livez': { isOpen: true, answer: async (parts) => probe(await parts.liveness()) },
  '/readyz': { isOpen: true, answer: async (parts) => probe(await parts.readiness()) },
  '/metrics': {
    isOpen: true,
    answer: async ({ metrics }) => ({
      status: 200,
      type: metrics.type,
      body: await metrics.page(),
    }),
  },
}

const DOCUMENTS = '/documents/'

function routeOf(path: string): Route | undefined {
  if (Object.hasOwn(routes, path)) return routes[path]
  if (!path.startsWith(DOCUMENTS)) return undefined
  return { isOpen: false, answer: (parts) => describe(parts, path.slice(DOCUMENTS.length)) }
}

function probe({ ready, reasons }: Readiness): Answer {
  return { status: ready ? 200 : 503, body: { ready, reasons } }
}

/** Ids as clients of the zwibbler surface know them are found, too: they have no prefix. */
async function describe(parts: AdminParts, encoded: string): Promise<Answer> {
  const id = decode(encoded)
  if (id === undefined) return refusal(400, 'the document id is not percent-encoded UTF-8')
  const info = (await parts.document(id)) ?? (await parts.document(`${PREFIX}${id}`))
  return info === undefined ? refusal(404, 'no such document') : { status: 200, body: info }
}

function decode(encoded: string): string | undefined {
  try {
    const id = decodeURIComponent(encoded)
    return id.includes('\0') ? undefined : id
  } catch {
    return undefined
  }
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
  const text = isText ? body : `${JSON.stringify(body)}\n`
  response.writeHead(status, {
    'content-type': type ?? (isText ? 'text/plain; charset=utf-8' : 'application/json'),
    'cache-control': 'no-store',
    ...headers,
  })
  response.end(text)
}
