import { expect, inject, test } from 'vitest'
import { makeLog } from '../../src/log.ts'
import { makeCluster } from '../support/cluster.ts'
import { until } from '../support/wait.ts'
import { connectYjs, roomsOf } from '../support/yjs.ts'
import { connectZwibbler } from '../support/zwibbler.ts'

const { redisUrl = '' } = inject('services')
const hostile = 'a "document"\n{"level":"fatal","msg":"forged"}\r\u2028\u0001'

test('every line about a connection says which one, of which node, and from its join on which document and session', async () => {
  await using cluster = await makeCluster(1, { env: { LOG_LEVEL: 'debug' }, redisUrl })
  const node = cluster.nodes[0]!
  const headers = {
    ...{ 'x-request-id': 'edge-42', cookie: 'token=hush-cookie' },
    authorization: 'Bearer hush-bearer',
  }
  const url = `${node.url}?token=hush-query`
  await using ann = await connectZwibbler(url, hostile, { socket: { headers } }).joined()
  await ann.append('text')
  await using bob = await connectZwibbler(node.url, 'plain').joined()
  await using eve = await connectYjs(roomsOf(node), 'room%0A?token=hush-room', { headers }).opened()
  await eve.asks()
  await ann.close()
  await bob.close()
  await eve.close()
  const closed = () => node.logs('a connection closed')
  await until('their ends are told', () => closed().length === 3)

  const lines = node.logs()
  expect(new Set(lines.map((line) => line.node)).size).toBe(1)
  expect(lines[0]!.node).toEqual(expect.stringMatching(/^.+\.[0-9a-f]{8}$/))
  const of = (connection: unknown) => lines.filter((line) => line.connection === connection)
  const documents = closed().map(({ connection }) => {
    const [opened, joined, ...rest] = of(connection)
    expect([opened!.msg, joined!.msg]).toEqual(['a connection opened', 'a connection joined'])
    expect(opened).toMatchObject({ address: '127.0.0.1' })
    const { surface, document, session } = joined!
    expect(session).toBeGreaterThan(0)
    for (const line of rest) expect(line).toMatchObject({ surface, document, session })
    return document
  })
  expect(documents.sort()).toEqual([`zwibbler/${hostile}`, 'zwibbler/plain', 'yjs/room%0A'].sort())
  const sessions = closed().map(({ session }) => session)
  expect(new Set(sessions).size).toBe(3)
  const requests = closed().map(({ document, request }) => [document, request])
  expect(requests.filter(([, request]) => request === 'edge-42').length).toBe(2)
  expect(closed().map(({ code }) => code)).not.toContain(undefined)

  expect(lines.filter(({ msg }) => msg === 'forged')).toEqual([])
  expect(JSON.stringify(lines)).not.toContain('hush')
})

test('a line stays short and one line, however long or strange an id is', () => {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  const log = makeLog({ level: 'info', destination })
  log.info({ document: `${hostile}${'x'.repeat(100_000)}\ud800`, session: 7 }, 'joined')
  log.info({ document: hostile }, 'joined')
  expect(lines.map((line) => line.indexOf('\n') === line.length - 1)).toEqual([true, true])
  expect(lines[0]!.length).toBeLessThan(2_000)
  expect(JSON.parse(lines[0]!)).toMatchObject({ session: 7, document: expect.stringMatching(/…$/) })
  expect(JSON.parse(lines[1]!)).toMatchObject({ document: hostile })
})

test.each(['edge-42', '01HV:a/b+c='])(
  'the request id %s is taken over, others are not',
  async (id) => {
    const { requestIdOf } = await import('../../src/core/log.ts')
    expect(requestIdOf(id)).toBe(id)
    for (const bad of ['', 'a b', `${id}\n`, 'x'.repeat(129), '<script>'])
      expect(requestIdOf(bad)).toBeUndefined()
  },
)
