import { afterEach, describe, expect, test } from 'vitest'
import type { IdleEvent, IdleEventStore } from '../../../src/core/idle.ts'
import { readWebhookTarget } from '../../../src/surfaces/zwibbler/webhook-request.ts'
import { makeWebhook, retryDelayMs } from '../../../src/surfaces/zwibbler/webhook.ts'
import type { Webhook, WebhookOptions } from '../../../src/surfaces/zwibbler/webhook.ts'
import { makeLog } from '../../auth/support.ts'
import { until } from '../../support/wait.ts'
import { makeReceiver } from './receiver.ts'
import type { Receiver } from './receiver.ts'

interface FakeEvents extends IdleEventStore {
  due: IdleEvent[]
  finished: string[]
  retried: [id: string, delayMs: number][]
  asked: number
  error?: Error
}

function makeEvents(...due: IdleEvent[]): FakeEvents {
  const self: FakeEvents = {
    due,
    finished: [],
    retried: [],
    asked: 0,
    claim: (most) => {
      self.asked++
      return self.error ? Promise.reject(self.error) : Promise.resolve(self.due.splice(0, most))
    },
    finish: ({ id }) => {
      self.finished.push(id)
      return Promise.resolve()
    },
    retry: ({ id }, delayMs) => {
      self.retried.push([id, delayMs])
      return Promise.resolve()
    },
  }
  return self
}

const event = (rest: Partial<IdleEvent> = {}): IdleEvent => ({
  id: 'e1',
  documentId: 'zwibbler/whk',
  attempt: 1,
  isOpen: false,
  ...rest,
})

function start(
  store: IdleEventStore,
  url: string,
  options: Partial<WebhookOptions> = {},
): Webhook & { log: ReturnType<typeof makeLog> } {
  const log = makeLog()
  const credentials = { user: 'u', password: ':' }
  const webhook = makeWebhook({ store, url, credentials, log, pollMs: 5, closeMs: 20, ...options })
  started.push(webhook)
  return { ...webhook, log }
}

const started: Webhook[] = []
afterEach(async () => {
  await Promise.all(started.splice(0).map((webhook) => webhook.close()))
})

describe('[zwibbler 14] the webhook', () => {
  test('[zwibbler 20] POST /hook: documentID=whk&event=idle-session', async () => {
    await using receiver = await makeReceiver()
    const events = makeEvents(event())
    start(events, receiver.url, { credentials: { user: 'u', password: ':' } })
    await until('finished', () => events.finished.length)
    expect(receiver.received).toHaveLength(1)
    expect(receiver.received[0]).toMatchObject({
      method: 'POST',
      path: '/hook',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: 'Basic dTo6',
        'idempotency-key': 'e1',
        'x-lengthwise-event-id': 'e1',
      },
      body: 'documentID=whk&event=idle-session',
    })
  })

  test('encodes ids as the reference does', async () => {
    await using receiver = await makeReceiver()
    const events = makeEvents(event({ documentId: "zwibbler/a b&c=d+é~!'()*-_./" }))
    start(events, receiver.url)
    await until('received', () => receiver.received.length)
    expect(receiver.received[0]?.body).toBe(
      'documentID=a+b%26c%3Dd%2B%C3%A9~%21%27%28%29%2A-_.%2F&event=idle-session',
    )
  })

  test('sends no credentials when the user is empty', async () => {
    await using receiver = await makeReceiver()
    const events = makeEvents(event())
    start(events, receiver.url, { credentials: { user: '', password: 'p' } })
    await until('received', () => receiver.received.length)
    expect(receiver.received[0]?.headers.authorization).toBeUndefined()
  })

  test('is not told of a document that somebody has open again', async () => {
    await using receiver = await makeReceiver()
    const events = makeEvents(event({ isOpen: true }), event({ id: 'e2' }))
    start(events, receiver.url)
    await until('finished', () => events.finished.length === 2)
    expect(receiver.received.map(({ headers }) => headers['idempotency-key'])).toEqual(['e2'])
  })

  test('sends everything that is due, a few at a time', async () => {
    await using receiver = await makeReceiver()
    let open = 0
    let most = 0
    receiver.answer = (response) => {
      most = Math.max(most, ++open)
      setTimeout(() => {
        open--
        response.writeHead(204).end()
      }, 5)
    }
    const many = Array.from({ length: 30 }, (_, n) => event({ id: `e${n}` }))
    const events = makeEvents(...many)
    start(events, receiver.url, { pollMs: 1_000_000 })
    await until('finished', () => events.finished.length === 30)
    expect(most).toBeLessThanOrEqual(8)
  })
})

