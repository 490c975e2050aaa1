import { afterEach, expect, test, vi } from 'vitest'
import { makePoll } from '../../src/auth/poll.ts'
import { until } from '../support/wait.ts'

/** Work that ends when it is told to. */
function makeWork(): { work: () => Promise<void>; runs: number; end(error?: Error): void } {
  const open: ((error?: Error) => void)[] = []
  const self = {
    runs: 0,
    work: () => {
      self.runs++
      return new Promise<void>((resolve, reject) => {
        open.push((error) => (error ? reject(error) : resolve()))
      })
    },
    end: (error?: Error) => open.shift()?.(error),
  }
  return self
}

const quiet = { onFailure: () => undefined, onRecovery: () => undefined }

test('asking while work is under way waits for the run after it, which all who ask meanwhile share', async () => {
  const work = makeWork()
  const poll = makePoll({ ...quiet, everyMs: 1_000_000, work: work.work })
  const both = Promise.all([poll.now(), poll.now()])
  expect(work.runs).toBe(1)
  work.end()
  await until('the second run', () => work.runs === 2)
  work.end()
  await both
  expect(work.runs).toBe(2)
  await poll.close()
})

test('a failure is told once until the work succeeds again, and does not stop it', async () => {
  const told: string[] = []
  let isFailing = true
  const poll = makePoll({
    everyMs: 1,
    work: () => (isFailing ? Promise.reject(new Error('away')) : Promise.resolve()),
    onFailure: (error) => told.push(String(error)),
    onRecovery: () => told.push('back'),
  })
  await expect(poll.now()).rejects.toThrow('away')
  await poll.now().catch(() => undefined)
  isFailing = false
  await until('recovery', () => told.includes('back'))
  await poll.now()
  expect(told).toEqual(['Error: away', 'back'])
  await poll.close()
})

afterEach(() => {
  vi.useRealTimers()
})

test('close waits for the work under way and nothing runs after it', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const work = makeWork()
  const poll = makePoll({ ...quiet, everyMs: 0, work: work.work })
  const asked = poll.now()
  let isClosed = false
  const closed = poll.close().then(() => (isClosed = true))
  await new Promise((resolve) => setImmediate(resolve))
  expect(isClosed).toBe(false)
  work.end()
  await closed
  await asked
  await poll.now()
  expect(work.runs).toBe(1)
  expect(vi.getTimerCount(), 'nothing that keeps the process alive').toBe(0)
})
