import { expect, test } from 'vitest'
import { causeOf, readinessOf } from '../../src/core/readiness.ts'
import { board, get, start } from './support.ts'

test('a live and ready node says so, with what else is to be known', async () => {
  await using admin = await start()
  expect(await get(admin.port, '/livez')).toMatchObject({ status: 200, body: { ready: true } })
  expect(await get(admin.port, '/readyz?verbose')).toMatchObject({
    status: 200,
    body: {
      ready: true,
      reasons: ['Redis-less mode: changes made on other nodes arrive later'],
      details: [{ code: 'redis_less', blocks: false }],
    },
  })
})

test('a node that is not ready says why with 503', async () => {
  const causes = [causeOf('draining'), causeOf('postgres_away', 'no answer'), causeOf('redis_less')]
  await using admin = await start({ readiness: () => readinessOf(causes) })
  expect(await get(admin.port, '/readyz')).toMatchObject({
    status: 503,
    body: {
      ready: false,
      reasons: [
        'draining',
        'Postgres does not answer: no answer',
        'Redis-less mode: changes made on other nodes arrive later',
      ],
      details: [
        { code: 'draining', message: 'draining', blocks: true },
        { code: 'postgres_away', message: 'Postgres does not answer: no answer', blocks: true },
        { code: 'redis_less', blocks: false },
      ],
    },
  })
  expect(await get(admin.port, '/livez')).toMatchObject({ status: 200 })
})

test('metrics come with the type that Prometheus wants', async () => {
  await using admin = await start()
  const heard = await get(admin.port, '/metrics')
  expect(heard).toMatchObject({ status: 200, body: 'a_total 1\n' })
  expect(heard.headers['content-type']).toBe('text/plain; version=0.0.4')
})

test('a document is found by its whole id, percent-encoded or not', async () => {
  await using admin = await start()
  for (const path of ['zwibbler/my%20board/1', 'zwibbler%2Fmy%20board%2F1']) {
    expect(await get(admin.port, `/documents/${path}`)).toMatchObject({ status: 200, body: board })
  }
  expect(admin.asked).toEqual([board.id, board.id])
})

test("a zwibbler document is found by its clients' id", async () => {
  await using admin = await start()
  expect(await get(admin.port, '/documents/my%20board/1')).toMatchObject({ body: board })
  expect(admin.asked).toEqual(['my board/1', board.id])
})

test('a document that is not there is 404, an id that cannot be one 400', async () => {
  await using admin = await start()
  const missing = await get(admin.port, '/documents/none')
  expect(missing).toMatchObject({ status: 404, body: { error: 'no such document' } })
  for (const path of ['%', '%ff', 'a%00b']) {
    expect(await get(admin.port, `/documents/${path}`), path).toMatchObject({ status: 400 })
  }
})

test('unknown paths are 404, other methods 405, in JSON', async () => {
  await using admin = await start()
  for (const path of ['/', '/documents', '/metrics/', '/toString', '/../etc/passwd']) {
    const heard = await get(admin.port, path)
    expect(heard, path).toMatchObject({ status: 404, body: { error: 'not found' } })
  }
  const heard = await get(admin.port, '/metrics', {}, 'POST')
  expect(heard).toMatchObject({ status: 405, body: { error: 'method not allowed' } })
  expect(heard.headers.allow).toBe('GET, HEAD')
  expect(await get(admin.port, '/livez', {}, 'HEAD')).toMatchObject({ status: 200, body: '' })
})

test('off loopback probes and metrics are open, everything else needs the key', async () => {
  await using admin = await start({ host: '0.0.0.0', key: 'a long key' })
  const ask = (authorization: string) =>
    get(admin.port, '/documents/my%20board/1', { authorization })
  for (const path of ['/livez', '/readyz', '/metrics']) {
    expect(await get(admin.port, path), path).toMatchObject({ status: 200 })
  }
  for (const wrong of [
    '',
    'Bearer',
    'Bearer a long kez',
    'Bearer a long key2',
    'Basic a long key',
  ]) {
    expect(await ask(wrong), wrong).toMatchObject({ status: 401 })
  }
  expect(admin.asked).toEqual([])
  expect(await ask('Bearer a long key')).toMatchObject({ status: 200, body: board })
})

test('off loopback without a key everything but probes and metrics is refused', async () => {
  await using admin = await start({ host: '0.0.0.0' })
  const asked = await get(admin.port, '/documents/x', { authorization: 'Bearer undefined' })
  expect(asked).toMatchObject({ status: 403 })
  expect(admin.asked).toEqual([])
  expect(await get(admin.port, '/readyz')).toMatchObject({ status: 200 })
})

test('a failure is a 500 without its reason, and is reported', async () => {
  const failure = new Error('postgres://me:hush@db')
  await using admin = await start({ document: () => Promise.reject(failure) })
  const heard = await get(admin.port, '/documents/x')
  expect(heard).toMatchObject({ status: 500, body: { error: 'internal error' } })
  expect(admin.errors).toEqual([failure])
})

test('a port that is taken is an error of the start', async () => {
  await using admin = await start()
  await expect(start({ port: admin.port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
})
