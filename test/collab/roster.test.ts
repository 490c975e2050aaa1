import { expect, test } from 'vitest'
import { makeRoster, processOf } from '../../src/collab/roster.ts'
import type { Epoch } from '../../src/core/ports.ts'
import { makePresence } from './support/presence.ts'
import { pass, stopTime } from './support/time.ts'

async function makeBench() {
  stopTime()
  const presence = makePresence()
  /** What this node's hub has open, and how many sessions. */
  const here = new Map<Epoch, number>()
  const errors: string[] = []
  let incarnations = 0
  const roster = makeRoster({
    presence,
    leaseMs: 10_000,
    newNode: () => `n${(incarnations += 1)}`,
    open: () => new Map(here),
    isOpen: (epoch) => here.has(epoch),
    onError: (what) => void errors.push(what),
  })
  await roster.start()
  presence.calls.length = 0
  return {
    roster,
    presence,
    here,
    errors,
    /** What the hub does. */
    enter: (epoch: Epoch): Promise<boolean> => {
      here.set(epoch, 1)
      return roster.enter(epoch)
    },
    leave: (epoch: Epoch): void => {
      here.delete(epoch)
      roster.leave(epoch)
    },
    open: () => [...(presence.open.get(roster.node) ?? [])].sort((a, b) => a - b),
  }
}

test('[I7] a storm of joins is one statement', async () => {
  const { enter, presence, open } = await makeBench()
  const all = Promise.all([1, 2, 3].map(enter))
  await pass()
  expect(await all).toEqual([true, true, true])
  expect(presence.calls).toEqual(['enter n1 1,2,3'])
  expect(open()).toEqual([1, 2, 3])
})

test('a document that is gone cannot be entered', async () => {
  const { enter, presence } = await makeBench()
  presence.missing.add(7)
  expect(await enter(7)).toBe(false)
})

test('[I8] enter and leave in any order end as the node is', async () => {
  const { enter, leave, open } = await makeBench()
  await enter(1)
  leave(1)
  const again = enter(1)
  void enter(2)
  leave(2)
  await pass()
  expect(await again).toBe(true)
  expect(open()).toEqual([1])
})

test('a locked document is asked for again until it is free', async () => {
  const { enter, presence, open } = await makeBench()
  presence.locked.add(1)
  const entering = enter(1)
  await pass(200)
  presence.locked.clear()
  await pass(100)
  expect(await entering).toBe(true)
  expect(open()).toEqual([1])
})

test('[I10] a document that stays locked fails only who wants it', async () => {
  const { enter, presence } = await makeBench()
  presence.locked.add(1)
  const stuck = expect(enter(1)).rejects.toMatchObject({ code: 'retry' })
  expect(await enter(2)).toBe(true)
  await pass(6_000)
  await stuck
})

test('what Postgres answers to a statement is told to everybody it was for', async () => {
  const { enter, presence } = await makeBench()
  presence.failNext('enter', 'away')
  const both = [enter(1), enter(2)].map((each) =>
    expect(each).rejects.toMatchObject({ code: 'away' }),
  )
  await pass()
  await Promise.all(both)
})

test('a leave that failed is made good', async () => {
  const { enter, leave, presence, open, errors } = await makeBench()
  await enter(1)
  presence.failNext('leave', 'lost')
  leave(1)
  await pass()
  expect(open()).toEqual([1])
  await pass(1_500)
  expect(open()).toEqual([])
  expect(errors).toEqual(['leaving documents'])
})

test('[I8] a leave that failed is not made good once the document is open again', async () => {
  const { enter, leave, presence, open } = await makeBench()
  await enter(1)
  presence.failNext('leave', 'lost')
  leave(1)
  await pass()
  expect(await enter(1)).toBe(true)
  await pass(5_000)
  expect(open()).toEqual([1])
})

test('[I8] an enter that waits for a lock is not made once nobody wants the document any more', async () => {
  const { enter, leave, presence, open } = await makeBench()
  presence.locked.add(1)
  const entering = enter(1).catch(() => false)
  await pass()
  leave(1)
  await pass()
  presence.locked.clear()
  await pass(1_000)
  expect(open()).toEqual([])
  await entering
})

test('[I8] a node that was taken for dead takes a new incarnation and enters its documents again', async () => {
  const { roster, enter, presence, open } = await makeBench()
  await Promise.all([enter(1), enter(2)])
  presence.remove('n1')
  await roster.renew()
  expect(roster.node).toBe('n2')
  expect(open()).toEqual([1, 2])
})

test('[I8] whoever joins while the node is taken for dead is let in by the new incarnation', async () => {
  const { roster, enter, presence } = await makeBench()
  presence.remove('n1')
  await expect(enter(1)).rejects.toMatchObject({ code: 'retry' })
  expect(roster.node).toBe('n2')
  expect(await enter(1)).toBe(true)
})

test('[I8] nobody judges others before its own renewals have worked for a while', async () => {
  const { roster, presence } = await makeBench()
  const began = roster.renewedSince
  await pass(5_000)
  await roster.renew()
  expect(roster.renewedSince).toBe(began)
  presence.failNext('renew', 'away')
  await roster.renew()
  expect(roster.renewedSince).toBe(Infinity)
  await pass(5_000)
  await roster.renew()
  expect(roster.renewedSince).toBe(performance.now())
})

test('session counts are written when they have changed', async () => {
  const { roster, enter, here, presence } = await makeBench()
  await enter(1)
  here.set(1, 5)
  await roster.renew()
  await roster.renew()
  here.set(1, 6)
  await roster.renew()
  expect(presence.calls.filter((call) => call.startsWith('count'))).toEqual([
    'count n1 1=5',
    'count n1 1=6',
  ])
})

test('a count that failed is written the next time', async () => {
  const { roster, enter, here, presence } = await makeBench()
  await enter(1)
  here.set(1, 5)
  presence.failNext('count', 'away')
  await roster.renew()
  await roster.renew()
  expect(presence.calls.filter((call) => call === 'count n1 1=5')).toHaveLength(2)
})

test('at the end what is under way is finished, and the node is gone', async () => {
  const { roster, enter, leave, presence } = await makeBench()
  await enter(1)
  leave(1)
  await roster.stop()
  expect(presence.calls.slice(-2)).toEqual(['leave n1 1', 'unregister n1'])
})

test('[I8] a node is known by its process, whose name has dots of its own', () => {
  expect(processOf('host.example.org.0116002a.d03d0d1c')).toBe('host.example.org.0116002a')
})
