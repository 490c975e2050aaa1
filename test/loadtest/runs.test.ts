import { createDecoder, readVarUint8Array } from 'lib0/decoding'
import { SignJWT } from 'jose'
import type { JWTPayload } from 'jose'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { parseUpdateMeta } from 'yjs'
import { makeCluster } from '../support/cluster.ts'
import type { Cluster } from '../support/cluster.ts'
import { faults, fromNth, makeFaultyProxy } from './faultyProxy.ts'
import type { Fault, FaultyProxy } from './faultyProxy.ts'
import { hasK6 } from '../support/k6.ts'
import { findK6, shortRun } from './support.ts'

const BUILDING_MS = 600_000
const { redisUrl } = inject('services')

/** Of Zwibbler messages and of Yjs sync messages: those that carry changes. */
const isAppend = (message: Buffer) => message[0] === 5
const isUpdate = (message: Buffer) => message[0] === 0 && message[1] === 2

describe.skipIf(!hasK6 || !redisUrl)('k6 on two nodes', () => {
  let cluster: Cluster
  let urls: string[]

  beforeAll(async () => {
    await findK6()
    cluster = await makeCluster(2)
    urls = cluster.nodes.map((node) => node.httpUrl.replace('http', 'ws'))
    return () => cluster[Symbol.asyncDispose]()
  }, BUILDING_MS)

  /** A proxy for each fault; the client in the seat of the same number comes through it first. */
  async function withFaults<T>(
    all: readonly ((connection: number) => Fault)[],
    work: (url: string) => Promise<T>,
  ): Promise<T> {
    const proxies: FaultyProxy[] = []
    for (const [i, faultOf] of all.entries())
      proxies.push(await makeFaultyProxy(urls[i % urls.length]!, faultOf))
    try {
      return await work(proxies.map(({ url }) => url).join())
    } finally {
      for (const proxy of proxies) await proxy[Symbol.asyncDispose]()
    }
  }

  describe.concurrent('passes when nothing is wrong', () => {
    test.each([
      ['zwibbler', { TEACHERS: '2', STUDENTS: '6', RATE: '5' }, 8],
      ['yjs', { EDITORS: '3', DOCUMENTS: '2', RATE: '5' }, 6],
      ['idle', { CONNECTIONS: '60', DOCUMENTS: '6' }, 60],
      ['storm', { DOCUMENTS: '2', STUDENTS: '4', RATE: '20', JITTER: '100ms' }, 10],
    ])('%s: every reader saw everything', async (script, env, readers) => {
      const run = await shortRun(script, { ...env, URL: urls.join() })
      expect(run.failed).toEqual([])
      expect(run.code).toBe(0)
      expect(run.count('readers_complete')).toBe(readers)
      expect(run.count('changes_acknowledged')).toBeGreaterThan(0)
    })
  })

  test('lets clients in with tokens, to documents that are there already', async () => {
    const key = 'a secret of thirty-two bytes, or more'
    const sign = (claims: JWTPayload) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256' })
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign(Buffer.from(key))
    await using closed = await makeCluster(1, {
      env: { ZWIBBLER_JWT_KEY: key, AUTH_JWT_KEY: key, YJS_AUTH: 'jwt' },
    })
    const URL = closed.nodes[0]!.httpUrl
    const TOKEN = await sign({ sub: 'plan', u: 'ann', p: 'rw' })
    const twice = async () => {
      for (const STUDENTS of ['1', '2'])
        expect((await shortRun('zwibbler', { URL, TOKEN, STUDENTS })).failed).toEqual([])
    }
    const rooms = { URL, EDITORS: '2', DOCUMENT: 'plan', PATIENCE: '1s' }
    const inRooms = await sign({ sub: 'ann', rooms: { plan: 'rw' } })
    const [admitted, refused] = await Promise.all([
      shortRun('yjs', { ...rooms, PATIENCE: '20s', TOKEN: inRooms }),
      shortRun('yjs', rooms),
      twice(),
    ])
    expect(admitted.failed).toEqual([])
    expect(refused.failed).toContain('readers_complete')
    expect(refused.failed).toContain('changes_acknowledged')
  })

  describe.concurrent('fails, with the right words,', () => {
    test('when appends are dropped, doubled, swapped, altered, made up or cut off', async () => {
      const alter = () =>
        fromNth(isAppend, 2, (message, line, since) => {
          if (since === 0) message[message.length - 1]! ^= 1
          line.toClient(message)
        })
      // Of the second connection: somebody looks once more at the end, and the server has more than the copy.
      const more = (connection: number) =>
        connection !== 1
          ? {}
          : fromNth(isAppend, 0, (message, line) => {
              line.toClient(Buffer.concat([message, Buffer.alloc(3)]))
            })
      const seats = [
        nothing,
        more,
        first(() => faults.drop(isAppend)),
        first(() => faults.double(isAppend)),
        first(() => faults.swap(isAppend)),
        first(alter),
        first(() => faults.cut(isAppend)),
      ]
      const run = await withFaults(seats, (URL) =>
        shortRun('zwibbler', { URL, TEACHERS: '1', STUDENTS: '6', RATE: '10' }),
      )
      expect(run.failed).toEqual([
        'changes_altered',
        'changes_missing',
        'changes_reordered',
        'changes_repeated',
        'connections_lost',
        'copies_differing',
        'readers_complete',
      ])
      expect(run.code).toBe(99)
      for (const each of ['repeated', 'reordered', 'altered'])
        expect(run.count(`changes_${each}`), each).toBe(1)
      // The dropped one and the altered one.
      expect(run.count('changes_missing')).toBe(2)
      expect(run.count('connections_lost')).toBe(1)
    })

    test('when what was acknowledged is not stored', async () => {
      const lie = (): Fault => {
        let appends = 0
        return {
          fromClient(message, line) {
            if (!isAppend(message) || appends++ !== 2) line.toServer(message)
            else line.toClient(storedAnswer(message))
          },
        }
      }
      const run = await withFaults([first(lie), nothing], (URL) =>
        shortRun('zwibbler', { URL, TEACHERS: '1', STUDENTS: '1', RATE: '10', PATIENCE: '1s' }),
      )
      expect(run.code).toBe(99)
      expect(run.failed).toEqual(
        expect.arrayContaining(['answers_wrong', 'changes_unanswered', 'readers_complete']),
      )
    })

    test('when updates of a Yjs room are dropped, doubled, swapped or altered', async () => {
      // In the entry that goes with the letters: when it was sent, a double of these years.
      const time = /\x7b\x42[\x79\x7a]/
      const alter: YjsFault = (told) =>
        fromNth(
          (message) => told(message).others.length > 0 && !told(message).isMine,
          2,
          (message, line, since) => {
            if (since === 0) message[message.toString('latin1').search(time) + 8]! ^= 1
            line.toClient(message)
          },
        )
      const drop: YjsFault = (told) => faults.drop((message) => told(message).others.length > 0)
      const double: YjsFault = (told) => faults.double((message) => told(message).others.length > 0)
      const seats = [nothing, ...[drop, double, swapOfOneAuthor, alter].map(whenSynced)]
      const run = await withFaults(seats, (URL) =>
        shortRun('yjs', { URL, EDITORS: '5', RATE: '10', PATIENCE: '3s' }),
      )
      expect(run.failed).toEqual([
        'changes_missing',
        'changes_reordered',
        'copies_differing',
        'readers_complete',
        'updates_useless',
      ])
      expect(run.code).toBe(99)
      expect(run.count('updates_useless')).toBe(1)
      expect(run.count('changes_reordered')).toBe(1)
      // The one with a hole and the altered one.
      expect(run.count('copies_differing')).toBe(2)
    })
  })
})

