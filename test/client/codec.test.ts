import { expect, test } from 'vitest'
import {
  readClientMessage,
  readServerMessage,
  writeAnswer,
  writeAppend,
  writeBroadcast,
  writeError,
  writeInit,
  writeKeyAnswer,
  writeKeys,
  writeSetKey,
} from '../../src/client/codec.ts'
import { decode, encode, hex } from './support.ts'

test('[zwibbler 20] init in the V3 layout is byte for byte the recorded one', () => {
  const bytes = hex(
    '01 00 00 03 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02 00 00 00 04 64 6f 63 31 49 47 4e',
  )
  const init = {
    type: 'init',
    largest: 0,
    mode: 0,
    generation: 0,
    offset: 2,
    id: 'doc1',
    data: encode('IGN'),
  } as const
  expect(writeInit(init)).toEqual(bytes)
  expect(readClientMessage(bytes)).toEqual(init)
})

test('[zwibbler 20] appends: C appends "!" at 11 with generation 7, and is answered', () => {
  const append = { type: 'append', generation: 7, offset: 11, data: encode('!') } as const
  expect(writeAppend(append)).toEqual(hex('05 00 00 00 00 07 00 00 00 00 00 00 00 0b 21'))
  expect(readClientMessage(writeAppend(append))).toEqual(append)
  const stored = hex('81 00 00 01 00 00 00 00 00 00 00 0c')
  expect(readServerMessage(stored)).toEqual({ type: 'answer', result: 1, length: 12 })
  expect(writeAnswer({ type: 'answer', result: 1, length: 12 })).toEqual(stored)
  expect(readServerMessage(hex('81 00 00 02 00 00 00 00 00 00 00 03'))).toEqual({
    type: 'answer',
    result: 2,
    length: 3,
  })
})

test('[zwibbler 4.2] appends from the server are read in both layouts', () => {
  const v3 = hex('05 00 00 00 00 00 00 00 00 00 00 00 00 02 6c 6c 6f')
  const v2 = hex('02 00 00 00 00 00 00 00 00 02 6c 6c 6f')
  const append = { type: 'append', generation: 0, offset: 2, data: encode('llo') }
  expect(readServerMessage(v3)).toEqual(append)
  expect(readServerMessage(v2)).toEqual(append)
})

test('[zwibbler 20] keys: the recorded set, its answer and what the others and joiners get', () => {
  const set = hex('03 00 00 07 01 00 00 00 00 00 00 00 01 00 00 00 04 70 61 67 65 00 00 00 01 31')
  const message = {
    type: 'set-key',
    request: 7,
    lifetime: 1,
    oldVersion: 0,
    newVersion: 1,
    name: 'page',
    value: encode('1'),
  } as const
  expect(writeSetKey(message)).toEqual(set)
  expect(readClientMessage(set)).toEqual(message)
  const answer = { type: 'key-answer', result: 1, request: 7 } as const
  expect(readServerMessage(hex('83 00 00 01 00 07'))).toEqual(answer)
  expect(writeKeyAnswer(answer)).toEqual(hex('83 00 00 01 00 07'))
  const told = hex(
    '82 00 00 00 00 03 00 00 00 06 63 75 72 73 6f 72 00 00 00 00 00 00 00 01 00 00 00 04 7a 65 72 6f 00 00 00 00',
  )
  const entries = [
    { version: 3, name: 'cursor', value: encode('') },
    { version: 1, name: 'zero', value: encode('') },
  ]
  expect(readServerMessage(told)).toEqual({ type: 'keys', entries })
  expect(writeKeys({ type: 'keys', entries })).toEqual(told)
})

test('[zwibbler 20] broadcast: the length field is written right and ignored when read', () => {
  const broadcast = { type: 'broadcast', data: encode('yo') } as const
  expect(writeBroadcast(broadcast)).toEqual(hex('04 00 00 00 00 02 79 6f'))
  const wrongLength = readServerMessage(hex('04 00 00 00 00 01 79 6f 79 6f'))
  expect(wrongLength).toEqual({ type: 'broadcast', data: encode('yoyo') })
})

test('[zwibbler 20] errors: code and text', () => {
  const bytes = hex('80 00 00 03 69 6e 76 61 6c 69 64 20 6f 66 66 73 65 74')
  const error = { type: 'error', code: 3, text: 'invalid offset' } as const
  expect(readServerMessage(bytes)).toEqual(error)
  expect(writeError(error)).toEqual(bytes)
})

test('[zwibbler 3] a type nobody knows is told as such, not refused', () => {
  expect(readServerMessage(hex('99 00 01'))).toEqual({ type: 'unknown' })
})

test('[zwibbler 1] offsets beyond 32 bits are exact', () => {
  const offset = 0x12_3456_789a
  const append = { type: 'append', generation: 0, offset, data: encode('') } as const
  expect(readServerMessage(writeAppend(append))).toEqual(append)
})

test('[zwibbler 4] a message too short for its lengths is refused', () => {
  expect(() => readServerMessage(hex('81 00 00 01 00'))).toThrow(RangeError)
  expect(() => readServerMessage(hex('82 00 00 00 00 01 00 00 00 09 61'))).toThrow(RangeError)
})

test('an id longer than 255 bytes fits, as many JWTs are', () => {
  const id = 'é'.repeat(300)
  const init = {
    type: 'init',
    largest: 0,
    mode: 1,
    generation: 0,
    offset: 0,
    id,
    data: encode(''),
  } as const
  const read = readClientMessage(writeInit(init))
  expect(read).toEqual(init)
  expect(decode(encode(id))).toBe(id)
})
