import { afterEach, beforeEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { AppendOutcome, ConnectionError } from '../../src/client/index.ts'
import { connect } from '../../src/client/index.ts'
import { until } from '../support/wait.ts'
import { encode, hex, join, makeTinyServer } from './support.ts'
import type { TestClient, TinyServer } from './support.ts'

let server: TinyServer
let clients: TestClient[]
const client = (options: Parameters<typeof join>[1] = {}) => {
  const made = join(server, options)
  clients.push(made)
  return made
}
const inits = () => server.heard.filter((message) => message.type === 'init')
const appends = () => server.heard.filter((message) => message.type === 'append')

beforeEach(async () => {
  server = await makeTinyServer()
  clients = []
})
afterEach(async () => {
  for (const made of clients) made.connection.close()
  await server[Symbol.asyncDispose]()
})

test('[zwibbler 5] joins, appends, and hears what others append', async () => {
  const ann = client()
  const bob = client()
  expect(await ann.append('hello')).toEqual({ kind: 'stored', offset: 0, length: 5, rebases: 0 })
  await until('bob has it', () => bob.text === 'hello')
  expect([ann.ownText, bob.ownText]).toEqual(['hello', ''])
  expect(ann.connection.length).toBe(5)
})

test('[zwibbler 16] comes back with the number of bytes it has, and gets the rest', async () => {
  const ann = client()
  server.append('doc', encode('one'))
  await until('the first', () => ann.text === 'one')
  server.cut()
  server.append('doc', encode('two'))
  await until('the second', () => ann.text === 'onetwo')
  expect(inits().map(({ offset }) => offset)).toEqual([0, 3])
  expect(ann.connection.counters.joins).toBe(2)
})

test('[zwibbler 16] appends made offline arrive later, once', async () => {
  const ann = client({ suspended: true })
  const outcomes = [ann.append('a'), ann.append('b')]
  server.append('doc', encode('X'))
  expect(ann.statuses).toEqual([])
  ann.connection.resume()
  expect((await Promise.all(outcomes)).map(({ kind }) => kind)).toEqual(['stored', 'stored'])
  expect(server.text('doc')).toBe('Xab')
  expect([ann.text, ann.connection.counters.rebases]).toEqual(['Xab', 2])
})

test('suspend ends the connection and keeps appends until resume', async () => {
  const ann = client()
  await ann.connection.joined()
  ann.connection.suspend()
  await until('the server noticed', () => server.connections('doc') === 0)
  const outcome = ann.append('later')
  expect(ann.connection.pending).toBe(1)
  ann.connection.resume()
  expect((await outcome).kind).toBe('stored')
  expect(ann.statuses).toEqual(['connecting', 'joined', 'suspended', 'connecting', 'joined'])
})

test('[zwibbler 8] a conflict is told, rebased by the caller and tried again', async () => {
  const conflicts: unknown[] = []
  const missedLengths: number[] = []
  const ann = client({
    rebase: (change, missed) => {
      missedLengths.push(missed.length)
      return change
    },
  })
  ann.connection.on('conflict', (lengths) => conflicts.push(lengths))
  await ann.connection.joined()
  // Somebody else is quicker: their bytes are stored between our sending and the server's reading.
  let isFirst = true
  server.fault = (message) => {
    if (message.type === 'append' && isFirst) {
      isFirst = false
      server.append('doc', encode('quick'))
    }
    return 'none'
  }
  expect(await ann.append('slow')).toEqual({ kind: 'stored', offset: 5, length: 9, rebases: 1 })
  expect([conflicts, missedLengths]).toEqual([[{ expected: 0, actual: 5 }], [5]])
  expect(ann.connection.counters).toEqual({ joins: 1, conflicts: 1, rebases: 1 })
  expect(server.text('doc')).toBe('quickslow')
})

test('[zwibbler 8] a refusal may name a length that has been passed by what came before it', async () => {
  const ann = client({ heartbeatMs: 40 })
  await ann.append('first')
  let isFirst = true
  server.fault = (message) => {
    if (message.type !== 'append' || message.data.length === 0 || !isFirst) return 'none'
    isFirst = false
    // Decided at length 8, and on its way while the document grows.
    server.append('doc', encode('AAA'))
    server.append('doc', encode('BBB'))
    server.sendRaw('doc', hex('81 00 0000 0000000000000008'))
    return 'ignore'
  }
  expect(await ann.append('x')).toEqual({ kind: 'stored', offset: 11, length: 12, rebases: 1 })
  // The answer to a probe may be as old.
  const probes = appends().length
  server.fault = (message) => {
    if (message.type !== 'append') return 'none'
    server.fault = () => 'none'
    server.append('doc', encode('CCC'))
    server.sendRaw('doc', hex('81 00 0000 000000000000000c'))
    return 'ignore'
  }
  await until('two probes', () => appends().length >= probes + 2)
  expect([ann.text, ann.resets, ann.connection.counters.joins]).toEqual(['firstAAABBBxCCC', 0, 1])
})

test('[zwibbler 4.6] a denial may come after what others appended meanwhile', async () => {
  const ann = client()
  await ann.connection.joined()
  server.fault = (message) => {
    if (message.type !== 'append') return 'none'
    server.append('doc', encode('AAA'))
    server.sendRaw('doc', hex('81 00 0002 0000000000000000'))
    return 'ignore'
  }
  expect(await ann.append('x')).toEqual({ kind: 'denied' })
  expect([ann.text, ann.connection.counters.joins]).toEqual(['AAA', 1])
})

test('[zwibbler 8] one append is outstanding at a time, and 500 made in one turn take few', async () => {
  const ann = client()
  await ann.connection.joined()
  await Promise.all(Array.from({ length: 500 }, (_, i) => ann.append(`${i},`)))
  expect(server.text('doc')).toBe(Array.from({ length: 500 }, (_, i) => `${i},`).join(''))
  expect(appends().length).toBeLessThan(4)
})

test('[zwibbler 16] an append cut off after its commit is recognised, not stored again', async () => {
  const ann = client()
  await ann.connection.joined()
  let isFirst = true
  server.fault = (message) => {
    const cutIt = message.type === 'append' && isFirst
    if (cutIt) isFirst = false
    return cutIt ? 'drop after' : 'none'
  }
  expect((await ann.append('once')).kind).toBe('stored')
  expect([server.text('doc'), ann.text, ann.ownText]).toEqual(['once', 'once', 'once'])
})

test('an append that commits while the client is back already is stored once', async () => {
  const ann = client()
  await ann.connection.joined()
  let isFirst = true
  server.fault = (message) => {
    const cutIt = message.type === 'append' && isFirst
    if (cutIt) isFirst = false
    return cutIt ? 'commit late' : 'none'
  }
  expect((await ann.append('once')).kind).toBe('stored')
  await until('the late commit had its chance', () => server.faults.get('commit late') === 1)
  await ann.append('.')
  expect([server.text('doc'), ann.text]).toEqual(['once.', 'once.'])
})

test('[zwibbler 3] large appends go in several frames and come in several', async () => {
  server.largestFrame = 1_000
  const big = 'abcdefghij'.repeat(20_000)
  const ann = client({ maxFrameBytes: 3_000 })
  const bob = client()
  expect((await ann.append(big)).kind).toBe('stored')
  await until('bob has all of it', () => bob.text === big)
  const late = client()
  await until('a joiner has all of it', () => late.text === big)
})

test('[zwibbler 3] what arrived of a large document is kept when the connection breaks in the middle', async () => {
  server.append('doc', encode('0123456789'))
  const ann = client()
  await until('joined', () => ann.text === '0123456789')
  server.sendRaw('doc', hex('05 01 00000000 000000000000000a 61 62'))
  await until('the first part', () => ann.text === '0123456789ab')
  server.append('doc', encode('abcdef'))
  await until('the rest after a new connection', () => ann.text === '0123456789abcdef')
  expect(inits().at(-1)!.offset).toBe(12)
})

test('[zwibbler 3] no append is sent while the parts of one are arriving: it could only be refused', async () => {
  const ann = client()
  await ann.connection.joined()
  server.sendRaw('doc', hex('05 01 00000000 0000000000000000 61 62'))
  await until('the first part', () => ann.text === 'ab')
  const outcome = ann.append('x')
  server.appendQuietly('doc', encode('abcd'))
  server.sendRaw('doc', hex('ff 00 63 64'))
  expect(await outcome).toMatchObject({ kind: 'stored', offset: 4 })
  expect(ann.connection.counters.conflicts).toBe(0)
})

test('[I1] a gap in the stream makes it join again, so that nothing is missing', async () => {
  const ann = client()
  await ann.append('abc')
  server.sendRaw('doc', hex('05 00 00000000 0000000000000007 78'))
  await until('joined again', () => ann.connection.counters.joins === 2)
  server.append('doc', encode('def'))
  await until('whole', () => ann.text === 'abcdef')
})

test.each([
  [1, 'missing'],
  [2, 'exists'],
  [4, 'denied'],
])('[zwibbler 7] error %i ends it for good', async (code, name) => {
  const ann = client()
  await ann.connection.joined()
  server.sendRaw('doc', Uint8Array.of(0x80, 0, 0, code, 0x6e, 0x6f))
  const { status } = ann.connection
  await until('closed', () => ann.connection.status.state === 'closed')
  expect(status).toEqual({ state: 'joined' })
  expect(ann.connection.status).toMatchObject({
    state: 'closed',
    error: { code: name, message: 'no' },
  })
  const late = await ann.append('late')
  expect(late).toEqual({ kind: 'closed', inDoubt: false })
})

test('[zwibbler 7] error 0 is told, and tried again: the storage may be back soon', async () => {
  const ann = client()
  const errors: ConnectionError[] = []
  ann.connection.on('status', (status) => {
    if (status.state === 'waiting') errors.push(status.error)
  })
  await ann.connection.joined()
  server.sendRaw('doc', hex('80 00 0000 646f776e'))
  await until('joined again', () => ann.connection.counters.joins === 2)
  expect(errors.map(({ code, message }) => [code, message])).toEqual([['server', 'down']])
})

test.each([1001, 1012, 1013])('a close with code %i means come back', async (code) => {
  const ann = client()
  await ann.connection.joined()
  server.cut(code)
  await until('joined again', () => ann.connection.counters.joins === 2)
})

test('[zwibbler 6] never-create on a missing document is error 1', async () => {
  const ann = client({ create: 'never' })
  await expect(ann.connection.joined()).rejects.toMatchObject({ code: 'missing' })
})

test('[zwibbler 6] always-create makes it once; the next connection only joins', async () => {
  const ann = client({ create: 'always', initialData: encode('start') })
  await ann.connection.joined()
  expect(ann.text).toBe('start')
  server.cut()
  await until('joined again', () => ann.connection.counters.joins === 2)
  expect([ann.text, inits().map(({ mode }) => mode)]).toEqual(['start', [2, 1]])
  const bob = client({ create: 'always' })
  await expect(bob.connection.joined()).rejects.toMatchObject({ code: 'exists' })
})

test('[zwibbler 5] initial data is ignored where the document exists', async () => {
  server.append('doc', encode('there'))
  const ann = client({ initialData: encode('start') })
  await until('joined', () => ann.text === 'there')
})

test('an epoch that is told is asked for, and a document made again resets the client', async () => {
  const ann = client()
  await ann.append('old')
  server.append('doc', encode('er'))
  await until('an append told the epoch', () => ann.connection.epoch === 1)
  // As long as before, so that only the epoch can tell.
  server.recreate('doc', encode('NEWER'))
  await until('the new one', () => ann.text === 'NEWER')
  expect([ann.resets, ann.connection.epoch]).toEqual([1, 2])
})

test('against an original server a shorter document resets the client as well', async () => {
  server.isOriginal = true
  const ann = client()
  await ann.append('a long text')
  ann.connection.suspend()
  const outcome = ann.append('offline')
  server.recreate('doc', encode('new'))
  ann.connection.resume()
  expect(await outcome).toEqual({ kind: 'reset' })
  await until('the new one', () => ann.text === 'new')
  expect([ann.resets, ann.connection.epoch]).toEqual([1, 0])
})

test('[zwibbler 6] a document that was purged while we were away is not made again behind our back', async () => {
  const ann = client()
  await ann.append('text')
  expect(inits()[0]!.mode).toBe(0)
  server.cut()
  await until('joined again', () => ann.connection.counters.joins === 2)
  expect(inits()[1]!.mode).toBe(1)
})

test('[I2] a document that went back resets the client, so that it never shows what is not stored', async () => {
  const ann = client()
  const bob = client({ heartbeatMs: 40 })
  await ann.append('stored, then lost')
  await until('bob has it', () => bob.text.length === 17)
  server.shorten('doc', 6)
  expect(await ann.append('more')).toEqual({ kind: 'reset' })
  await until('what is stored', () => ann.text === 'stored')
  // Bob says nothing; his probe finds out.
  await until('bob too', () => bob.text === 'stored')
  expect([ann.resets, bob.resets]).toEqual([1, 1])
})

test('continues from what an earlier run had', async () => {
  server.append('doc', encode('known'))
  const first = client()
  await until('joined', () => first.text === 'known')
  const { length: offset, epoch } = first.connection
  server.append('doc', encode('new'))
  const second = client({ from: { offset, epoch } })
  await until('only the rest', () => second.text === 'new')
  server.recreate('doc', encode('another one'))
  const third = client({ from: { offset, epoch } })
  await until('all of the other one', () => third.text === 'another one')
  expect(third.resets).toBe(1)
})

test('the id is asked for before each connection, so that a JWT can be fresh', async () => {
  let asked = 0
  const ann = client({
    document: () => {
      asked += 1
      if (asked === 2) throw new Error('no token now')
      return Promise.resolve('doc')
    },
  })
  await ann.connection.joined()
  server.cut()
  await until('joined again', () => ann.connection.counters.joins === 2)
  expect(asked).toBe(3)
})

test('suspended while the id is asked for, it makes no connection', async () => {
  let answer: (id: string) => void = () => undefined
  const ann = client({ document: () => new Promise((resolve) => (answer = resolve)) })
  await until('asked', () => ann.statuses.length === 1)
  ann.connection.suspend()
  answer('doc')
  const bob = client()
  await bob.connection.joined()
  expect([inits().length, ann.statuses]).toEqual([1, ['connecting', 'suspended']])
})

test('a server that never answers an append is left, and the append is stored once', async () => {
  const ann = client({ answerMs: 80 })
  await ann.connection.joined()
  let isFirst = true
  server.fault = (message) => {
    const isMute = message.type === 'append' && isFirst
    if (isMute) isFirst = false
    return isMute ? 'ignore' : 'none'
  }
  expect((await ann.append('heard')).kind).toBe('stored')
  expect(ann.connection.counters.joins).toBe(2)
  expect(server.text('doc')).toBe('heard')
})

test('a silent connection is probed; one that does not answer is left', async () => {
  const ann = client({ heartbeatMs: 40, answerMs: 80 })
  await ann.append('x')
  await until('a probe was answered', () => appends().length >= 2)
  expect(appends()[1]).toMatchObject({ offset: 0, data: new Uint8Array() })
  expect(ann.connection.counters).toMatchObject({ joins: 1, conflicts: 0 })
  server.fault = (message) => (message.type === 'append' ? 'ignore' : 'none')
  await until('left', () => ann.connection.counters.joins > 1)
})

test('a probe finds out that bytes are missing which nobody will send', async () => {
  const ann = client({ heartbeatMs: 40, answerMs: 80 })
  await ann.append('x')
  // Stored, but the fan-out is lost: as with a node that has gone deaf.
  server.appendQuietly('doc', encode('unheard'))
  await until('it arrived all the same', () => ann.text === 'xunheard')
  expect(ann.connection.counters.joins).toBe(2)
})

test.each([
  ['with an error frame before it', true],
  ['alone', false],
])(
  'close code 1009 %s: an append that is too big is given up, not tried for ever',
  async (_, hasFrame) => {
    const ann = client()
    await ann.connection.joined()
    server.fault = (message) => {
      if (message.type !== 'append' || message.data.length <= 100) return 'none'
      if (hasFrame) server.sendRaw('doc', hex('80 00 0000 746f6f20626967'))
      server.cut(1009)
      return 'ignore'
    }
    const outcomes: AppendOutcome[] = [
      await ann.append('x'.repeat(200)),
      await ann.append('small enough'),
    ]
    expect(outcomes.map(({ kind }) => kind)).toEqual(['too-large', 'stored'])
  },
)

test('close settles what waits, and nothing comes after it', async () => {
  const ann = client()
  await ann.connection.joined()
  server.fault = () => 'ignore'
  const outcome = ann.append('x')
  await until('sent', () => appends().length === 1)
  ann.connection.close()
  expect(await outcome).toEqual({ kind: 'closed', inDoubt: true })
  expect(ann.connection.status).toEqual({ state: 'closed' })
  await expect(ann.connection.joined()).rejects.toThrow('closed')
})

test('suspend and resume at once make one connection', async () => {
  const ann = client()
  ann.connection.suspend()
  ann.connection.resume()
  await ann.connection.joined()
  await ann.append('x')
  expect(inits().length).toBe(1)
})

test('[zwibbler 10] broadcasts reach the others who are here, and nobody later', async () => {
  const ann = client()
  const bob = client()
  expect(ann.connection.broadcast(encode('early'))).toBe(false)
  await ann.connection.joined()
  await bob.connection.joined()
  expect(ann.connection.broadcast(encode('hi'))).toBe(true)
  await until('bob heard', () => bob.broadcasts.length === 1)
  expect([ann.broadcasts, bob.broadcasts]).toEqual([[], ['hi']])
})

test('a URL that is none is refused at once; http is taken for ws', async () => {
  expect(() => connect({ url: 'nowhere', document: 'd', WebSocket })).toThrow(TypeError)
  const ann = client({ url: server.url.replace('ws:', 'http:') })
  await ann.connection.joined()
})
