/** What is served at paths that belong to no surface: fixed pages, and a banner at `/` for programs. */
import type { HttpAnswer } from '../surfaces/surface.ts'
import { plainAnswer } from './answer.ts'

export interface Page {
  readonly contentType: string
  readonly body: Uint8Array | string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Site {
  /** By path, `/` for browsers among them. */
  readonly pages: ReadonlyMap<string, Page>
  /** What `/` says to everybody else, whatever the method. */
  readonly banner: Page | undefined
}

export function answerPage(
  { pages, banner }: Site,
  { method, path, accept }: { method: string; path: string; accept: string },
): HttpAnswer {
  const isReading = method === 'GET' || method === 'HEAD'
  const page = pages.get(path)
  if (
    path === '/' &&
    banner !== undefined &&
    !(isReading && page && accept.includes('text/html'))
  ) {
    return answerWith(banner)
  }
  if (page === undefined) return plainAnswer(404)
  return isReading ? answerWith(page) : plainAnswer(405, { Allow: 'GET, HEAD' })
}

const answerWith = ({ contentType, body, headers }: Page): HttpAnswer => ({
  status: 200,
  headers: { 'Content-Type': contentType, ...headers },
  body,
})
