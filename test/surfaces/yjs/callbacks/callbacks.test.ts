import { afterEach, describe, expect, test } from 'vitest'
import type { Callback, CallbackStore, Change } from '../../../../src/core/callbacks.ts'
import { StoreError } from '../../../../src/core/errors.ts'
import { makeCallbacks, retryDelayMs } from '../../../../src/surfaces/yjs/callbacks/callbacks.ts'
import type {
  Callbacks,
  CallbacksOptions,
} from '../../../../src/surfaces/yjs/callbacks/callbacks.ts'
import { makeLog } from '../../../auth/support.ts'
import { until } from '../../../support/wait.ts'
import { makeReceiver } from '../../zwibbler/receiver.ts'

interface FakeStore extends CallbackStore {
  due: Callback[]
  readonly noted: Change[]
  readonly ended: string[]
  fails: boolean
}

function makeStore(...due: Callback[]): FakeStore {
  const end = (how: string) => {
    self.ended.push(how)
    return Promise.resolve()
  }
  const self: FakeStore = {
    due,
    noted: [],
    ended: [],
    fails: false,
    note(changes) {
      if (self.fails) return Promise.reject(new StoreError('away', 'away'))
      self.noted.push(...changes)
      return Promise.resolve()
    },
    claim: (most) => Promise.resolve(self.due.splice(0, most)),
    told: ({ documentId }) => end(`told ${documentId}`),
    retry: ({ documentId }, delayMs) => end(`retry ${documentId} ${delayMs}`),
    giveUp: ({ documentId }) => end(`give up ${documentId}`),
  }
  return self
}

const callback = (rest: Partial<Callback> = {}): Callback => ({
  ...{ epoch: 7, documentId: 'yjs/a%20b', length: 4, attempt: 1 },
  ...rest,
})

const started: Callbacks[] = []
afterEach(async () => {
  await Promise.all(started.splice(0).map((callbacks) => callbacks.close()))
})

function start(
  store: CallbackStore,
  url: string,
  options: Partial<CallbacksOptions> = {},
): Callbacks & { log: ReturnType<typeof makeLog> } {
  const log = makeLog()
  const callbacks = makeCallbacks({
    store,
    url,
    log,
    waits: { quietMs: 100, mostMs: 300 },
    timeoutMs: 5_000,
    objects: { t: 'Text' },
    segments: { segments: () => Promise.resolve([]) },
    read: (_, from, to) => Promise.resolve(new Uint8Array(to - from)),
    pool: { exportJson: () => Promise.resolve('{"t":{"type":"Text","content":"é"}}') },
    open: () => [],
    now: () => performance.now(),
    closeMs: 20,
    ...options,
  })
  started.push(callbacks)
  return { ...callbacks, log }
}

