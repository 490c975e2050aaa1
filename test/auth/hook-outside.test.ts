/** Two real nodes that ask a real HTTP server, and real clients. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, beforeEach, expect, inject, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import type { Cluster } from '../support/cluster.ts'
import { makeCluster } from '../support/cluster.ts'
import { until } from '../support/wait.ts'
import { connectYjs, roomsOf } from '../support/yjs.ts'
import type { Version } from '../support/yjsPeers.ts'
import { makePeer } from '../support/yjsPeers.ts'
import type { FakeServer, Heard } from './gateSupport.ts'
import { makeServer, sendJson } from './gateSupport.ts'

interface Question {
  surface: string
  document: string
  query: Record<string, string>
  headers: Record<string, string>
  protocols: string[]
}

const { redisUrl } = inject('services')
const both: Version[] = ['1.5.4', '3.1.0']
/** What each user may do; a number is a status. */
const rights = new Map<string, string | number>()
const questionOf = ({ body }: Heard): Question => JSON.parse(body) as Question

function answer(response: ServerResponse, heard: Heard): void {
  const { query, headers } = questionOf(heard)
  const user = query.user ?? /user=(\w+)/.exec(headers.cookie ?? '')?.[1] ?? ''
  const right = rights.get(user) ?? 401
  if (typeof right === 'number') sendJson(response, {}, right)
  else sendJson(response, { user, permission: right })
}

// Clients say there why they were refused.
vi.spyOn(console, 'warn').mockReturnValue()

let hook: FakeServer
let cluster: Cluster
beforeAll(async () => {
  hook = await makeServer(answer)
  cluster = await makeCluster(redisUrl ? 2 : 1, {
    env: {
      ...{ YJS_AUTH: 'hook', AUTH_HOOK_URL: hook.url, AUTH_HOOK_TIMEOUT_MS: '1000' },
      ...{ AUTH_CACHE_SECONDS: '1', AUTH_RECHECK_SECONDS: '1', ALLOWED_ORIGINS: '*' },
    },
  })
})
afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  await hook[Symbol.asyncDispose]()
})
beforeEach(() => {
  hook.answer = answer
  rights.clear()
  for (const user of ['ann', 'bob']) rights.set(user, 'rw')
  rights.set('reader', 'r').set('nobody', '').set('stranger', 403)
})

const rooms = (index: number) => roomsOf(cluster.nodes[index] ?? cluster.nodes[0]!)
const asUser = (user: string, version: Version) => ({ version, params: { user } })

test.each(both)('[yjs 7] %s: whom the hook lets in writes, on every node', async (version) => {
  await using ann = makePeer(rooms(0), `open ${version}`, asUser('ann', version))
  await using bob = makePeer(rooms(1), `open ${version}`, asUser('bob', '3.1.0'))
  await Promise.all([ann.synced(), bob.synced()])
  ann.text.insert(0, 'of ann ')
  await bob.hears('of ann ')
  bob.text.insert(0, 'of bob ')
  await ann.hears('of bob ')
})

test.each(both)(
  '[yjs 15.15] %s: a reader is synced, sees edits and cannot write',
  async (version) => {
    const room = `readers ${version}`
    await using ann = await makePeer(rooms(0), room, asUser('ann', '3.1.0')).synced()
    await using reader = await makePeer(rooms(1), room, asUser('reader', version)).synced()
    reader.text.insert(0, 'never')
    ann.text.insert(0, 'to read ')
    await reader.hears('to read ')
    await using late = await makePeer(rooms(0), room, asUser('bob', '3.1.0')).synced()
    expect([ann, late].map(({ text }) => text.toJSON())).toEqual(['to read ', 'to read '])
  },
)

test.each([
  ['unknown', 4401],
  ['stranger', 4403],
  ['nobody', 4403],
] as const)(
  '[yjs 7] %s is refused with %d; an older client may try again in vain',
  async (user, code) => {
    await using refused = makePeer(rooms(0), 'closed', asUser(user, '3.1.0'))
    await using older = makePeer(rooms(1), 'closed', asUser(user, '1.5.4'))
    await until('both are refused', () =>
      [refused, older].every(({ traffic }) => traffic.closes.length > 0),
    )
    await until('the older one again', () => older.traffic.closes.length > 1)
    expect(refused.traffic).toMatchObject({ opens: 1, closes: [code] })
    expect(new Set(older.traffic.closes)).toEqual(new Set([code]))
    expect([refused, older].map(({ provider }) => provider.synced)).toEqual([false, false])
    expect(await cluster.nodes[0]!.document('yjs/closed')).toBeUndefined()
  },
)

