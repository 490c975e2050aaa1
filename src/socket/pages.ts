/** What is served at paths that belong to no surface: fixed pages, and a banner at `/` for programs. */
import type { HttpAnswer } from '../surfaces/surface.ts'
import { plainAnswer } from './answer.ts'

export interface Page {
  readonly contentType: string
  readonly body: Uint8Array | string
  /** The same, for clients that take gzip. */
  readonly gzipped?: Uint8Array
  /** A weak validator: a 304 to whoever has it already. */
  readonly etag?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** What an answer depends on. The headers are '' when they are missing. */
export interface PageRequest {
  readonly method: string
  readonly path: string
  readonly accept: string
  readonly acceptEncoding: string
  readonly ifNoneMatch: string
}

export interface Site {
  /** By path, `/` for browsers among them. */
  readonly pages: ReadonlyMap<string, Page>
  /** What `/` says to everybody else, whatever the method. */
  readonly banner: Page | undefined
}

export function answerPage({ pages, banner }: Site, request: PageRequest): HttpAnswer {
  const { method, path, accept } = request
  const isReading = method === 'GET' || method === 'HEAD'
  const page = pages.get(path)
  if (
    path === '/' &&
    banner !== undefined &&
    !(isReading && page && accept.includes('text/html'))
  ) {
    return answerWith(banner, request)
  }
  if (page === undefined) return plainAnswer(404)
  return isReading ? answerWith(page, request) : plainAnswer(405, { Allow: 'GET, HEAD' })
}

function answerWith(
  { contentType, body, gzipped, etag, headers }: Page,
  { acceptEncoding, ifNoneMatch }: PageRequest,
): HttpAnswer {
  const known = {
    ...headers,
    ...(etag !== undefined && { ETag: etag }),
    // `/` is another page for programs.
    ...(gzipped && { Vary: 'Accept, Accept-Encoding' }),
  }
  if (etag !== undefined && has(ifNoneMatch, etag)) return { status: 304, headers: known, body: '' }
  const typed = { 'Content-Type': contentType, ...known }
  return gzipped && takesGzip(acceptEncoding)
    ? { status: 200, headers: { ...typed, 'Content-Encoding': 'gzip' }, body: gzipped }
    : { status: 200, headers: typed, body }
}

const has = (ifNoneMatch: string, etag: string): boolean =>
  ifNoneMatch === '*' || ifNoneMatch.split(/\s*,\s*/).includes(etag)

const takesGzip = (acceptEncoding: string): boolean =>
  /(^|[\s,])gzip(?!\s*;\s*q=0(\.0*)?\s*(,|$))\s*(;|,|$)/i.test(acceptEncoding)
