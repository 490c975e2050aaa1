/** Plain HTTP on the WebSocket's path (spec 11): the banner, `?ping`, the management API, and CORS. */
import type { HttpAnswer, HttpRequest } from '../surface.ts'

export interface HttpOptions {
  readonly management: (request: HttpRequest) => Promise<HttpAnswer>
  /** Whether the store answers. May reject, and may take its time. */
  readonly isHealthy: () => Promise<boolean>
  /** Whether pages of this origin may read the answers. `host` is the request's `Host`. */
  readonly originAllowed: (origin: string, host: string) => boolean
  /** How long a `?ping` waits for the store. */
  readonly pingMs?: number
}

const BANNER = 'Zwibbler collaboration Server is running.'

/** @throws what `management` throws */
export function makeHttp(options: HttpOptions): (request: HttpRequest) => Promise<HttpAnswer> {
  const { management, isHealthy, originAllowed, pingMs = 2_000 } = options

  async function answer(request: HttpRequest): Promise<HttpAnswer> {
    if (request.method === 'POST') return await management(request)
    if (request.method !== 'GET' || !request.query.has('ping')) return text(200, BANNER)
    return (await inTime(isHealthy(), pingMs))
      ? text(200, 'OK')
      : text(500, 'Database health check failed')
  }

  return async (request) => {
    const given = await answer(request)
    const origin = request.headers.get('origin')
    if (origin === undefined || !originAllowed(origin, request.headers.get('host') ?? '')) {
      return given
    }
    return { ...given, headers: { ...given.headers, ...cors(origin) } }
  }
}

function text(status: number, body: string): HttpAnswer {
  return { status, headers: { 'Content-Type': 'text' }, body }
}

/** @returns false also when the check fails or does not end in time (spec 18.14: there is always an answer) */
async function inTime(check: Promise<boolean>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  try {
    return await Promise.race([check.catch(() => false), late])
  } finally {
    clearTimeout(timer)
  }
}

function cors(origin: string): Record<string, string> {
  return {
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Allow-Methods': 'POST, GET, OPTIONS, PUT, DELETE',
    'Access-Control-Allow-Credentials': 'true',
    'Access-Control-Allow-Headers':
      'Accept, Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization',
    'Access-Control-Expose-Headers': 'Status, Content-Type, Content-Length',
  }
}
