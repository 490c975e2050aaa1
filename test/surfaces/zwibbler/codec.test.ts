import { expect, test } from 'vitest'
import {
  appendResults,
  decodeAppend,
  decodeBroadcast,
  decodeInit,
  decodeSetKey,
  encodeAppend,
  encodeAppendAnswer,
  encodeBroadcast,
  encodeError,
  encodeKeyAnswer,
  encodeKeys,
} from '../../../src/surfaces/zwibbler/codec.ts'
import { seededRandom } from '../../support/random.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const bytes = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

test('[zwibbler 4.1] an init of version 2', () => {
  const init = decodeInit(bytes('0002 00000014 01 0000000100000002 04 646f6331 68656c6c6f'))
  expect(init).toEqual({
    version: 2,
    maxFrame: 20,
    mode: 1,
    offset: 2 ** 32 + 2,
    id: Buffer.from('doc1'),
    initial: Buffer.from('hello'),
  })
})

test('[zwibbler 4.1] an init of version 3; its generation is ignored', () => {
  const init = decodeInit(bytes('0003 00000000 00 01020304 0000000000000002 00000004 646f6331 49'))
  expect(init).toMatchObject({
    version: 3,
    offset: 2,
    id: Buffer.from('doc1'),
    initial: Buffer.from('I'),
  })
})

test('[zwibbler 5] an init that is too short for its own lengths, or of another version, is none', () => {
  const whole = {
    2: bytes('0002 00000000 00 0000000000000000 04 646f6331'),
    3: bytes('0003 00000000 00 00000000 0000000000000000 00000004 646f6331'),
  }
  for (const init of Object.values(whole)) {
    expect(decodeInit(init)).toBeDefined()
    for (let size = 0; size < init.length; size += 1) {
      expect(decodeInit(init.subarray(0, size)), `${size} bytes`).toBeUndefined()
    }
  }
  for (const version of [0, 1, 4, 0x0200, 0xffff]) {
    const other = Buffer.from(whole[3])
    other.writeUInt16BE(version)
    expect(decodeInit(other), `version ${version}`).toBeUndefined()
  }
  const endless = Buffer.from(whole[3])
  endless.writeUInt32BE(2 ** 32 - 1, 19)
  expect(decodeInit(endless)).toBeUndefined()
})

test('[zwibbler 7] an offset that no document can have is beyond all of them', () => {
  for (const offset of ['8000000000000000', 'ffffffffffffffff', '0020000000000000']) {
    expect(decodeInit(bytes(`0002 00000000 00 ${offset} 00`))?.offset).toBe(Infinity)
  }
  expect(decodeInit(bytes('0002 00000000 00 001fffffffffffff 00'))?.offset).toBe(2 ** 53 - 1)
})

test('[zwibbler 4.2] appends of both layouts; the generation is ignored', () => {
  expect(decodeAppend(2, bytes('0000000000000005 20776f'))).toEqual({
    offset: 5,
    data: Buffer.from(' wo'),
  })
  expect(decodeAppend(5, bytes('00000007 000000000000000b 21'))).toEqual({
    offset: 11,
    data: Buffer.from('!'),
  })
  expect(decodeAppend(2, bytes('0000000000000005'))?.data).toHaveLength(0)
  expect(decodeAppend(2, bytes('00000000000005'))).toBeUndefined()
  expect(decodeAppend(5, bytes('0000000700000000000000'))).toBeUndefined()
  expect(hex(encodeAppend(2, 9, 5, Buffer.from('!')))).toBe('0200000000000000000521')
  expect(hex(encodeAppend(3, 9, 2 ** 32, Buffer.from('!')))).toBe('050000000009000000010000000021')
})

test('[zwibbler 4.3] a key set, with bytes behind the value that mean nothing', () => {
  const set = bytes('0001 00 00000002 ffffffff 00000003 6100ff 00000002 00ff 7878')
  expect(decodeSetKey(set)).toEqual({
    request: 1,
    lifetime: 0,
    oldVersion: 2,
    version: 2 ** 32 - 1,
    name: 'a\0\xff',
    value: bytes('00ff'),
  })
  const whole = set.length - 2
  for (let size = 0; size < whole; size += 1) {
    expect(decodeSetKey(set.subarray(0, size)), `${size} bytes`).toBeUndefined()
  }
  expect(decodeSetKey(set.subarray(0, whole))).toBeDefined()
})

test('[zwibbler 4.4] a broadcast: its length field is ignored on input and right on output', () => {
  expect(decodeBroadcast(bytes('00000001 796f796f'))?.toString()).toBe('yoyo')
  expect(decodeBroadcast(bytes('00000001'))).toHaveLength(0)
  expect(decodeBroadcast(bytes('000000'))).toBeUndefined()
  expect(hex(encodeBroadcast(Buffer.from('yoyo')))).toBe('040000000004796f796f')
})

test('[zwibbler 4.5, 4.6, 4.8] error and answers', () => {
  expect(hex(encodeError(3, 'invalid offset'))).toBe('80000003696e76616c6964206f6666736574')
  expect(hex(encodeError(0, 'é'))).toBe('80000000c3a9')
  expect(hex(encodeAppendAnswer(appendResults.stored, 2 ** 32 + 11))).toBe(
    '81000001000000010000000b',
  )
  expect(hex(encodeAppendAnswer(appendResults.denied, 3))).toBe('810000020000000000000003')
  expect(hex(encodeKeyAnswer(true, 0xfffe))).toBe('83000001fffe')
  expect(hex(encodeKeyAnswer(false, 12))).toBe('83000000000c')
})

test('[zwibbler 4.7] key information, names and values being any bytes', () => {
  const keys = [
    { name: 'cursor', version: 1, value: Buffer.from('10,10') },
    { name: '\0\xff', version: 2 ** 32 - 1, value: bytes('00fe') },
    { name: '', version: 0, value: Buffer.alloc(0) },
  ]
  expect(hex(encodeKeys(keys))).toBe(
    [
      '8200',
      '00000001 00000006 637572736f72 00000005 31302c3130',
      'ffffffff 00000002 00ff 00000002 00fe',
      '00000000 00000000 00000000',
    ]
      .join('')
      .replaceAll(' ', ''),
  )
})

test('no bytes whatever make decoding throw', () => {
  const random = seededRandom('zwibbler bytes')
  for (let round = 0; round < 2_000; round += 1) {
    const noise = Buffer.from(
      Array.from({ length: random.between(0, 48) }, () => random.pick([0, 0, 0, 2, 3, 255])),
    )
    const read = (): unknown => [
      decodeInit(noise),
      decodeAppend(2, noise),
      decodeAppend(5, noise),
      decodeSetKey(noise),
      decodeBroadcast(noise),
    ]
    expect(read).not.toThrow()
  }
})
