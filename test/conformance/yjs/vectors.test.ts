/** Section 14 through our encoders and decoders, without a node. */
import { expect, test } from 'vitest'
import {
  encodeAwarenessMessage,
  encodeDenied,
  encodeStep1,
  encodeUpdate,
  lendStep2,
  KEEP_ALIVE,
  readMessages,
} from '../../../src/surfaces/yjs/messages.ts'
import { MalformedUpdate } from '../../../src/surfaces/yjs/update/malformed.ts'
import { diffRecord, mergeRecords } from '../../../src/surfaces/yjs/update/merge.ts'
import { readUpdate } from '../../../src/surfaces/yjs/update/read-update.ts'
import { RoomSummary } from '../../../src/surfaces/yjs/update/room-summary.ts'
import {
  decodeStateVector,
  encodeStateVector,
} from '../../../src/surfaces/yjs/update/state-vector.ts'
import { bytes, hex, vectors } from '../../surfaces/yjs/update/support.ts'

const { U1, U2, U3, M12, M123, D5, D11, M13, A, B, C, MAC, MACB, K1, K2, KM, X2, MX } = vectors
const AW1 = '010101177b2275736572223a7b226e616d65223a22416e6e227d7d'

const messages = [
  { name: 'S1E', message: '00000100', kind: 'step1', payload: '00', encode: encodeStep1 },
  { name: 'SV5', message: '000003010105', kind: 'step1', payload: '010105', encode: encodeStep1 },
  { name: 'S2E', message: '0001020000', kind: 'step2', payload: '0000', encode: lendStep2 },
  { name: 'U1s', message: `00010f${U1}`, kind: 'step2', payload: U1, encode: lendStep2 },
  { name: 'UPE', message: '0002020000', kind: 'update', payload: '0000', encode: encodeUpdate },
  { name: 'U1m', message: `00020f${U1}`, kind: 'update', payload: U1, encode: encodeUpdate },
  { name: 'U2m', message: `00020f${U2}`, kind: 'update', payload: U2, encode: encodeUpdate },
  { name: 'U3m', message: `000206${U3}`, kind: 'update', payload: U3, encode: encodeUpdate },
  {
    name: 'AW1',
    message: `011b${AW1}`,
    kind: 'awareness',
    payload: AW1,
    encode: encodeAwarenessMessage,
  },
  {
    name: 'AWE',
    message: '010100',
    kind: 'awareness',
    payload: '00',
    encode: encodeAwarenessMessage,
  },
]

test.each(messages)('[yjs 15.20] $name, both ways', ({ message, kind, payload, encode }) => {
  const [read, ...more] = [...readMessages(bytes(message))].map((heard) => {
    const { kind, ...rest } = heard
    return { kind, payload: hex('update' in rest ? rest.update : rest.stateVector) }
  })
  expect(read).toEqual({ kind, payload })
  expect(more).toEqual([])
  expect(hex(encode(bytes(payload)))).toBe(message)
})

test('[yjs 15.20] AUTH and the keep-alive, as they are sent', () => {
  expect(hex(encodeDenied('no access'))).toBe('0200096e6f20616363657373')
  expect(hex(KEEP_ALIVE)).toBe('010100')
})

test.each(['03', '02', '0206', '05'])('[yjs 15.20] %s is ignored without an error', (message) => {
  expect([...readMessages(bytes(message))]).toEqual([])
})

const errors = ['', '00', '0000', '0009', '000201', '01', '0002020102', 'ffffffffffffffffffff01']
test.each(errors)('[yjs 15.20] "%s" is an error', (message) => {
  expect(() => {
    for (const heard of readMessages(bytes(message)))
      if ('update' in heard) readUpdate(heard.update)
  }).toThrow(MalformedUpdate)
})

const merges = [
  { name: 'M12', parts: [U1, U2], whole: M12 },
  { name: 'M12, the other way', parts: [U2, U1], whole: M12 },
  { name: 'M123', parts: [U1, U2, U3], whole: M123 },
  { name: 'M13', parts: [U1, U3], whole: M13 },
  { name: 'M13, the other way', parts: [U3, U1], whole: M13 },
  { name: 'MAC', parts: [A, C], whole: MAC },
  { name: 'MACB', parts: [MAC, B], whole: MACB },
  { name: 'KM', parts: [K1, K2], whole: KM },
  { name: 'MX', parts: [U1, X2], whole: MX },
  { name: 'nothing', parts: [], whole: '0000' },
]
test.each(merges)('[yjs 15.20] merging: $name', ({ parts, whole }) => {
  expect(hex(mergeRecords(parts.map(bytes)))).toBe(whole)
})

const diffs = [
  { name: 'D5', update: M123, has: '010105', rest: D5 },
  { name: 'D11', update: M123, has: '01010b', rest: D11 },
  { name: 'of a merge with a hole', update: MAC, has: '010101', rest: C },
  { name: 'of who is ahead', update: U1, has: '010163', rest: '0000' },
  { name: 'of who knows another client', update: U1, has: '010703', rest: U1 },
]
test.each(diffs)('[yjs 15.20] difference: $name', ({ update, has, rest }) => {
  expect(hex(diffRecord(bytes(update), decodeStateVector(bytes(has), 10)))).toBe(rest)
})

const states = [
  { name: 'SV5', update: U1, state: '010105' },
  { name: 'SV11', update: M123, state: '01010b' },
  { name: 'SVU2, which does not begin at 0', update: U2, state: '00' },
  { name: 'SVAC, up to the hole', update: MAC, state: '010101' },
  { name: 'of B1', update: vectors.B1, state: '01ffffffff0f03' },
  { name: 'of MX', update: MX, state: '0202010105' },
]
test.each(states)('[yjs 15.20] state vector: $name', ({ update, state }) => {
  const summary = new RoomSummary()
  summary.take(readUpdate(bytes(update)))
  expect(hex(encodeStateVector(summary.stateVector()))).toBe(state)
  expect(hex(encodeStateVector(decodeStateVector(bytes(state), 10)))).toBe(state)
})
