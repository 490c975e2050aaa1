/** WebSockets that do not behave as those of browsers. */
import { expect, test } from 'vitest'
import { connect } from '../../src/client/index.ts'
import type { Status } from '../../src/client/index.ts'
import { until } from '../support/wait.ts'

test('an error that no close event follows, as with Node 22 when it cannot connect, means come back', async () => {
  let tries = 0
  class NeverOpen {
    binaryType = ''
    readonly bufferedAmount = 0
    onopen = null
    onmessage = null
    onclose = null
    onerror: (() => void) | null = null
    constructor() {
      tries += 1
      setTimeout(() => this.onerror?.())
    }
    send(): void {
      throw new Error('it is not open')
    }
    close(): void {
      // As Node 22 does: it was not open yet.
      this.onerror?.()
    }
  }
  const seen: Status[] = []
  const connection = connect({
    url: 'ws://127.0.0.1/socket',
    document: 'doc',
    WebSocket: NeverOpen,
    backoff: { minMs: 1, maxMs: 2 },
  })
  connection.on('status', (status) => seen.push(status))
  await until('it has tried again', () => tries >= 3, { withinMs: 10_000 })
  const waiting = seen.filter(({ state }) => state === 'waiting')
  expect(waiting[0]).toMatchObject({ error: { code: 'lost', message: 'the connection failed' } })
  // One try after the other: an error told twice ends one connection once.
  expect(waiting.length).toBeLessThanOrEqual(tries)
  connection.close()
})