describe('[zwibbler 18.20] a webhook that fails', () => {
  const failures: [string, (receiver: Receiver) => string][] = [
    ['an error', (receiver) => ((receiver.answer = 500), receiver.url)],
    ['no answer', (receiver) => ((receiver.answer = 'hang'), receiver.url)],
    ['nobody listening', () => 'http://127.0.0.1:9/'],
    ['a name that means nothing', () => 'http://nowhere.invalid/'],
    ['a port that may not be used', () => 'http://127.0.0.1:6000/'],
  ]
  test.each(failures)('%s: the event is sent again later', async (_, prepare) => {
    await using receiver = await makeReceiver()
    const events = makeEvents(event())
    const running = start(events, prepare(receiver), { timeoutMs: 50 })
    await until('to be sent again', () => events.retried.length)
    expect(events.retried).toEqual([['e1', 30_000]])
    expect(events.finished).toEqual([])
    expect(running.log.lines.every(({ level }) => level === 'debug')).toBe(true)
  })

  test('redirects are not followed: they would carry the credentials elsewhere', async () => {
    await using receiver = await makeReceiver()
    await using other = await makeReceiver()
    receiver.answer = (response) => response.writeHead(307, { location: other.url }).end()
    const events = makeEvents(event())
    start(events, receiver.url)
    await until('to be sent again', () => events.retried.length)
    expect(other.received).toEqual([])
  })

  test('waits twice as long each time, at most an hour, for some hours together', () => {
    const delays = Array.from({ length: 9 }, (_, index) => retryDelayMs(index + 1))
    const seconds = delays.map((delay) => delay / 1_000)
    expect(seconds).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600, 3600])
  })

  test('is given up after the tenth try with one line', async () => {
    await using receiver = await makeReceiver()
    receiver.answer = 500
    const events = makeEvents(event({ attempt: 9 }), event({ id: 'e2', attempt: 10 }))
    const running = start(events, receiver.url)
    await until('given up', () => events.finished.length)
    expect(events).toMatchObject({ finished: ['e2'], retried: [['e1', retryDelayMs(9)]] })
    const loud = running.log.lines.filter(({ level }) => level !== 'debug')
    expect(loud).toMatchObject([
      { level: 'error', fields: { event: 'e2', problem: 'answered with 500' } },
    ])
  })

  test('is given up without an eleventh try when the tenth was never written down', async () => {
    await using receiver = await makeReceiver()
    const events = makeEvents(event({ attempt: 11 }))
    start(events, receiver.url)
    await until('given up', () => events.finished.length)
    expect(receiver.received).toEqual([])
  })

  test.each(['nonsense', '', 'ftp://x/', 'javascript:alert(1)', '/hook'])(
    'with the setting %j is a mistake at the start',
    (url) => {
      expect(() => start(makeEvents(), url)).toThrow('the webhook is not')
    },
  )
})

test('a name in the URL counts where the management pair has none, and never stays in the URL', () => {
  const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`
  const url = 'https://a%40b:p%3A@host/hook?x=1'
  expect(readWebhookTarget(url)).toEqual({
    url: 'https://host/hook?x=1',
    authorization: basic('a@b:p:'),
  })
  expect(readWebhookTarget(url, { user: 'u', password: 'p' }).authorization).toBe(basic('u:p'))
  expect(readWebhookTarget('http://%zz@host/').authorization).toBe(basic('%zz:'))
})

test('a store that is away is told once, and the webhook goes on when it is back', async () => {
  await using receiver = await makeReceiver()
  const events = makeEvents(event())
  events.error = new Error('away')
  const running = start(events, receiver.url)
  await until('told', () => running.log.lines.length)
  const { asked } = events
  await until('it has asked again and again', () => events.asked > asked + 3)
  expect(running.log.lines).toHaveLength(1)
  delete events.error
  await until('finished', () => events.finished.length)
})

test('closing ends a request that takes too long, and its event is tried again by somebody', async () => {
  await using receiver = await makeReceiver()
  receiver.answer = 'hang'
  const events = makeEvents(event())
  const running = start(events, receiver.url)
  await until('received', () => receiver.received.length)
  await running.close()
  expect(events.retried).toHaveLength(1)
})
