import { expect, test } from 'vitest'
import { Wheel, type Spoke } from '../../src/socket/wheel.ts'
import { seededRandom } from '../support/random.ts'

const makeSocket = (): Spoke => ({ slot: 0, place: 0 })

test('every socket comes up exactly once in each turn while others come and go', () => {
  const random = seededRandom('wheel')
  const wheel = new Wheel<Spoke>(7)
  const steady = Array.from({ length: 50 }, makeSocket)
  const passing: Spoke[] = []
  for (const socket of steady) {
    wheel.add(socket)
    if (random.chance(0.3)) wheel.turn()
  }
  for (let turn = 0; turn < 20; turn += 1) {
    const visits = new Map<Spoke, number>()
    for (let tick = 0; tick < 7; tick += 1) {
      for (const socket of wheel.turn()) visits.set(socket, (visits.get(socket) ?? 0) + 1)
      for (let change = random.between(0, 10); change > 0; change -= 1) {
        if (passing.length > 0 && random.chance(0.5)) {
          wheel.remove(passing.splice(random.between(0, passing.length), 1)[0]!)
        } else {
          const socket = makeSocket()
          passing.push(socket)
          wheel.add(socket)
        }
      }
    }
    expect(steady.map((socket) => visits.get(socket))).toEqual(steady.map(() => 1))
  }
  expect(wheel.count).toBe(steady.length + passing.length)
  expect(new Set(wheel.all())).toEqual(new Set([...steady, ...passing]))
})

test('a socket that is removed twice, or was never there, takes no other with it', () => {
  const wheel = new Wheel<Spoke>(1)
  const [one, two] = [makeSocket(), makeSocket()]
  wheel.add(one)
  wheel.add(two)
  wheel.remove(one)
  wheel.remove(one)
  wheel.remove(makeSocket())
  expect(wheel.all()).toEqual([two])
  expect(wheel.count).toBe(1)
})
