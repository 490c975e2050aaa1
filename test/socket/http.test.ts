import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { HttpError } from '../../src/surfaces/surface.ts'
import { sleep, until } from '../support/wait.ts'
import { makeBed, makeSurface } from './support/bed.ts'

const pages = new Map([
  ['/', { contentType: 'text/html; charset=utf-8', body: '<h1>here</h1>' }],
  [
    '/app.js',
    {
      contentType: 'text/javascript',
      body: Buffer.from('1+1'),
      headers: { 'Cache-Control': 'no-cache' },
    },
  ],
])
const banner = { contentType: 'text', body: 'It runs.' }
const site = { pages, banner }
const html = { Accept: 'text/html,application/xhtml+xml' }

test('[zwibbler 11] / shows browsers the page and everybody else the banner, whatever the method', async () => {
  await using bed = await makeBed(site)
  const page = await bed.get('/', { headers: html })
  expect(page).toMatchObject({ status: 200, body: '<h1>here</h1>' })
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
  for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
    const answer = await bed.get('/', { method })
    expect(answer).toMatchObject({ status: 200, body: 'It runs.' })
    expect(answer.headers['content-type']).toBe('text')
  }
})

test('without a page at / browsers get the banner too', async () => {
  await using bed = await makeBed({ banner })
  expect((await bed.get('/', { headers: html })).body).toBe('It runs.')
})

test('pages are served with their headers, HEAD with the length and no body', async () => {
  await using bed = await makeBed(site)
  const page = await bed.get('/app.js')
  expect(page).toMatchObject({ status: 200, body: '1+1' })
  expect(page.headers).toMatchObject({
    'content-type': 'text/javascript',
    'cache-control': 'no-cache',
  })
  const head = await bed.get('/app.js', { method: 'HEAD' })
  expect(head).toMatchObject({ status: 200, body: '' })
  expect(head.headers['content-length']).toBe('3')
})

test('other paths are 404, and pages cannot be posted to (405 with Allow)', async () => {
  await using bed = await makeBed(site)
  expect((await bed.get('/nothing')).status).toBe(404)
  const posted = await bed.get('/app.js', { method: 'POST', body: 'x' })
  expect(posted.status).toBe(405)
  expect(posted.headers.allow).toBe('GET, HEAD')
})

test('a surface sees method, path, query, headers and body, and answers later', async () => {
  const surface = makeSurface({
    http: async (request) => {
      const { method, path, query, headers } = request
      await sleep(5)
      const text = Buffer.from(await request.body(100)).toString()
      return {
        status: 201,
        headers: { Status: 'one\r\ntwo: three' },
        body: JSON.stringify([method, path, query.get('q'), headers.get('x-test'), text]),
      }
    },
  })
  await using bed = await makeBed({ surfaces: [surface] })
  const answer = await bed.get('/socket?q=1%2B1', {
    method: 'POST',
    headers: { 'X-Test': 'yes' },
    body: 'the body',
  })
  expect(answer.status).toBe(201)
  expect(JSON.parse(answer.body)).toEqual(['POST', '/socket', '1+1', 'yes', 'the body'])
  // A line end in a value would begin a header of its own.
  expect(answer.headers.status).toBe('one two: three')
})

test('a body above the limit is 413 while others are served', async () => {
  const surface = makeSurface({
    http: async (request) => ({ status: 200, body: await request.body(10) }),
  })
  await using bed = await makeBed({ surfaces: [surface] })
  const post = (body: string) => bed.get('/socket', { method: 'POST', body })
  expect(await post('0123456789')).toMatchObject({ status: 200, body: '0123456789' })
  expect((await post('x'.repeat(1_000_000))).status).toBe(413)
  expect(bed.hit).toEqual(['MAX_BODY_BYTES'])
  expect((await post('ok')).body).toBe('ok')
})

test('bodies that are too much together are 503', async () => {
  const surface = makeSurface({
    http: async (request) => ({ status: 200, body: String((await request.body(1_000)).length) }),
  })
  await using bed = await makeBed({ surfaces: [surface], limits: { maxBodyBytes: 1_000 } })
  const started = await Promise.all([1, 2].map(() => startPost(bed.port, 1_000, 900)))
  await sleep(50) // so that their bytes are there; if they were not, the next line would fail
  expect((await bed.get('/socket', { method: 'POST', body: 'x'.repeat(500) })).status).toBe(503)
  for (const { socket } of started) socket.write('x'.repeat(100))
  for (const { answer } of started) expect(await answer).toMatch(/^HTTP\/1.1 200/)
  expect((await bed.get('/socket', { method: 'POST', body: 'x'.repeat(500) })).status).toBe(200)
})

test('a body that comes too slowly is 408', async () => {
  const surface = makeSurface({
    http: async (request) => ({ status: 200, body: await request.body(1_000) }),
  })
  await using bed = await makeBed({ surfaces: [surface], limits: { bodyMs: 200 } })
  const { answer } = await startPost(bed.port, 100, 10)
  expect(await answer).toMatch(/^HTTP\/1.1 408/)
  expect(bed.hit).toEqual(['BODY_MS'])
})

test('a request that is broken off leaves nothing behind', async () => {
  const failures: unknown[] = []
  let answered: (() => void) | undefined
  const surface = makeSurface({
    http: async (request) => {
      await request.body(1_000).catch((error: unknown) => failures.push(error))
      answered?.()
      return { status: 200 }
    },
  })
  await using bed = await makeBed({ surfaces: [surface] })
  const over = new Promise<void>((resolve) => (answered = resolve))
  const { socket } = await startPost(bed.port, 100, 10)
  socket.destroy()
  await over
  expect(failures[0]).toMatchObject({ status: 400 })
  expect((await bed.get('/socket')).status).toBe(200)
})

test('a surface that throws is 500 without details, and logged; HttpError gives its status', async () => {
  const surface = makeSurface({
    http: ({ query }) => {
      throw query.has('known') ? new HttpError(409, 'taken') : new Error('secret detail')
    },
  })
  await using bed = await makeBed({ surfaces: [surface] })
  const broken = await bed.get('/socket')
  expect(broken.status).toBe(500)
  expect(broken.body).not.toContain('secret')
  expect(bed.logged.filter(({ level }) => level === 'error')).toHaveLength(1)
  expect((await bed.get('/socket?known')).status).toBe(409)
})

test('HEAD at a surface has the length of its answer and no body', async () => {
  await using bed = await makeBed()
  const head = await bed.get('/socket', { method: 'HEAD' })
  expect(head).toMatchObject({ status: 200, body: '' })
  expect(head.headers['content-length']).toBe('7')
})

/** A POST that has sent `sent` of the `length` bytes that it announced. */
async function startPost(port: number, length: number, sent: number) {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  const answer = new Promise<string>((resolve) => {
    socket.on('data', (chunk) => (text += chunk.toString()))
    socket.on('data', () => text.includes('\r\n\r\n') && resolve(text))
    socket.on('close', () => resolve(text))
  })
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  socket.write(`POST /socket HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`)
  socket.write('x'.repeat(sent))
  await until('it is sent', () => socket.writableLength === 0)
  return { socket, answer }
}
