import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { ListenError } from '../../src/socket/listener.ts'
import { freePort, isListening } from '../support/ports.ts'
import { fetchFrom, makeBed, makeSurface } from './support/bed.ts'

test('a port that is taken is said to be: EADDRINUSE, with host and port', async () => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const { port } = taken.address() as { port: number }
  const failure = await makeBed({ port }).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(ListenError)
  expect(failure).toMatchObject({ code: 'EADDRINUSE' })
  expect(String(failure)).toContain(`127.0.0.1:${port}`)
  expect(String(failure)).toContain('EADDRINUSE')
  await new Promise((resolve) => taken.close(resolve))
})

test('an address that is not here is said to be', async () => {
  const failure = await makeBed({ host: '192.0.2.1' }).catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'EADDRNOTAVAIL' })
})

test('servers share a port unless one is exclusive', async () => {
  const port = await freePort()
  await using one = await makeBed({ port, exclusive: false })
  await using two = await makeBed({ port, exclusive: false })
  expect([one.port, two.port]).toEqual([port, port])
  await expect(makeBed({ port, exclusive: true })).rejects.toThrow('EADDRINUSE')
})

test('a free port that was chosen can be shared', async () => {
  await using one = await makeBed({ exclusive: false })
  await using two = await makeBed({ port: one.port, exclusive: false })
  expect(two.port).toBe(one.port)
})

test('a server that cannot have its second port gives up the first', async () => {
  await using taken = await makeBed()
  const port = await freePort()
  const ownPorts = new Map([['test', taken.port]])
  await expect(makeBed({ port, ownPorts })).rejects.toThrow('EADDRINUSE')
  expect(await isListening(port)).toBe(false)
})

test('the shared port serves every surface at its path', async () => {
  const [one, two] = [makeSurface(), makeSurface({ name: 'two', path: '/two' })]
  await using bed = await makeBed({ surfaces: [one, two] })
  await bed.client('/two').opened()
  await bed.client('/socket').opened()
  expect([one.spoken.length, two.spoken.length]).toEqual([1, 1])
})

test('on a port of its own a surface sits at its path and at /, and nothing else does', async () => {
  const [one, two] = [makeSurface(), makeSurface({ name: 'two', path: '/two' })]
  await using bed = await makeBed({
    surfaces: [one, two],
    ownPorts: new Map([['two', 0]]),
    pages: new Map([['/page', { contentType: 'text/html', body: 'page' }]]),
    banner: { contentType: 'text', body: 'banner' },
  })
  const port = bed.ownPorts.get('two')!
  expect(port).not.toBe(bed.port)
  await bed.client('/', { port }).opened()
  await bed.client('/two', { port }).opened()
  await bed.client('/two').opened()
  expect(two.spoken).toHaveLength(3)
  expect((await bed.client('/socket', { port }).refused()).status).toBe(404)
  expect((await fetchFrom({ port, path: '/' })).body).toBe('surface')
  expect((await fetchFrom({ port, path: '/page' })).status).toBe(404)
  expect(bed.server.connections).toBe(3)
})
