import { expect, test } from 'vitest'
import { concat } from '../../src/client/bytes.ts'
import { writeAppend, writeKeys } from '../../src/client/codec.ts'
import { makeAssembler, splitFrames } from '../../src/client/fragments.ts'
import type { Arrival } from '../../src/client/fragments.ts'
import { makeRandom } from '../support/random.ts'
import { decode, encode, hex } from './support.ts'

const assembleAll = (frames: readonly Uint8Array[]): Arrival[] => {
  const assemble = makeAssembler()
  return frames.map(assemble).filter((message) => message !== undefined)
}
/** The appended bytes, with a check that the parts follow one another. */
function joined(arrivals: readonly Arrival[]): { offset: number; text: string } {
  const parts = arrivals.map((arrival) => {
    if (arrival.type !== 'append') throw new Error(`${arrival.type} where an append should be`)
    return arrival
  })
  const offset = parts[0]!.offset
  let next = offset
  for (const part of parts) {
    expect(part.offset).toBe(next)
    next += part.data.length
  }
  expect(parts.map((part) => part.last)).toEqual(parts.map((_, i) => i === parts.length - 1))
  return { offset, text: decode(concat(parts.map((part) => part.data))) }
}

test('[zwibbler 20] an 11-byte append at size 20 is cut where the recorded one is', () => {
  const message = concat([hex('02 00 00 00 00 00 00 00 00 3a'), encode('0123456789Z')])
  expect(splitFrames(message, 20)).toEqual([
    hex('02 01 00 00 00 00 00 00 00 3a 30 31 32 33 34 35 36 37 38 39'),
    hex('ff 00 5a'),
  ])
})

test('[zwibbler 3] there is never an empty closing frame', () => {
  const message = writeAppend({
    type: 'append',
    generation: 0,
    offset: 0,
    data: encode('x'.repeat(86)),
  })
  expect(splitFrames(message, 100)).toEqual([message])
  const cut = splitFrames(message, 51)
  expect(cut.map((frame) => frame.length)).toEqual([51, 51])
})

test('[zwibbler 20] the recorded 20-byte frames of a V2 append are put together', () => {
  const arrivals = assembleAll([
    hex('02 01 00 00 00 00 00 00 00 0c 30 31 32 33 34 35 36 37 38 39'),
    hex('ff 01 61 62 63 64 65 66 67 68 69 6a 6b 6c 6d 6e 6f 70 71 72'),
    hex('ff 00 73 74 75 76 77 78 79 7a'),
  ])
  expect(joined(arrivals)).toEqual({ offset: 12, text: '0123456789abcdefghijklmnopqrstuvwxyz' })
})

test('[zwibbler 20] an append with an empty middle part is put together', () => {
  const first = hex('05 01 00 00 00 00 00 00 00 00 00 00 00 08 41 42')
  expect(joined(assembleAll([first, hex('ff 01'), hex('ff 00 43 44')]))).toEqual({
    offset: 8,
    text: 'ABCD',
  })
})

test('[zwibbler 3] a continuation of nothing is an unknown message', () => {
  expect(assembleAll([hex('ff 00 01 02')])).toEqual([{ type: 'unknown', last: true }])
})

test('[zwibbler 3] a message inside another one, and a frame without a header, break the protocol', () => {
  const assemble = makeAssembler()
  assemble(hex('04 01 00 00'))
  expect(() => assemble(hex('04 00 00 00 00 00'))).toThrow(RangeError)
  expect(() => makeAssembler()(hex('05'))).toThrow(RangeError)
})

test('[zwibbler 3] any message cut at any size arrives whole', () => {
  const random = makeRandom(7)
  for (let round = 0; round < 300; round++) {
    const text = 'abcdefghij'.repeat(random.between(0, 40))
    const size = random.between(3, 120)
    const append = { type: 'append', generation: 3, offset: 1_000, data: encode(text) } as const
    expect(joined(assembleAll(splitFrames(writeAppend(append), size)))).toEqual({
      offset: 1_000,
      text,
    })
    const entries = [{ version: round, name: 'n'.repeat(size), value: encode(text) }]
    const keys = splitFrames(writeKeys({ type: 'keys', entries }), size)
    expect(assembleAll(keys)).toEqual([{ type: 'keys', entries, last: true }])
  }
})
