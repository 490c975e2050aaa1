import { expect, test } from 'vitest'
import { MalformedUpdate } from '../../../../src/surfaces/yjs/update/malformed.ts'
import {
  encodeRecords,
  LENT_BYTES,
  RecordReader,
} from '../../../../src/surfaces/yjs/update/records.ts'
import { seededRandom } from '../../../support/random.ts'
import { bytes, hex } from './support.ts'

const random = seededRandom('records')

test('records have their size before them, big endian', () => {
  expect(hex(encodeRecords([bytes('0000'), bytes('aabbcc')]))).toBe(
    '00000002 0000 00000003 aabbcc'.replaceAll(' ', ''),
  )
})

test('a log in any portions gives its updates', () => {
  for (let round = 0; round < 200; round += 1) {
    const updates = Array.from({ length: random.between(0, 20) }, () =>
      new Uint8Array(random.between(0, 40)).fill(random.between(0, 256)),
    )
    const log = encodeRecords(updates)
    const reader = new RecordReader(40)
    const read: string[] = []
    for (let at = 0; at < log.length;) {
      const portion = Uint8Array.from(log.subarray(at, at + random.between(0, 30)))
      read.push(...Array.from(reader.push(portion), hex))
      portion.fill(0xee) // what is held is not the caller's
      at += portion.length
    }
    expect(read).toEqual(updates.map(hex))
    expect(reader.isWhole).toBe(true)
  }
})

test('large ones are lent: the memory of one is that of the next', () => {
  const sizes = [LENT_BYTES + 2, LENT_BYTES + 1, 10, LENT_BYTES, LENT_BYTES, LENT_BYTES + 1]
  const updates = sizes.map((size, i) => new Uint8Array(size).fill(i + 1))
  const log = encodeRecords(updates)
  const reader = new RecordReader()
  const read: { isRight: boolean; memory: ArrayBufferLike; update: Uint8Array }[] = []
  for (let at = 0; at < log.length; at += 64 * 1024)
    for (const update of reader.push(log.subarray(at, at + 64 * 1024))) {
      const isRight = Buffer.compare(update, updates[read.length]!) === 0
      read.push({ isRight, memory: update.buffer, update })
    }
  expect(read.map(({ isRight }) => isRight)).toEqual(sizes.map(() => true))
  expect(read[1]!.memory === read[0]!.memory).toBe(true)
  for (const i of [3, 4]) expect(Buffer.compare(read[i]!.update, updates[i]!)).toBe(0)
})

test('a part of a record is held until it is forgotten', () => {
  const reader = new RecordReader(10)
  expect([...reader.push(bytes('000000'))]).toEqual([])
  expect(reader.isWhole).toBe(false)
  reader.reset()
  expect(reader.isWhole).toBe(true)
  expect(Array.from(reader.push(bytes('00000001aa')), hex)).toEqual(['aa'])
})

test('a record that is larger than any may be is refused before its bytes are there', () => {
  const reader = new RecordReader(10)
  expect(() => [...reader.push(bytes('0000000b'))]).toThrow(MalformedUpdate)
})
