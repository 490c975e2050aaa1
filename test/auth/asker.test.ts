import { expect, test } from 'vitest'
import { makeAsker } from '../../src/auth/asker.ts'
import type { HookAnswer } from '../../src/auth/hook.ts'
import { readAndWrite } from '../../src/auth/permission.ts'

const granted: HookAnswer = { kind: 'granted', permission: readAndWrite }
const denied: HookAnswer = { kind: 'denied', reason: 'forbidden' }
const away: HookAnswer = { kind: 'unavailable', error: new Error('away') }

/** Calls that wait until the test answers them. */
function makeHook(options: Partial<Parameters<typeof makeAsker>[0]> = {}) {
  const clock = { now: 0 }
  const open: { question: string; settle: (answer: HookAnswer) => void }[] = []
  const asker = makeAsker({
    ask: (question) => new Promise((settle) => open.push({ question, settle })),
    cacheMs: 5_000,
    patienceMs: 2_000,
    now: () => clock.now,
    ...options,
  })
  const answer = async (given: HookAnswer): Promise<void> => {
    open.shift()?.settle(given)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { ...asker, clock, open, answer }
}

test('an answer is kept for its time, a refusal too', async () => {
  for (const kept of [granted, denied]) {
    const { ask, open, answer, clock } = makeHook()
    const first = ask('a')
    await answer(kept)
    expect(await first).toBe(kept)
    clock.now = 4_999
    expect(await ask('a')).toBe(kept)
    clock.now = 5_000
    void ask('a')
    expect(open).toHaveLength(1)
  }
})

test('an answer is kept no longer than it says', async () => {
  const { ask, open, answer, clock } = makeHook()
  void ask('a')
  await answer({ ...granted, expiresAt: 1_000 })
  clock.now = 1_000
  void ask('a')
  expect(open).toHaveLength(1)
})

test('no answer is not kept', async () => {
  const { ask, open, answer } = makeHook()
  void ask('a')
  await answer(away)
  void ask('a')
  expect(open).toHaveLength(1)
})

test('no answer does not take away the one that is kept', async () => {
  const { ask, askAnew, answer } = makeHook()
  void ask('a')
  await answer(granted)
  void askAnew('a')
  await answer(away)
  expect(await ask('a')).toBe(granted)
})

test('asking anew passes by what is kept, but not by what is being asked', async () => {
  const { ask, askAnew, open, answer } = makeHook()
  void ask('a')
  await answer(granted)
  const [one, two] = [askAnew('a'), askAnew('a')]
  expect(open).toHaveLength(1)
  await answer(denied)
  expect(await Promise.all([one, two])).toEqual([denied, denied])
  expect(await ask('a')).toBe(denied)
})

test('so many at a time, so many wait, and the rest is turned away', async () => {
  const { ask, open, answer } = makeHook({ most: 2, mostWaiting: 1 })
  const answers = ['a', 'b', 'c', 'd'].map((question) => ask(question))
  expect(open.map(({ question }) => question)).toEqual(['a', 'b'])
  expect((await answers[3])?.kind).toBe('unavailable')
  await answer(granted)
  expect(open.map(({ question }) => question)).toEqual(['b', 'c'])
  await answer(granted)
  await answer(granted)
  expect(await answers[2]).toBe(granted)
  void ask('e')
  void ask('f')
  void ask('g')
  expect(open.map(({ question }) => question)).toEqual(['e', 'f'])
})

test('who has waited too long is not asked about any more, and makes room', async () => {
  const { ask, open, answer, clock } = makeHook({ most: 1 })
  const [, late] = [ask('a'), ask('b')]
  clock.now = 1_000
  const next = ask('c')
  clock.now = 2_000
  await answer(granted)
  expect((await late).kind).toBe('unavailable')
  expect(open.map(({ question }) => question)).toEqual(['c'])
  await answer(granted)
  expect(await next).toBe(granted)
})

test('only so many answers are kept, the latest ones', async () => {
  const { ask, askAnew, open, answer } = makeHook({ mostKept: 2 })
  for (const question of ['a', 'b', 'a', 'c']) {
    void askAnew(question)
    await answer(granted)
  }
  void ask('a')
  void ask('c')
  expect(open).toHaveLength(0)
  void ask('b')
  expect(open).toHaveLength(1)
})