const nothing = (): Fault => ({})
const first = (make: () => Fault) => (connection: number) => (connection === 0 ? make() : {})

/** What a server says to an append that it has stored. */
function storedAnswer(append: Buffer): Buffer {
  const answer = Buffer.alloc(12)
  answer.writeUInt8(0x81, 0)
  answer.writeUInt16BE(1, 2)
  answer.writeBigUInt64BE(append.readBigUInt64BE(6) + BigInt(append.length - 14), 4)
  return answer
}

function authorsOf(message: Buffer): number[] {
  const decoder = createDecoder(message.subarray(2))
  return [...parseUpdateMeta(readVarUint8Array(decoder)).to.keys()]
}

/** Whose changes a message tells a client of: its own, which are echoes, and those of others. */
interface Told {
  readonly others: readonly number[]
  readonly isMine: boolean
}
type YjsFault = (told: (message: Buffer) => Told) => Fault

/**
 * A fault of updates by others, once the client is up to date: one whose own echo is lost or comes twice has nothing to complain
 * of, nor has one that is told again what it asked for.
 */
const whenSynced = (make: YjsFault) =>
  first(() => {
    const own = new Set<number>()
    let isSynced = false
    const told = (message: Buffer): Told => {
      isSynced ||= message[0] === 0 && message[1] === 1
      if (!isSynced || !isUpdate(message)) return { others: [], isMine: false }
      const authors = authorsOf(message)
      const others = authors.filter((author) => !own.has(author))
      return { others, isMine: others.length < authors.length }
    }
    return {
      ...make(told),
      fromClient(message, line) {
        if (isUpdate(message)) for (const author of authorsOf(message)) own.add(author)
        line.toServer(message)
      },
    }
  })

/** Updates of different authors have no order. */
const swapOfOneAuthor: YjsFault = (told) => {
  let held: Buffer | undefined
  return fromNth(
    (message) => told(message).others.length > 0,
    2,
    (message, line, since) => {
      if (since === 0) {
        held = Buffer.from(message)
        return
      }
      line.toClient(message)
      const { others } = told(message)
      if (!held || !told(held).others.some((author) => others.includes(author))) return
      line.toClient(held)
      held = undefined
    },
  )
}
