import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { makeFolder, serverOf } from '../embedded/support.ts'
import { makeDatabase } from '../support/databases.ts'
import { until } from '../support/wait.ts'
import { connectZwibbler } from '../support/zwibbler.ts'
import { lengthwise, start } from './support.ts'

const { databaseUrl } = inject('services')
const free = { PORT: '0', ADMIN_PORT: '0' }

test.each(['SIGTERM', 'SIGINT'] as const)(
  'a node of nothing but Node serves until %s, then drains, stops its PostgreSQL and ends with 0',
  async (signal) => {
    await using folder = await makeFolder()
    const env = { ...free, DATA_DIR: join(folder.path, 'data'), REDIS_URI: 'x' }
    await using node = start(['serve'], env)
    const { host, port, adminPort } = await node.logs('listening')
    expect(node.lines[0]).toMatchObject({
      level: 'warn',
      msg: expect.stringContaining('REDIS_URI'),
    })
    expect(host).toBe('127.0.0.1')
    expect((await fetch(`http://127.0.0.1:${String(adminPort)}/readyz`)).status).toBe(200)
    expect((await fetch(`http://127.0.0.1:${String(port)}/socket?ping`)).status).toBe(200)

    // Beside it, on the PostgreSQL that it runs.
    const token = await lengthwise(['token', '--document', 'x'], { DATA_DIR: env.DATA_DIR })
    expect(token).toMatchObject({ code: 0, out: expect.stringMatching(/^[\w-]{32}\n$/) })
    const second = await lengthwise(['serve'], { ...free, DATA_DIR: env.DATA_DIR })
    expect(second).toMatchObject({ code: 1, out: expect.stringContaining('in use by process') })

    node.signal(signal)
    expect((await node.ended).code).toBe(0)
    expect(await serverOf(env.DATA_DIR)).toBeUndefined()
  },
)

test('a signal while the node is still starting ends it with 0', async () => {
  await using folder = await makeFolder()
  const env = { ...free, MIGRATE: '0', DATA_DIR: folder.path }
  await using node = start(['serve'], env)
  await until('it waits', () => node.lines.find(({ msg }) => String(msg).startsWith('waiting')))
  node.signal('SIGTERM')
  expect((await node.ended).code).toBe(0)
  await until('no PostgreSQL is left', async () => (await serverOf(folder.path)) === undefined)
})

test('a port that is taken ends the start with 1 and a reason', async () => {
  await using database = await makeDatabase(databaseUrl)
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const ADMIN_PORT = String((taken.address() as AddressInfo).port)
  const { code, out } = await lengthwise(['serve'], {
    PORT: '0',
    ADMIN_PORT,
    DATABASE_URL: database.url,
  })
  taken.close()
  expect(code).toBe(1)
  expect(out).toContain('EADDRINUSE')
})

test('a node that cannot start says why, without the secrets of its configuration', async () => {
  const env = { ...free, ADMIN_KEY: 'hush-hush', DATA_DIR: '/dev/null/hush-hush' }
  const { code, out, err } = await lengthwise(['serve'], env)
  expect(code).toBe(1)
  expect(out).toMatch(/"err":.*ENOTDIR.*the node does not start/)
  expect(out + err).not.toContain('hush')
})

const SOON_MS = 5_000

test.each([
  ['waits to be noticed', '1', { DRAIN_NOTICE_MS: '600000' }],
  ['closes connections one by one', '1', { DRAIN_NOTICE_MS: '0', DRAIN_MS: '600000' }],
  ['closes connections one by one', '2', { DRAIN_NOTICE_MS: '0', DRAIN_MS: '600000' }],
])(
  'a second signal while a node %s (workers: %s) ends everybody with 1012 at once, and the node with 0',
  async (_, WORKERS, drain) => {
    await using folder = await makeFolder()
    await using node = start(['serve'], { ...free, ...drain, WORKERS, DATA_DIR: folder.path })
    const { port } = await node.logs('listening')
    const url = `ws://127.0.0.1:${String(port)}/socket`
    // More than are closed, one each tenth of a second, before the second signal does its work.
    const clients = Array.from({ length: 100 }, () => connectZwibbler(url, 'crowded'))
    await Promise.all(clients.map((client) => client.joined()))
    node.signal('SIGTERM')
    await node.logs('draining')
    const isSpread = drain.DRAIN_NOTICE_MS === '0'
    if (isSpread) await until('some have left', () => clients.some(({ isClosed }) => isClosed))
    expect(clients.some(({ isClosed }) => !isClosed)).toBe(true)
    const began = performance.now()
    node.signal('SIGINT')
    await node.logs('hurrying')
    const codes = await Promise.all(clients.map(({ closed }) => closed))
    expect(new Set(codes)).toEqual(new Set([1012]))
    expect((await node.ended).code).toBe(0)
    expect(performance.now() - began).toBeLessThan(SOON_MS)
    await until('no PostgreSQL is left', async () => (await serverOf(folder.path)) === undefined)
  },
)