describe('[yjs 9] the callback', () => {
  test("has the original's body, and all of the URL", async () => {
    await using receiver = await makeReceiver()
    const store = makeStore(callback())
    start(store, `${receiver.url.replace('//', '//me:p%40ss@')}?key=1&b=%20`)
    await until('told', () => store.ended.length > 0)
    expect(store.ended).toEqual(['told yjs/a%20b'])
    expect(receiver.received).toMatchObject([
      {
        method: 'POST',
        path: '/hook?key=1&b=%20',
        headers: {
          'content-type': 'application/json',
          authorization: `Basic ${Buffer.from('me:p@ss').toString('base64')}`,
        },
        body: '{"room":"a%20b","data":{"t":{"type":"Text","content":"é"}}}',
      },
    ])
  })

  test('without objects does not read the room', async () => {
    await using receiver = await makeReceiver()
    const read = () => Promise.reject(new Error('read'))
    start(makeStore(callback({ documentId: 'yjs/"' })), receiver.url, { objects: {}, read })
    await until('received', () => receiver.received.length > 0)
    expect(receiver.received[0]!.body).toBe('{"room":"\\"","data":{}}')
  })

  test('that fails is made again later, with one word in the log until it works', async () => {
    await using receiver = await makeReceiver()
    receiver.answer = 500
    const store = makeStore(callback(), callback({ attempt: 2 }), callback({ attempt: 10 }))
    const { log } = start(store, receiver.url)
    await until('ended', () => store.ended.length === 3)
    expect(store.ended.sort()).toEqual([
      'give up yjs/a%20b',
      'retry yjs/a%20b 2000',
      'retry yjs/a%20b 4000',
    ])
    const warned = () => log.lines.filter(({ level }) => level === 'warn')
    expect(warned()).toHaveLength(1)
    expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
    receiver.answer = 204
    store.due.push(callback())
    await until('told', () => store.ended.length === 4)
    expect(log.lines.map(({ message }) => message)).toContain('the callback works again')
  })

  test.each([302, 404, 503])('answered with %i is not taken', async (answer) => {
    await using receiver = await makeReceiver()
    receiver.answer = (response) => {
      response.writeHead(answer, { location: receiver.url }).end()
    }
    const store = makeStore(callback())
    start(store, receiver.url)
    await until('ended', () => store.ended.length > 0)
    expect(store.ended).toEqual(['retry yjs/a%20b 2000'])
    expect(receiver.received).toHaveLength(1)
  })

  test('that is not answered in time is made again; one under way at the end is given back', async () => {
    await using receiver = await makeReceiver()
    receiver.answer = 'hang'
    const store = makeStore(callback())
    start(store, receiver.url, { timeoutMs: 100 })
    await until('ended', () => store.ended.length > 0)
    expect(store.ended).toEqual(['retry yjs/a%20b 2000'])
    const other = makeStore(callback())
    const ending = start(other, receiver.url)
    await until('received', () => receiver.received.length === 2)
    await ending.close()
    expect(other.ended).toEqual(['retry yjs/a%20b 0'])
  })

  test('of a room that is too large is not made', async () => {
    await using receiver = await makeReceiver()
    const store = makeStore(callback({ length: 101 }), callback({ documentId: 'yjs/ok' }))
    start(store, receiver.url, { mostBytes: 100 })
    await until('ended', () => store.ended.length === 2)
    expect(store.ended).toEqual(['give up yjs/a%20b', 'told yjs/ok'])
  })

  test('of a room that is folded meanwhile is made from what it is then', async () => {
    await using receiver = await makeReceiver()
    const store = makeStore(callback())
    let reads = 0
    start(store, receiver.url, {
      read: (_, from, to) =>
        ++reads === 1
          ? Promise.reject(new StoreError('hole', 'folded'))
          : Promise.resolve(new Uint8Array(to - from)),
    })
    await until('told', () => store.ended.length > 0)
    expect(store.ended).toEqual(['told yjs/a%20b'])
    expect(reads).toBe(2)
  })

  test('tries for about half an hour', () => {
    const delays = Array.from({ length: 9 }, (_, i) => retryDelayMs(i + 1))
    expect(delays).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512].map((seconds) => seconds * 1_000))
    expect(retryDelayMs(30)).toBe(600_000)
  })
})

describe('[yjs 9] changes', () => {
  test('of a moment are noted together, with the time since the last one', async () => {
    const store = makeStore()
    const callbacks = start(store, 'http://127.0.0.1:1/')
    for (const epoch of [1, 2, 1]) callbacks.changed(epoch)
    await until('noted', () => store.noted.length > 0)
    expect(store.noted.map(({ epoch }) => epoch)).toEqual([1, 2])
    expect(store.noted.every(({ ageMs }) => ageMs >= 0 && ageMs < 5_000)).toBe(true)
    callbacks.changed(1)
    await callbacks.close()
    expect(store.noted).toHaveLength(3)
  })

  test('that cannot be noted are noted later', async () => {
    const store = makeStore()
    store.fails = true
    const callbacks = start(store, 'http://127.0.0.1:1/')
    callbacks.changed(1)
    await until('it has failed', () => callbacks.log.lines.length > 0)
    store.fails = false
    await until('noted', () => store.noted.length > 0)
    expect(callbacks.log.lines).toHaveLength(1)
  })

  test('of others are noted as well, once each', async () => {
    const store = makeStore()
    const room = { epoch: 5, head: 10 }
    let looks = 0
    const open = () => {
      looks++
      return [room]
    }
    start(store, 'http://127.0.0.1:1/', { open, sweepMs: 20 })
    await until('noted', () => store.noted.length === 1)
    room.head = 11
    await until('noted again', () => store.noted.length === 2)
    const before = looks
    await until('it has looked again and again', () => looks > before + 10)
    expect(store.noted.map(({ epoch }) => epoch)).toEqual([5, 5])
  })
})
