import { describe, expect, test } from 'vitest'
import { lettersOf } from '../../../src/auth/permission.ts'
import type { AddedToken, NewToken } from '../../../src/core/access.ts'
import { StoreError } from '../../../src/core/errors.ts'
import type { HttpAnswer, HttpRequest } from '../../../src/surfaces/surface.ts'
import { makeManagement } from '../../../src/surfaces/zwibbler/management.ts'
import type { ManagementOptions } from '../../../src/surfaces/zwibbler/management.ts'
import { makeLog } from '../../auth/support.ts'
import type { Line } from '../../auth/support.ts'
import { makeRequest, makeStore } from './support.ts'
import type { FakeStore, RequestParts } from './support.ts'

const authorization = `Basic ${Buffer.from('u:p').toString('base64')}`
const form = { authorization, 'content-type': 'application/x-www-form-urlencoded' }
const refused = (status: number, text: string): HttpAnswer => ({
  status,
  headers: { Status: text },
})

interface World {
  store: FakeStore
  added: NewToken[]
  changed: string[]
  deleted: [number, string][]
  lines: Line[]
  answer(request: HttpRequest): Promise<HttpAnswer>
  send(parts: RequestParts): Promise<HttpAnswer>
  /** An urlencoded body with the right credentials. */
  post(body: string): Promise<HttpAnswer>
}

function makeWorld(
  documents: Record<string, string> = {},
  options: Partial<ManagementOptions> & { outcome?: AddedToken; error?: Error } = {},
): World {
  const log = makeLog()
  const world = { store: makeStore(documents), added: [], changed: [], deleted: [] } as Pick<
    World,
    'store' | 'added' | 'changed' | 'deleted'
  >
  if (options.error) world.store.error = options.error
  const management = makeManagement({
    store: world.store,
    tokens: {
      add: (token) => {
        world.added.push(token)
        return Promise.resolve(options.outcome ?? 'added')
      },
    },
    changePermission: (user, permission) => {
      world.changed.push(`${user} ${lettersOf(permission)}`)
      return options.error ? Promise.reject(options.error) : Promise.resolve()
    },
    documentDeleted: (epoch, id) => {
      world.deleted.push([epoch, id])
    },
    credentials: { user: 'u', password: 'p' },
    maxContentsBytes: 1_000,
    maxDumpBytes: 4 * 1024 * 1024,
    log,
    ...options,
  })
  const send = (parts: RequestParts): Promise<HttpAnswer> => management(makeRequest(parts))
  return {
    ...world,
    lines: log.lines,
    answer: management,
    send,
    post: (body) => send({ headers: form, body }),
  }
}

describe('[zwibbler 13] credentials', () => {
  test.each([
    ['none', {}],
    ['a wrong password', { authorization: `Basic ${Buffer.from('u:q').toString('base64')}` }],
    ['a wrong user', { authorization: `Basic ${Buffer.from('v:p').toString('base64')}` }],
    ['no colon', { authorization: `Basic ${Buffer.from('u').toString('base64')}` }],
    ['another scheme', { authorization: `Bearer ${Buffer.from('u:p').toString('base64')}` }],
  ])(
    '%s: 401 with an empty body, before the method or the body is looked at',
    async (_, headers) => {
      const request = makeRequest({ headers, query: 'method=nonsense', body: 'x=1' })
      const management = makeManagement({
        ...({} as ManagementOptions),
        credentials: { user: 'u', password: 'p' },
        log: makeLog(),
      })
      expect(await management(request)).toEqual(refused(401, 'Unauthorized'))
      expect(request.bodyWasRead).toBe(false)
    },
  )

  test('the scheme is compared without case, and a password may hold colons and any letters', async () => {
    const credentials = { user: 'u', password: 'p:ä:' }
    const world = makeWorld({ 'zwibbler/doc1': '' }, { credentials })
    const basic = `bAsIc ${Buffer.from('u:p:ä:').toString('base64')}`
    expect(
      await world.send({
        headers: { authorization: basic },
        query: 'method=checkDocument&documentID=doc1',
      }),
    ).toEqual({ status: 200 })
  })

  test('a name without a colon is no password', async () => {
    const world = makeWorld({}, { credentials: { user: '', password: 'p' } })
    const basic = `Basic ${Buffer.from('p').toString('base64')}`
    expect((await world.send({ headers: { authorization: basic } })).status).toBe(401)
  })

  test('with no pair configured everything is 401, the empty pair too', async () => {
    const empty = { authorization: `Basic ${Buffer.from(':').toString('base64')}` }
    for (const credentials of [undefined, { user: '', password: '' }]) {
      for (const headers of [{}, empty]) {
        const answer = await makeWorld({}, { credentials }).send({ headers })
        expect(answer).toEqual(refused(401, 'Unauthorized'))
      }
    }
  })

  test('[zwibbler 18.21] a failed login is logged with the name, cut short, and without the password', async () => {
    const world = makeWorld()
    const user = 'x'.repeat(100)
    const basic = `Basic ${Buffer.from(`${user}:hunter2`).toString('base64')}`
    await world.send({ headers: { authorization: basic } })
    expect(world.lines).toHaveLength(1)
    expect(world.lines[0]).toMatchObject({ level: 'warn', fields: { user: 'x'.repeat(64) } })
    expect(JSON.stringify(world.lines)).not.toContain('hunter2')
  })
})

