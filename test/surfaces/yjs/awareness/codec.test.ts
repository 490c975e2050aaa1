import { expect, test } from 'vitest'
import {
  checkState,
  decodeAwareness,
  encodeAwareness,
  MalformedAwareness,
} from '../../../../src/surfaces/yjs/awareness/codec.ts'

const limits = { entries: 100, stateBytes: 1024, stateDepth: 32 }
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const hex = (digits: string): Uint8Array => Uint8Array.from(Buffer.from(digits, 'hex'))

/** Section 14, without the message's type and size. */
const vectors = [
  { name: 'AW0', update: '010100027b7d', entries: [{ id: 1, clock: 0, state: bytes('{}') }] },
  {
    name: 'AW1',
    update: '010101177b2275736572223a7b226e616d65223a22416e6e227d7d',
    entries: [{ id: 1, clock: 1, state: bytes('{"user":{"name":"Ann"}}') }],
  },
  { name: 'AWN', update: '010102046e756c6c', entries: [{ id: 1, clock: 2, state: null }] },
  {
    name: 'AW2',
    update: '020103077b2261223a317dac0200046e756c6c',
    entries: [
      { id: 1, clock: 3, state: bytes('{"a":1}') },
      { id: 300, clock: 0, state: null },
    ],
  },
  { name: 'AWE', update: '00', entries: [] },
]

test.each(vectors)('[yjs 15.20] $name, both ways', ({ update, entries }) => {
  expect(decodeAwareness(hex(update), limits)).toEqual(entries)
  expect(Buffer.from(encodeAwareness(entries)).toString('hex')).toBe(update)
})

test('[yjs 2] ids and clocks of up to 53 bits', () => {
  const entry = { id: Number.MAX_SAFE_INTEGER, clock: 2 ** 32, state: bytes('1') }
  expect(decodeAwareness(encodeAwareness([entry]), limits)).toEqual([entry])
})

test('[yjs 13.6] an update cut anywhere is malformed, even where more bytes lie behind it in memory', () => {
  const whole = hex(vectors[3]!.update)
  for (let end = 0; end < whole.length; end++) {
    expect(() => decodeAwareness(whole.subarray(0, end), limits)).toThrow(MalformedAwareness)
  }
})

test.each([
  ['a number beyond 53 bits', '01ffffffffffffff1f00027b7d'],
  ['a number that does not end', '01ffffffffffffffffffff01'],
  ['a length beyond the end', '0101000f7b7d'],
  ['more entries than bytes', '64010000'],
])('[yjs 13.4] %s is malformed', (_, update) => {
  expect(() => decodeAwareness(hex(update), limits)).toThrow(MalformedAwareness)
})

test('[yjs 6.8] entries and bytes of a state are limited', () => {
  const many = Array.from({ length: 101 }, (_, id) => ({ id, clock: 1, state: null }))
  expect(() => decodeAwareness(encodeAwareness(many), limits)).toThrow(MalformedAwareness)
  const large = [{ id: 1, clock: 1, state: bytes(`"${'x'.repeat(1023)}"`) }]
  expect(() => decodeAwareness(encodeAwareness(large), limits)).toThrow(MalformedAwareness)
})

test.each(['{}', '[1,"é😀",true]', '"a\\"[[[b"', '0', `${'['.repeat(32)}${']'.repeat(32)}`])(
  '[yjs 13.7] %s is a state',
  (text) => expect(() => checkState(bytes(text), limits)).not.toThrow(),
)

test.each([
  ['text that is not JSON', bytes('{a:1}')],
  ['half an object', bytes('{"a":')],
  ['nothing', bytes('')],
  ['33 arrays within each other', bytes(`${'['.repeat(33)}${']'.repeat(33)}`)],
  ['bytes that are not UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
  ['a byte order mark', Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d)],
  ['a removal in disguise', bytes(' null ')],
])('[yjs 13.7] %s is no state', (_, state) => {
  expect(() => checkState(state, limits)).toThrow(MalformedAwareness)
})
