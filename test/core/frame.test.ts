import { expect, test } from 'vitest'
import {
  decodeFrame,
  decodeKeys,
  encodeFrame,
  encodeKeys,
  type Frame,
  frameKinds,
  type FrameKind,
  type KeysPayload,
} from '../../src/core/frame.ts'
import type { KeyChange } from '../../src/core/ports.ts'
import { type Random, seededRandom } from '../support/random.ts'

const ROUNDS = 300
const LARGEST = 2 ** 53 - 1
const kinds = Object.keys(frameKinds) as FrameKind[]

test('a frame has the bytes that its header comment says', () => {
  const frame = encodeFrame({
    kind: 'chunk',
    epoch: 2 ** 32 + 1,
    offset: 5,
    born: 3,
    origin: 'ab',
    parts: [{ id: 7, size: 2 }],
    payload: Buffer.from('hi'),
  })
  expect(Buffer.from(frame).toString('hex')).toBe(
    [
      '01 01 0000000100000001 0000000000000005 0000000000000003',
      '02 6162 00000001 0000000000000007 00000002 6869',
    ]
      .join('')
      .replaceAll(' ', ''),
  )
})

test('any frame is read as it was written', () => {
  const random = seededRandom('frames')
  for (let round = 0; round < ROUNDS; round += 1) {
    const frame = anyFrame(random)
    expect(plain(decodeFrame(encodeFrame(frame)))).toEqual(plain(frame))
  }
})

test('a frame may say what it belongs to; to nodes of earlier releases that is part of a name', () => {
  const trace = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  // Both share 255 bytes; names of nodes are far from that.
  const any = anyFrame(seededRandom('traced frame'))
  const frame = { ...any, origin: any.origin.slice(0, 100) }
  const read = decodeFrame(encodeFrame({ ...frame, trace }))!
  expect(read.trace).toBe(trace)
  expect(plain({ ...read, trace: undefined })).toEqual(plain({ ...frame, trace: undefined }))
  expect(Buffer.from(encodeFrame({ ...frame, trace })).includes(`${frame.origin};${trace}`)).toBe(
    true,
  )
})

test('a frame within a larger buffer is read by its own bounds', () => {
  const frame = anyFrame(seededRandom('embedded frame'))
  const bytes = encodeFrame(frame)
  const around = Buffer.concat([Buffer.from('before'), bytes, Buffer.from('after')])
  expect(plain(decodeFrame(around.subarray(6, 6 + bytes.length)))).toEqual(plain(frame))
})

test('a frame of another version or an unknown kind is a gap, not an error', () => {
  const bytes = Buffer.from(encodeFrame(anyFrame(seededRandom('unknown frames'))))
  for (const [at, value] of [
    [0, 0],
    [0, 2],
    [1, 0],
    [1, 5],
    [1, 7],
    [1, 255],
  ] as const) {
    const changed = Buffer.from(bytes)
    changed[at] = value
    expect(decodeFrame(changed)).toBeUndefined()
  }
})

test('[I1] a frame that is cut short anywhere is a gap: no chunk is delivered short', () => {
  const random = seededRandom('cut frames')
  for (let round = 0; round < 50; round += 1) {
    const frame = { ...anyFrame(random), ...someChunks(random) }
    const bytes = encodeFrame(frame)
    for (let size = 0; size < bytes.length; size += 1) {
      const decoded = decodeFrame(bytes.subarray(0, size))
      // Without any payload it is an announcement, which is true.
      if (decoded) expect(decoded.payload).toHaveLength(0)
    }
    // As many bytes as an announcement speaks of would make it a chunk.
    const more = frame.parts.reduce((sum, { size }) => sum + size, 1)
    expect(decodeFrame(Buffer.concat([bytes, Buffer.alloc(more)]))).toBeUndefined()
  }
})

test('no bytes whatever make decoding throw', () => {
  const random = seededRandom('noise')
  const decode = (noise: Uint8Array): unknown => [decodeFrame(noise), decodeKeys(noise)]
  for (let round = 0; round < 500; round += 1) {
    const noise = anyBytes(random, 64)
    if (random.chance(0.8)) noise.set([1, random.between(0, 8)].slice(0, noise.length))
    expect(() => decode(noise)).not.toThrow()
  }
})

test('any key changes are read as they were written, names being bytes', () => {
  const random = seededRandom('keys')
  for (let round = 0; round < ROUNDS; round += 1) {
    const keys = anyKeys(random)
    const read = decodeKeys(encodeKeys(keys))
    expect(read && { ...read, changes: read.changes.map(plainKey) }).toEqual({
      ...keys,
      changes: keys.changes.map(plainKey),
    })
  }
})

test('key changes that are cut within one are not read at all', () => {
  const change: KeyChange = {
    lifetime: 'document',
    name: 'name',
    version: 1,
    value: Buffer.from('value'),
    removed: false,
  }
  const bytes = encodeKeys({ to: 1, changes: [change] })
  for (let size = 0; size < bytes.length; size += 1) {
    if (size !== 8) expect(decodeKeys(bytes.subarray(0, size)), `${size} bytes`).toBeUndefined()
  }
})

function anyFrame(random: Random): Frame {
  const kind = random.pick(kinds)
  const chunks = kind === 'chunk' ? someChunks(random) : undefined
  return {
    kind,
    epoch: anyNumber(random),
    offset: anyNumber(random),
    born: anyNumber(random),
    origin: random.pick(['', 'a', '0123456789abcdef', 'x'.repeat(255)]),
    parts: chunks?.parts ?? [],
    payload: chunks?.payload ?? anyBytes(random, 40),
  }
}

/** A chunk frame's parts and payload; now and then announced without its bytes. */
function someChunks(random: Random): Pick<Frame, 'kind' | 'parts' | 'payload'> {
  const pieces = Array.from({ length: random.between(1, 5) }, () => anyBytes(random, 30))
  const parts = pieces.map(({ length }) => ({ id: anyNumber(random), size: length }))
  const payload = random.chance(0.2) ? Buffer.alloc(0) : Buffer.concat(pieces)
  return { kind: 'chunk', parts, payload }
}

function anyKeys(random: Random): KeysPayload {
  const changes = Array.from({ length: random.between(0, 6) }, (): KeyChange => {
    const removed = random.chance(0.3)
    return {
      lifetime: random.pick(['session', 'document']),
      name: anyBytes(random, 20).toString('latin1'),
      version: random.pick([0, 1, 2 ** 31, 2 ** 32 - 1]),
      value: removed ? Buffer.alloc(0) : anyBytes(random, 20),
      removed,
    }
  })
  return { to: anyNumber(random), changes }
}

function anyNumber(random: Random): number {
  const any = Math.floor(random.next() * LARGEST)
  return random.pick([0, 1, 2 ** 32 - 1, 2 ** 32, LARGEST, any])
}

function anyBytes(random: Random, most: number): Buffer {
  return Buffer.from(Array.from({ length: random.between(0, most) }, () => random.between(0, 256)))
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const plain = (frame: Frame | undefined): object | undefined =>
  frame && { ...frame, payload: hex(frame.payload) }
const plainKey = (change: KeyChange): object => ({ ...change, value: hex(change.value) })
