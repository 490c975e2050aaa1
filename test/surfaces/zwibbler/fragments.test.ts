import { expect, test } from 'vitest'
import {
  DEFAULT_FRAME,
  frameSize,
  makeAssembler,
  makeMessageWriter,
  sendMessage,
} from '../../../src/surfaces/zwibbler/fragments.ts'
import { type Random, seededRandom } from '../../support/random.ts'
import { makeAssembler as makeClientAssembler } from '../../support/zwibblerFrames.ts'

const bytes = (...numbers: number[]): Uint8Array => Uint8Array.from(numbers)
const unlimited = (): number => Infinity

test('[zwibbler 5.2] the size that a client asks for; 0 is the default', () => {
  expect(frameSize(0)).toBe(102_400)
  expect(frameSize(0)).toBe(DEFAULT_FRAME)
  expect(frameSize(20)).toBe(20)
})

test('[zwibbler 18.16] frames that could carry nothing are never sent; nor huge ones', () => {
  expect([1, 2, 3].map(frameSize)).toEqual([3, 3, 3])
  expect(frameSize(2 ** 32 - 1)).toBe(1024 * 1024)
})

test('[zwibbler 3] a message in one frame', () => {
  const assembler = makeAssembler(unlimited)
  expect(assembler.push(bytes(4, 0, 1, 2))).toEqual({ type: 4, body: Buffer.from([1, 2]) })
  expect(assembler.push(bytes(4, 0))).toEqual({ type: 4, body: Buffer.alloc(0) })
})

test('[zwibbler 3] a message in several frames, an empty one and any value of "more" among them', () => {
  const assembler = makeAssembler(unlimited)
  expect(assembler.push(bytes(5, 1, 1))).toBeUndefined()
  expect(assembler.push(bytes(255, 7))).toBeUndefined()
  expect(assembler.push(bytes(255, 255, 2))).toBeUndefined()
  expect(assembler.push(bytes(255, 0, 3))).toEqual({ type: 5, body: Buffer.from([1, 2, 3]) })
  expect(assembler.push(bytes(2, 0, 9))).toEqual({ type: 2, body: Buffer.from([9]) })
})

test('[zwibbler 3] another type within a message, or a frame of less than two bytes, breaks it', () => {
  for (const frame of [bytes(5, 0, 1), bytes(2, 1), bytes(), bytes(255)]) {
    const assembler = makeAssembler(unlimited)
    assembler.push(bytes(5, 1, 1))
    expect(assembler.push(frame)).toBe('broken')
  }
  expect(makeAssembler(unlimited).push(bytes(5))).toBe('broken')
})

test('[zwibbler 3] a continuation of nothing is a message of a type that nobody knows', () => {
  const assembler = makeAssembler(unlimited)
  expect(assembler.push(bytes(255, 0, 1))).toEqual({ type: 255, body: Buffer.from([1]) })
  expect(assembler.push(bytes(255, 1, 1))).toBeUndefined()
  expect(assembler.push(bytes(255, 0, 2))).toEqual({ type: 255, body: Buffer.from([1, 2]) })
})

test('[zwibbler 18.19] no more is collected than allowed', () => {
  let most = 3
  const assembler = makeAssembler(() => most)
  expect(assembler.push(bytes(5, 1, 1, 2))).toBeUndefined()
  expect(assembler.push(bytes(255, 1, 3))).toBeUndefined()
  most = 4
  expect(assembler.push(bytes(255, 1, 4))).toBeUndefined()
  expect(assembler.push(bytes(255, 0, 5))).toBe('too big')
})

test('[zwibbler 18.19] a message in very many tiny parts takes the memory of its bytes', () => {
  const assembler = makeAssembler(unlimited)
  const before = process.memoryUsage()
  assembler.push(bytes(5, 1))
  for (let i = 0; i < 300_000; i += 1) assembler.push(bytes(255, 1, i % 251))
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  expect(heapUsed + arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(30e6)
  const message = assembler.push(bytes(255, 0)) as { body: Buffer }
  expect(message.body.equals(Buffer.from(range(300_000)))).toBe(true)
})

test('a message does not change with the buffer that its frame came in', () => {
  const assembler = makeAssembler(unlimited)
  const frame = bytes(4, 0, 1, 2)
  const message = assembler.push(frame)
  frame.fill(9)
  expect(message).toEqual({ type: 4, body: Buffer.from([1, 2]) })
})

test('[zwibbler 3] a message of the size asked for is one frame; one byte more makes two', () => {
  expect(framesOf(Buffer.from([2, 0, ...range(18)]), 20)).toEqual([[2, 0, ...range(18)]])
  expect(framesOf(Buffer.from([2, 0, ...range(19)]), 20)).toEqual([
    [2, 1, ...range(18)],
    [255, 0, 18],
  ])
})

test('[zwibbler 3] all sizes: full frames, never an empty last one, and a client gets what was sent', () => {
  const random = seededRandom('fragments')
  for (let round = 0; round < 500; round += 1) {
    const most = random.between(3, 60)
    const message = Buffer.from([2, 0, ...range(random.between(0, 200))])
    const frames =
      round % 2 === 0 ? framesOf(message, most) : writtenInPieces(message, most, random)
    frames.forEach((frame, i) => {
      const isLast = i === frames.length - 1
      expect(frame.slice(0, 2)).toEqual([i === 0 ? 2 : 255, isLast ? 0 : 1])
      if (!isLast) expect(frame).toHaveLength(most)
      else if (i > 0) expect(frame.length).toBeGreaterThan(2)
      expect(frame.length).toBeLessThanOrEqual(most)
    })
    expect(assembled(frames)).toEqual([...message.subarray(2)])
  }
})

test('a message is open from its begin to its end', () => {
  const writer = makeMessageWriter(20, () => undefined)
  expect(writer.isOpen).toBe(false)
  writer.begin(2)
  writer.push(new Uint8Array(100))
  expect(writer.isOpen).toBe(true)
  writer.end()
  expect(writer.isOpen).toBe(false)
})

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i % 251)

function framesOf(message: Uint8Array, most: number): number[][] {
  const frames: number[][] = []
  sendMessage(message, most, (frame) => frames.push([...frame]))
  return frames
}

/** The same message, its bytes coming bit by bit. */
function writtenInPieces(message: Buffer, most: number, random: Random): number[][] {
  const frames: number[][] = []
  const writer = makeMessageWriter(most, (frame) => frames.push([...frame]))
  writer.begin(message[0]!)
  for (let at = 2; at < message.length;) {
    const size = random.between(0, 30)
    writer.push(message.subarray(at, at + size))
    at += size
  }
  writer.end()
  return frames
}

function assembled(frames: readonly number[][]): number[] {
  const assemble = makeClientAssembler()
  const whole = frames.map((frame) => assemble(Uint8Array.from(frame))).find(Boolean)
  return [...(whole ?? [])].slice(2)
}