describe('[zwibbler 13] the request', () => {
  test.each(['', 'method=', 'method=dropAll', 'method=constructor'])(
    '%j: 400, unknown method',
    async (body) => {
      expect(await makeWorld().post(body)).toEqual(refused(400, "Unknown 'method' parameter"))
    },
  )

  test('JSON is not understood, and its body not even read', async () => {
    const headers = { authorization, 'content-type': 'application/json' }
    const body = '{"method":"checkDocument","documentID":"doc1"}'
    const request = makeRequest({ headers, body })
    expect(await makeWorld().answer(request)).toEqual(refused(400, "Unknown 'method' parameter"))
    expect(request.bodyWasRead).toBe(false)
  })

  test.each([
    ['createDocument', 'documentID'],
    ['deleteDocument', 'documentID'],
    ['dumpDocument', 'documentID'],
    ['checkDocument', 'documentID'],
    ['addToken', 'documentID'],
    ['addToken&documentID=d', 'token'],
    ['addToken&documentID=d&token=t', 'userID'],
    ['addToken&documentID=d&token=t&userID=u', 'expiration'],
    ['updateUser', 'userID'],
    ['createDocument&documentID=d', 'contents'],
    ['createDocument&documentID=d&contents=', 'contents'],
  ])('method=%s: 400, missing %s', async (body, name) => {
    expect(await makeWorld().post(`method=${body}`)).toEqual(refused(400, `Missing ${name}`))
  })

  test.each(['%00', '%ff', 'x'.repeat(1_025)])(
    'an id that cannot be stored is invalid (%.20s)',
    async (id) => {
      expect(await makeWorld().post(`method=checkDocument&documentID=${id}`)).toEqual(
        refused(400, 'Invalid documentID'),
      )
    },
  )

  test('a storage failure is 500 without a word about hosts, and logged with its cause', async () => {
    const error = new StoreError('away', 'no connection to db.internal:5432')
    for (const method of ['checkDocument&', 'createDocument&contents=x&', 'deleteDocument&']) {
      const world = makeWorld({}, { error })
      const answer = await world.post(`method=${method}documentID=doc1`)
      expect(answer).toEqual(refused(500, 'storage unavailable'))
      expect(world.lines.at(-1)).toMatchObject({ level: 'error', fields: { err: error } })
    }
  })

  test('a body above the limit is the socket’s to answer', async () => {
    const body = `method=createDocument&documentID=d&contents=${'x'.repeat(100_000)}`
    await expect(makeWorld().post(body)).rejects.toMatchObject({ status: 413 })
  })

  test('contents above their limit are 413 although the body may be that long', async () => {
    const body = `method=createDocument&documentID=d&contents=${'x'.repeat(1_001)}`
    expect(await makeWorld().post(body)).toEqual(refused(413, 'contents is too large'))
  })
})

describe('[zwibbler 13] createDocument', () => {
  test('creates it with exactly those bytes, or answers 409', async () => {
    const world = makeWorld()
    const body = 'method=createDocument&documentID=doc1&contents=a%00%ff+b'
    expect(await world.post(body)).toEqual({ status: 200 })
    const { data } = world.store.documents.get('zwibbler/doc1')!
    expect([...data]).toEqual([0x61, 0x00, 0xff, 0x20, 0x62])
    expect(await world.post(body)).toEqual({ status: 409 })
  })
})

describe('[zwibbler 13] deleteDocument', () => {
  test('is 200 also when there was none, and tells of a real one only', async () => {
    const world = makeWorld({ 'zwibbler/doc1': 'x' })
    expect(await world.post('method=deleteDocument&documentID=doc1')).toEqual({ status: 200 })
    expect(await world.post('method=deleteDocument&documentID=doc1')).toEqual({ status: 200 })
    expect(world.deleted).toEqual([[1, 'zwibbler/doc1']])
  })
})

