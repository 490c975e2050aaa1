import { describe, expect, test } from 'vitest'
import type { HttpAnswer } from '../../../src/surfaces/surface.ts'
import { makeHttp } from '../../../src/surfaces/zwibbler/http.ts'
import type { HttpOptions } from '../../../src/surfaces/zwibbler/http.ts'
import { makeRequest } from './support.ts'
import type { RequestParts } from './support.ts'

function send(parts: RequestParts, options: Partial<HttpOptions> = {}): Promise<HttpAnswer> {
  const http = makeHttp({
    management: () => Promise.resolve({ status: 401, headers: { Status: 'Unauthorized' } }),
    isHealthy: () => Promise.resolve(true),
    originAllowed: (origin, host) => origin === 'https://app.example' && host === 'collab.example',
    ...options,
  })
  return http(makeRequest(parts))
}

const type = { 'Content-Type': 'text' }
const banner = { status: 200, headers: type, body: 'Zwibbler collaboration Server is running.' }
const allowed = { origin: 'https://app.example', host: 'collab.example' }
const cors = {
  'Access-Control-Allow-Origin': 'https://app.example',
  'Access-Control-Allow-Methods': 'POST, GET, OPTIONS, PUT, DELETE',
  'Access-Control-Allow-Credentials': 'true',
  'Access-Control-Allow-Headers':
    'Accept, Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization',
  'Access-Control-Expose-Headers': 'Status, Content-Type, Content-Length',
}

describe('[zwibbler 11] plain HTTP', () => {
  test.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])(
    '%s: the banner',
    async (method) => {
      expect(await send({ method })).toEqual(banner)
      expect(Buffer.byteLength(banner.body)).toBe(41)
    },
  )

  test.each(['ping', 'ping=', 'ping=1', 'x=1&ping=no'])(
    'GET ?%s of a healthy node',
    async (query) => {
      expect(await send({ method: 'GET', query })).toEqual({
        status: 200,
        headers: type,
        body: 'OK',
      })
    },
  )

  test('only a GET pings', async () => {
    const isHealthy = (): Promise<boolean> => expect.unreachable()
    expect(await send({ method: 'HEAD', query: 'ping' }, { isHealthy })).toEqual(banner)
    expect(await send({ method: 'GET', query: 'pin' }, { isHealthy })).toEqual(banner)
  })

  test('[zwibbler 18.14] a ping is answered however the store fails, and in time', async () => {
    const sick = { status: 500, headers: type, body: 'Database health check failed' }
    for (const isHealthy of [
      () => Promise.resolve(false),
      () => Promise.reject(new Error('away')),
      () => new Promise<boolean>(() => undefined),
    ]) {
      expect(await send({ method: 'GET', query: 'ping' }, { isHealthy, pingMs: 20 })).toEqual(sick)
    }
  })

  test('POST is the management API', async () => {
    expect(await send({ method: 'POST', query: 'ping' })).toEqual({
      status: 401,
      headers: { Status: 'Unauthorized' },
    })
  })
})

describe('[zwibbler 11] CORS', () => {
  test.each([
    ['GET', { ...type, ...cors }],
    ['OPTIONS', { ...type, ...cors }],
    ['POST', { Status: 'Unauthorized', ...cors }],
  ])('%s from an origin that may', async (method, headers) => {
    expect((await send({ method, headers: allowed })).headers).toEqual(headers)
  })

  test('[zwibbler 18.24] no other origin is told anything, nor is who is no browser', async () => {
    for (const headers of [
      { ...allowed, origin: 'https://evil.example' },
      { ...allowed, host: 'other.example' },
      { origin: allowed.origin },
      { host: allowed.host },
      {},
    ]) {
      expect((await send({ method: 'GET', headers })).headers).toEqual(type)
      expect((await send({ method: 'POST', headers })).headers).toEqual({ Status: 'Unauthorized' })
    }
  })
})