test.each([
  ['fails', (response: ServerResponse) => sendJson(response, {}, 500)],
  ['says nothing that is known', (response: ServerResponse) => sendJson(response, { ok: true })],
  ['does not answer', () => undefined],
])(
  '[yjs 7] while the hook %s nobody new is let in, who is there stays, and all come back by themselves',
  async (what, broken) => {
    const room = `away ${what}`
    await using ann = await makePeer(rooms(0), room, asUser('ann', '3.1.0')).synced()
    hook.answer = broken
    const newcomers = both.map((version) => makePeer(rooms(1), room, asUser('bob', version)))
    await until('they are told to come back', () =>
      newcomers.every(({ traffic }) => traffic.closes.includes(1013)),
    )
    expect(newcomers.map(({ provider }) => provider.synced)).toEqual([false, false])
    const asked = hook.heard.length
    await until('it is asked about who is there', () =>
      hook.heard.slice(asked).some((heard) => questionOf(heard).query.user === 'ann'),
    )
    ann.text.insert(0, 'meanwhile')
    hook.answer = answer
    for (const peer of newcomers) await peer.hears('meanwhile')
    expect(ann.traffic).toMatchObject({ opens: 1, closes: [] })
    for (const peer of newcomers) await peer[Symbol.asyncDispose]()
  },
)

test.each([
  ['signed out', 401, 4401],
  ['shut out', 403, 4403],
  ['left without a right', '', 4403],
] as const)('[yjs 7] who is %s while connected is sent away for good', async (_, right, code) => {
  const room = `revoked ${right}`
  await using ann = await makePeer(rooms(0), room, asUser('ann', '3.1.0')).synced()
  await using bob = await makePeer(rooms(1), room, asUser('bob', '3.1.0')).synced()
  rights.set('bob', right)
  await until('he is told', () => bob.traffic.closes.includes(code))
  const length = (await cluster.nodes[0]!.document(`yjs/${encodeURI(room)}`))?.length
  bob.text.insert(0, 'too late')
  ann.text.insert(0, 'on')
  await until('hers is stored', async () => {
    const now = await cluster.nodes[0]!.document(`yjs/${encodeURI(room)}`)
    return (now?.length ?? 0) > (length ?? 0)
  })
  expect(ann.text.toJSON()).toBe('on')
  expect(bob.traffic).toMatchObject({ opens: 1, closes: [code] })
  expect(ann.traffic.closes).toEqual([])
})

test.each(both)(
  '[yjs 7] %s: who may only read from now on comes back as a reader, and is a writer again later',
  async (version) => {
    const room = `demoted ${version}`
    await using ann = await makePeer(rooms(0), room, asUser('ann', '3.1.0')).synced()
    await using bob = await makePeer(rooms(1), room, asUser('bob', version)).synced()
    rights.set('bob', 'r')
    await until('he is back', () => bob.traffic.opens === 2 && bob.provider.synced)
    expect(bob.traffic.closes).toEqual([1012])
    bob.text.insert(0, 'while reading ')
    ann.text.insert(0, 'seen ')
    await bob.hears('seen ')
    expect(ann.text.toJSON()).toBe('seen ')
    rights.set('bob', 'rw')
    // What he wrote meanwhile is uploaded then.
    await ann.hears('while reading ')
  },
)

test('[yjs 7] the hook is told what the client has sent: cookies, headers, query, protocols and room as they are', async () => {
  const headers = {
    Cookie: 'theme=dark; user=ann',
    Authorization: 'Bearer of ann',
    'X-Tenant': 'blue',
  }
  const path = 'caf%C3%A9/50%?token=a%20b&lang=%C3%A4&token=second'
  const before = hook.heard.length
  const socket = new WebSocket(`${rooms(0)}/${path}`, ['yauth-ticket'], {
    headers,
    origin: 'https://app.example',
  })
  const [first] = (await once(socket, 'message')) as [Buffer]
  expect(first.toString('hex')).toBe('00000100')
  socket.terminate()
  const questions = hook.heard.slice(before).map(questionOf)
  const question = questions.find(({ document }) => document.startsWith('caf'))
  expect(question).toMatchObject({
    surface: 'yjs',
    document: 'caf%C3%A9/50%',
    query: { token: 'a b', lang: 'ä' },
    protocols: ['yauth-ticket'],
    headers: {
      cookie: 'theme=dark; user=ann',
      authorization: 'Bearer of ann',
      origin: 'https://app.example',
      'x-tenant': 'blue',
    },
  })
  expect(Object.keys(question!.headers).filter((name) => name.startsWith('sec-'))).toEqual([])
  expect(hook.heard.at(-1)).toMatchObject({ method: 'POST' })
})

test('[yjs 7] many connections of one client cost one question a moment', async () => {
  const before = hook.heard.length
  const asked = () =>
    hook.heard.slice(before).filter((heard) => questionOf(heard).document === 'crowd').length
  const began = performance.now()
  const clients = Array.from({ length: 40 }, () => connectYjs(rooms(0), 'crowd?user=ann'))
  for (const client of clients) await (await client.opened()).asks()
  const seconds = Math.ceil((performance.now() - began) / 1_000)
  expect(asked()).toBeLessThanOrEqual(3 * seconds)
  for (const client of clients) await client.close()
})
