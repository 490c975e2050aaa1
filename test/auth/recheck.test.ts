import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Change } from '../../src/auth/gate.ts'
import type { HookAnswer } from '../../src/auth/hook.ts'
import { parsePermission, readAndWrite } from '../../src/auth/permission.ts'
import { makeRecheck } from '../../src/auth/recheck.ts'
import type { Told } from '../../src/auth/recheck.ts'

const readOnly = parsePermission('r')
const granted: HookAnswer = { kind: 'granted', user: 'ann', permission: readAndWrite }
const at: Told = { user: 'ann', permission: readAndWrite, expiresAt: undefined }
const away: HookAnswer = { kind: 'unavailable', error: new Error('away') }

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }))
afterEach(() => void vi.useRealTimers())

const wait = (seconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(seconds * 1_000)

function makeHook(first: HookAnswer = granted) {
  const asked: string[] = []
  const recheck = makeRecheck({
    ask(question) {
      asked.push(question)
      return Promise.resolve(hook.answer)
    },
    everyMs: 30_000,
    graceMs: 300_000,
    now: Date.now,
  })
  const hook = { answer: first, asked, enter, recheck }
  function enter(question = 'a', more: Partial<Told> = {}) {
    const told: Change[] = []
    return { told, end: recheck(question, { ...at, ...more }, (change) => told.push(change)) }
  }
  return hook
}

test('equal questions are asked once in each interval, others for themselves', async () => {
  const hook = makeHook()
  for (let count = 0; count < 100; count++) hook.enter()
  hook.enter('b')
  await wait(23.9)
  expect(hook.asked).toEqual([])
  await wait(12.2)
  expect(hook.asked.toSorted()).toEqual(['a', 'b'])
  await wait(600)
  expect(hook.asked.length).toBeGreaterThan(2 * 15)
  expect(hook.asked.length).toBeLessThan(2 * 28)
})

test('newcomers do not put off the next question', async () => {
  const hook = makeHook()
  for (let second = 0; second < 60; second++) {
    hook.enter()
    await wait(1)
  }
  expect(hook.asked.length).toBeGreaterThan(0)
})

test('each connection hears of what is new to it', async () => {
  const hook = makeHook({ ...granted, permission: readOnly })
  const writer = hook.enter()
  const reader = hook.enter('a', { permission: readOnly })
  await wait(37)
  expect([writer.told, reader.told]).toEqual([[readOnly], []])
  hook.answer = granted
  await wait(37)
  expect([writer.told, reader.told]).toEqual([[readOnly, readAndWrite], [readAndWrite]])
})

test.each<[string, HookAnswer, Change]>([
  ['401', { kind: 'denied', reason: 'unauthenticated' }, 'revoked'],
  ['403', { kind: 'denied', reason: 'forbidden' }, 'forbidden'],
  ['another user', { ...granted, user: 'bob' }, 'revoked'],
])('%s ends it', async (_, answer, change) => {
  const hook = makeHook(answer)
  const { told } = hook.enter()
  await wait(37)
  expect(told).toEqual([change])
  expect(vi.getTimerCount()).toBe(0)
  hook.answer = { ...granted, permission: readOnly }
  const next = hook.enter()
  await wait(37)
  expect([told, next.told]).toEqual([[change], [readOnly]])
})

test('without an answer connections stay, for a while', async () => {
  const hook = makeHook()
  const { told } = hook.enter()
  await wait(60)
  hook.answer = away
  await wait(240)
  expect(told).toEqual([])
  hook.answer = granted
  await wait(60)
  hook.answer = away
  await wait(240)
  expect(told).toEqual([])
  await wait(140)
  expect(told).toEqual(['unavailable'])
  expect(vi.getTimerCount()).toBe(0)
})

test('an answer that says how long it is good is asked for again then, and not used after', async () => {
  const hook = makeHook({ ...granted, expiresAt: Date.now() + 20_000 })
  const { told } = hook.enter('a', { expiresAt: Date.now() + 10_000 })
  await wait(9.9)
  expect(hook.asked).toEqual([])
  await wait(0.2)
  expect(hook.asked).toHaveLength(1)
  hook.answer = away
  await wait(9.8)
  expect(told).toEqual([])
  await wait(0.5)
  expect(told).toEqual(['unavailable'])
})

test('a newcomer whose answer holds for a shorter time brings the next question forward', async () => {
  const hook = makeHook()
  hook.enter()
  hook.enter('a', { expiresAt: Date.now() + 5_000 })
  await wait(5.1)
  expect(hook.asked).toHaveLength(1)
})

test('nothing is asked when everybody has left', async () => {
  const hook = makeHook()
  const [one, two] = [hook.enter(), hook.enter()]
  one.end()
  one.end()
  await wait(37)
  expect(hook.asked).toHaveLength(1)
  two.end()
  expect(vi.getTimerCount()).toBe(0)
  const three = hook.enter()
  two.end()
  await wait(37)
  expect(hook.asked).toHaveLength(2)
  await wait(150)
  expect(hook.asked.length).toBeGreaterThan(4)
  three.end()
  expect([one.told, two.told, three.told]).toEqual([[], [], []])
})

test.each<[string, HookAnswer]>([
  ['refusal', { kind: 'denied', reason: 'forbidden' }],
  ['change', { ...granted, permission: readOnly }],
])('who leaves because another one is told of a %s hears nothing', async (_, answer) => {
  const hook = makeHook(answer)
  const ends: (() => void)[] = []
  const told: number[] = []
  for (const index of [0, 1]) {
    const listener = (): void => {
      told.push(index)
      for (const end of ends) end()
    }
    ends.push(hook.recheck('a', at, listener))
  }
  await wait(37)
  expect(told).toEqual([0])
  expect(vi.getTimerCount()).toBe(0)
})

test('who leaves or comes while a question is asked is treated as such', async () => {
  const answers: ((answer: HookAnswer) => void)[] = []
  const recheck = makeRecheck({
    ask: () => new Promise((resolve) => answers.push(resolve)),
    everyMs: 30_000,
    graceMs: 300_000,
    now: Date.now,
  })
  const told: Change[] = []
  const end = recheck('a', at, (change) => told.push(change))
  await wait(37)
  end()
  const endNext = recheck('a', at, (change) => told.push(change))
  answers[0]?.({ kind: 'denied', reason: 'forbidden' })
  await wait(1)
  expect(told).toEqual([])
  endNext()
  expect(vi.getTimerCount()).toBe(0)
})
