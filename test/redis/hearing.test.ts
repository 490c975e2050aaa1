import { expect, test } from 'vitest'
import { DEAF_MS, makeHearing, SILENT_MS } from '../../src/redis/hearing.ts'
import type { Hearing } from '../../src/redis/hearing.ts'

interface TestLink {
  readonly hearing: Hearing
  /** When a connection was given up. */
  readonly dropped: number[]
  /** Seconds pass in which the server takes each probe. */
  readonly pass: (seconds: number, isHeard: boolean) => void
  readonly hear: () => boolean
  readonly jump: (ms: number) => boolean
}

/** A link whose probes go out every second; some arrive. */
function makeLink(): TestLink {
  const hearing = makeHearing()
  let now = 0
  let probe = 0
  const dropped: number[] = []
  hearing.resubscribed()
  return {
    hearing,
    dropped,
    pass: (seconds, isHeard) => {
      for (let second = 0; second < seconds; second += 1) {
        now += 1_000
        probe += 1
        hearing.taken(probe, now)
        if (isHeard) hearing.heard(probe, now)
        if (!hearing.check(now)) continue
        dropped.push(now)
        hearing.resubscribed()
      }
    },
    hear: () => hearing.heard((probe += 1), (now += 1)),
    jump: (ms) => hearing.check((now += ms)),
  }
}

test('[I9] it is down until it hears, then up, and stays so', () => {
  const { hearing, pass, dropped } = makeLink()
  expect(hearing.status).toBe('down')
  pass(100, true)
  expect([hearing.status, dropped]).toEqual(['up', []])
})

test('[I9] five seconds of silence are deafness, and the connection is given up', () => {
  const { hearing, pass, dropped } = makeLink()
  pass(10, true)
  pass(SILENT_MS / 1_000, false)
  expect(hearing.status).toBe('up')
  pass(1, false)
  expect([hearing.status, dropped]).toEqual(['deaf', [16_000]])
})

test('[I9] after 15 s of deafness it is Redis-less, until it hears again', () => {
  const { hearing, pass, hear } = makeLink()
  pass(1, true)
  const before: Hearing['status'][] = []
  for (let second = 0; second < 60; second += 1) {
    pass(1, false)
    before.push(hearing.status)
  }
  expect(before.filter((status) => status === 'deaf')).toHaveLength(DEAF_MS / 1_000)
  expect(before.at(-1)).toBe('down')
  hear()
  expect(hearing.status).toBe('up')
})

test('[I9] each connection that is deaf again is given twice as long', () => {
  const { pass, dropped } = makeLink()
  pass(200, false)
  const pauses = dropped.map((at, i) => (at - (dropped[i - 1] ?? 0)) / 1_000)
  expect(pauses).toEqual([6, 11, 21, 41, 81])
})

test('[I9] a probe that is lost means that other messages may be, too', () => {
  const { hearing, pass, hear } = makeLink()
  expect(hear()).toBe(false)
  pass(5, true)
  expect(hear()).toBe(false)
  pass(1, false)
  expect(hear()).toBe(true)
  expect(hear()).toBe(false)
  pass(2, false)
  hearing.resubscribed() // which tells of a gap itself
  expect(hear()).toBe(false)
})

test('[I9] a stopped process does not take itself for deaf', () => {
  const { hearing, pass, jump, dropped } = makeLink()
  pass(5, true)
  pass(1, false) // the last probe before the stop: taken, its echo still in the socket
  expect(jump(60_000)).toBe(false)
  pass(10, true)
  expect([hearing.status, dropped]).toEqual(['up', []])
})

test('[I9] an echo that overtakes its own answer counts', () => {
  const hearing = makeHearing()
  hearing.resubscribed()
  for (let probe = 1; probe < 100; probe += 1) {
    hearing.heard(probe, probe * 1_000)
    hearing.taken(probe, probe * 1_000 + 1)
    expect(hearing.check(probe * 1_000 + 999)).toBe(false)
  }
  expect(hearing.status).toBe('up')
  // The last echo came before its answer; the silence after it begins with the next probe.
  for (let probe = 100; probe < 104; probe += 1) hearing.taken(probe, probe * 1_000)
  expect(hearing.check(104_900)).toBe(false)
  expect(hearing.check(105_000)).toBe(true)
})

test('[I5] a server out of reach is down at once, and deaf only after having been up', () => {
  const { hearing, pass } = makeLink()
  pass(5, true)
  hearing.unreachable()
  expect(hearing.status).toBe('down')
  pass(10, false)
  expect(hearing.status).toBe('down')
  pass(1, true)
  expect(hearing.status).toBe('up')
})