describe('[zwibbler 13] checkDocument and dumpDocument', () => {
  test('[zwibbler 20] POST /socket method=checkDocument&documentID=doc1', async () => {
    const world = makeWorld({ 'zwibbler/doc1': 'hello' })
    const query = 'method=checkDocument&documentID=doc1'
    expect(await world.send({ headers: { authorization }, query })).toEqual({ status: 200 })
    expect(await world.post(query)).toEqual({ status: 200 })
    expect(await makeWorld().post(query)).toEqual({ status: 404 })
    expect(await world.send({ query })).toEqual(refused(401, 'Unauthorized'))
  })

  test('a dump is the raw bytes, or 404', async () => {
    const world = makeWorld({ 'zwibbler/doc1': 'hello', 'zwibbler/empty': '' })
    expect(await world.post('method=dumpDocument&documentID=doc1')).toEqual({
      status: 200,
      headers: { 'Content-Type': 'text' },
      body: new Uint8Array(Buffer.from('hello')),
    })
    expect(await world.post('method=dumpDocument&documentID=empty')).toMatchObject({
      status: 200,
      body: new Uint8Array(),
    })
    expect(await world.post('method=dumpDocument&documentID=none')).toEqual({ status: 404 })
  })

  test('[I6] a dump is read by pages and is no larger than it may be, all dumps together', async () => {
    const size = 2_500_000
    const big = 'x'.repeat(size)
    const documents = { 'zwibbler/big': big, 'zwibbler/huge': big + big }
    const world = makeWorld(documents)
    const dumps = await Promise.all([
      world.post('method=dumpDocument&documentID=big'),
      world.post('method=dumpDocument&documentID=big'),
    ])
    expect(dumps.map(({ status }) => status).sort()).toEqual([200, 503])
    expect(dumps.find(({ status }) => status === 200)?.body).toHaveLength(size)
    expect(Math.max(...world.store.reads.map(([from, to]) => to - from))).toBe(1024 * 1024)
    expect(await world.post('method=dumpDocument&documentID=huge')).toEqual(
      refused(413, 'document is too large'),
    )
    expect((await world.post('method=dumpDocument&documentID=big')).status, 'again').toBe(200)
  })

  test('a document that is deleted while it is dumped is 404, never half of it', async () => {
    const world = makeWorld({ 'zwibbler/doc1': 'x'.repeat(1_500_000) })
    const { read } = world.store
    world.store.read = async (epoch, from, to) => {
      const page = await read(epoch, from, to)
      world.store.documents.clear()
      return page
    }
    expect(await world.post('method=dumpDocument&documentID=doc1')).toEqual({ status: 404 })
  })
})

describe('[zwibbler 13] addToken', () => {
  const body =
    'method=addToken&documentID=doc1&token=tok&userID=ann&expiration=Sat%2C+21+Nov+2026+02%3A27%3A40+GMT'

  test('registers it with its permission letters, none if none are given', async () => {
    const world = makeWorld()
    expect(await world.post(`${body}&permissions=wxr`)).toEqual({ status: 200 })
    expect(await world.post(body)).toEqual({ status: 200 })
    const token = {
      token: 'tok',
      documentId: 'zwibbler/doc1',
      user: 'ann',
      expiresAt: new Date('2026-11-21T02:27:40Z'),
    }
    expect(world.added).toEqual([
      { ...token, letters: 'rw' },
      { ...token, letters: '' },
    ])
    expect(JSON.stringify(world.lines)).not.toContain('tok"')
  })

  test('with contents creates the document along with it', async () => {
    const world = makeWorld()
    expect(await world.post(`${body}&contents=hello`)).toEqual({ status: 200 })
    const initial = world.added[0]?.document?.initial ?? []
    expect(Buffer.from(initial).toString()).toBe('hello')
  })

  test.each<AddedToken>(['token exists', 'document exists'])('%s: 409', async (outcome) => {
    expect(await makeWorld({}, { outcome }).post(body)).toEqual({ status: 409 })
  })

  test.each(['%00', '%ff', 'x'.repeat(16_385)])('a token %.10s is invalid', async (token) => {
    const wrong = body.replace('token=tok', `token=${token}`)
    expect(await makeWorld({}, { maxContentsBytes: 10_000 }).post(wrong)).toEqual(
      refused(400, 'Invalid token'),
    )
  })

  test('another form of the date is 400', async () => {
    const world = makeWorld()
    const wrong = body.replace(/expiration=.*/, 'expiration=2026-11-21T02:27:40Z')
    expect(await world.post(wrong)).toEqual(refused(400, 'Incorrect expires format'))
    expect(world.added).toEqual([])
  })
})

describe('[zwibbler 13] updateUser', () => {
  test('changes the permission, to none if none is given, also of an unknown user', async () => {
    const world = makeWorld()
    expect(await world.post('method=updateUser&userID=ann&permissions=wr')).toEqual({ status: 200 })
    expect(await world.post('method=updateUser&userID=bob')).toEqual({ status: 200 })
    expect(world.changed).toEqual(['ann rw', 'bob '])
  })
})
