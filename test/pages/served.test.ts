/** The pages as the public port answers with them. */
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pages } from '../../src/pages/index.ts'
import { makeBed } from '../socket/support/bed.ts'

const all = pages({ whiteboard: true, editor: true, zwibbler: '/socket', yjs: '/yjs' })
let bed: Awaited<ReturnType<typeof makeBed>>
beforeAll(async () => {
  bed = await makeBed({ pages: all, banner: { contentType: 'text', body: 'It runs.' } })
})
afterAll(() => bed[Symbol.asyncDispose]())

const accept = 'text/html'
const ask = (path: string, headers: Record<string, string>) =>
  bed.get(path, { headers: { accept, ...headers } })

test('a page that a browser has already is 304, without a body', async () => {
  for (const path of all.keys()) {
    const first = await ask(path, {})
    expect(first.status).toBe(200)
    const etag = first.headers.etag!
    expect(etag, path).toMatch(/^W\/"[\w-]{22}"$/)
    for (const known of [etag, `"old", ${etag}`, '*']) {
      const again = await ask(path, { 'if-none-match': known })
      expect(again).toMatchObject({ status: 304, body: '', headers: { etag } })
      expect(again.headers).toMatchObject({ 'cache-control': 'no-cache' })
      expect(again.headers['content-security-policy']).toBeTruthy()
    }
    expect((await ask(path, { 'if-none-match': 'W/"another"' })).status).toBe(200)
  }
})

test('pages come compressed to who takes gzip, and as they are to others', async () => {
  for (const encoding of ['gzip', 'gzip, deflate, br', 'br;q=1, GZIP;q=0.5']) {
    const headers = { 'accept-encoding': encoding }
    const { headers: told } = await ask('/whiteboard', headers)
    expect(told, encoding).toMatchObject({
      'content-encoding': 'gzip',
      vary: 'Accept, Accept-Encoding',
    })
  }
  for (const encoding of ['', 'identity', 'gzip;q=0', 'gzip; q=0.00, br', 'xgzip']) {
    const { headers: told, body } = await ask('/whiteboard', { 'accept-encoding': encoding })
    expect(told['content-encoding'], encoding).toBeUndefined()
    expect(body).toBe(all.get('/whiteboard')?.body)
  }
})

test('what is unpacked is the page, and what is sent is smaller', async () => {
  const address = `http://127.0.0.1:${bed.port}`
  let plain = 0
  let packed = 0
  for (const [path, { body, gzipped }] of all) {
    const answer = await fetch(`${address}${path}`, { headers: { accept } })
    expect(answer.headers.get('content-encoding')).toBe('gzip')
    expect(Number(answer.headers.get('content-length'))).toBe(gzipped?.length)
    expect(await answer.text()).toBe(body)
    expect(gunzipSync(gzipped!).toString()).toBe(body)
    plain += Buffer.byteLength(body)
    packed += gzipped!.length
  }
  expect(packed).toBeLessThan(plain / 2)
})

test('a HEAD says what a GET would', async () => {
  const headers = { accept, 'accept-encoding': 'gzip' }
  const head = await bed.get('/assets/home.css', { method: 'HEAD', headers })
  expect(head).toMatchObject({ status: 200, body: '', headers: { 'content-encoding': 'gzip' } })
  const { gzipped, etag } = all.get('/assets/home.css')!
  expect(head.headers['content-length']).toBe(String(gzipped?.length))
  const again = await bed.get('/assets/home.css', {
    method: 'HEAD',
    headers: { ...headers, 'if-none-match': etag! },
  })
  expect(again.status).toBe(304)
})
