import { expect, test } from 'vitest'
import { Requests } from '../../../src/surfaces/yjs/requests.ts'
import { MalformedUpdate } from '../../../src/surfaces/yjs/update/malformed.ts'
import { bytes } from './update/support.ts'

function makeRequests(mostBytes = 1_000_000) {
  const asked: number[] = []
  const failed: unknown[] = []
  let tooMany = 0
  const requests = new Requests({
    mostBytes,
    answer(has) {
      asked.push(has.get(1) ?? 0)
      return has.get(1) === 99 ? Promise.reject(new Error('away')) : Promise.resolve()
    },
    onTooMany() {
      tooMany++
    },
    onFailed: (error) => void failed.push(error),
  })
  return { requests, asked, failed, tooMany: () => tooMany }
}

const stateOf = (clock: number): Uint8Array => Uint8Array.of(1, 1, clock)
const turn = () => new Promise(setImmediate)

test('[yjs 5.2] one is answered after the other, in their order', async () => {
  const { requests, asked } = makeRequests()
  const lent = stateOf(1)
  requests.hear(lent)
  requests.hear(stateOf(2))
  lent[2] = 7
  requests.hear(lent)
  await turn()
  expect(asked).toEqual([1])
  for (const sofar of [
    [1, 2],
    [1, 2, 7],
    [1, 2, 7],
  ]) {
    lent[2] = 50
    requests.answered()
    await turn()
    expect(asked).toEqual(sofar)
  }
  requests.hear(stateOf(3))
  expect(asked).toEqual([1, 2, 7, 3])
})

test('[yjs 13.6] so many may wait, and so many bytes', () => {
  const many = makeRequests()
  for (let at = 0; at <= 1_000; at++) many.requests.hear(stateOf(1))
  expect(many.tooMany()).toBe(0)
  many.requests.hear(stateOf(1))
  expect(many.tooMany()).toBe(1)
  const large = makeRequests(5)
  for (let at = 0; at < 3; at++) large.requests.hear(stateOf(1))
  expect(large.tooMany()).toBe(0)
  large.requests.hear(stateOf(1))
  expect(large.tooMany()).toBe(1)
})

test('one that makes no sense is refused at once, a failure is told, and nothing is answered after the end', async () => {
  const { requests, asked, failed } = makeRequests()
  expect(() => requests.hear(bytes('0201'))).toThrow(MalformedUpdate)
  requests.hear(stateOf(99))
  await turn()
  expect(failed).toHaveLength(1)
  requests.hear(stateOf(2))
  requests.stop()
  requests.answered()
  await turn()
  expect(asked).toEqual([99])
})
