import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { IdSet } from '../../../../src/surfaces/yjs/update/id-set.ts'
import { MalformedUpdate } from '../../../../src/surfaces/yjs/update/malformed.ts'
import { readUpdate } from '../../../../src/surfaces/yjs/update/read-update.ts'
import { seededRandom } from '../../../support/random.ts'
import { bytes, hex, makeRoom, vectors } from './support.ts'

const random = seededRandom('reading updates')

/** Ranges as Yjs' own decoder has them. */
function rangesOfYjs(update: Uint8Array): { structs: IdSet; deletes: IdSet } {
  const { structs, ds } = Y.decodeUpdate(update)
  const sets = { structs: new IdSet(), deletes: new IdSet() }
  for (const { id, length, constructor } of structs) {
    if (constructor !== Y.Skip) sets.structs.add(id.client, id.clock, id.clock + length)
  }
  for (const [client, items] of ds.clients) {
    for (const { clock, len } of items) sets.deletes.add(client, clock, clock + len)
  }
  return sets
}

function expectRead(update: Uint8Array, size = update.length): void {
  const { structs, deletes } = rangesOfYjs(update)
  const meta = readUpdate(update)
  expect(meta.structs.clients).toEqual(structs.clients)
  expect(meta.deletes.clients).toEqual(deletes.clients)
  expect(meta.size).toBe(size)
  expect(meta.isEmpty).toBe(structs.isEmpty && deletes.isEmpty)
}

test.each(Object.entries(vectors))('[yjs 14] %s is read as Yjs reads it', (_, vector) => {
  expectRead(bytes(vector))
  expectRead(bytes(vector + 'ff00'), vector.length / 2) // trailing bytes
  for (let size = 0; size < vector.length / 2; size += 1) {
    expect(() => readUpdate(bytes(vector).subarray(0, size)), `${size}`).toThrow(MalformedUpdate)
  }
})

test('[yjs 2.2] clients of 53 bits, Skips, and ranges that do not begin at 0', () => {
  const { structs } = readUpdate(bytes(vectors.Y14))
  expect([...structs.clients.values()]).toEqual([[0, 2]])
  expect([...structs.clients.keys()][0]).toBeGreaterThan(2 ** 32)
  expect(readUpdate(bytes(vectors.MAC)).structs.clients).toEqual(new Map([[1, [0, 1, 2, 3]]]))
  expect(readUpdate(bytes(vectors.U2)).structs.clients).toEqual(new Map([[1, [5, 11]]]))
  expect(readUpdate(bytes(vectors.B1)).structs.clients).toEqual(new Map([[2 ** 32 - 1, [0, 3]]]))
})

test('[yjs 2.2] all that random clients produce is read as Yjs reads it', () => {
  for (let round = 0; round < 20; round += 1) {
    const { updates, states } = makeRoom(random.fork())
    for (const update of [...updates, ...states]) expectRead(update)
    const some = updates.filter(() => random.chance(0.7))
    expectRead(Y.mergeUpdates(some)) // with holes
    const { from, to } = Y.parseUpdateMeta(Y.mergeUpdates(some))
    const { structs } = readUpdate(Y.mergeUpdates(some))
    expect(structs.ends()).toEqual(to)
    expect(new Map([...structs.clients].map(([client, [first]]) => [client, first]))).toEqual(from)
  }
})

const item = (content: string): string => `01010100${content}00`
const inList = (kind: string, content: string): string => item(`${kind}010174${content}`)
const any = (value: string): string => inList('08', `01${value}`)

describe('[yjs 2.2] what no client can read is refused', () => {
  const refused = {
    'an empty frame': '',
    'no delete set': '00',
    'a number over 2^53-1': 'ffffffffffffffffffff01',
    'a clock over 2^53-1': '01010a' + 'ffffffffffffff0f' + '0002' + '00',
    'a count beyond the bytes': 'ffffffffffffff0f0100',
    'a count of ranges beyond the bytes': '000101ffffffffffffff0f0001',
    'kind 11': inList('0b', '01'),
    'kind 31': inList('1f', '01'),
    'a Skip with flags': '010101004a0200',
    'shared type 7': inList('07', '07'),
    'broken UTF-8 in text': inList('04', '02c328'),
    'a surrogate half in UTF-8': inList('04', '03eda080'),
    'an overlong UTF-8 sequence': inList('04', '02c080'),
    'UTF-8 over U+10FFFF': inList('04', '04f4908080'),
    'UTF-8 that ends early': inList('04', '02e697'),
    'broken UTF-8 in a root name': item('040101ff0161'),
    'broken UTF-8 in a key': item('2401017401ff0161'),
    'broken JSON in an embed': inList('05', '027b7b'),
    'empty JSON in an embed': inList('05', '00'),
    'broken JSON in a format': inList('06', '016203747275'),
    'broken JSON in JSON content': inList('02', '01027b7b'),
    'an empty range in the delete set': '0001' + '0101' + '0500',
    'unknown any': any('73'),
    'any over 127': any('80'),
    'an integer any that is too long': any('7dffffffffffffffffff01'),
    'a subdocument without options': inList('09', '0161' + '7e'),
    'a struct that needs itself': '010101008401000161' + '00',
    'a struct that needs a later one on its right': '01010100440105016100',
    'a struct whose parent is later': '010101000400010501' + '6100',
    'text without length, then more of it': '010301000401017401618401000084010001' + '6200',
  }
  test.each(Object.entries(refused))('%s', (_, update) => {
    expect(() => readUpdate(bytes(update))).toThrow(MalformedUpdate)
  })
})

describe('[yjs 2.2] what is odd but harms nobody is taken, as by Yjs', () => {
  const taken = {
    'GC with flags': '010101008002' + '00',
    'a block without structs': '01000100' + '00',
    'blocks in ascending order': '02' + '010100040101740161' + '010200040101740162' + '00',
    'undefined in JSON content': inList('02', '0209756e646566696e6564' + '0131'),
    'a parent flag that is neither 0 nor 1': item('0405ac02050161'),
    'ranges out of order, touching and overlapping': '00010105050201010301020203' + '01',
    'a client twice in the delete set': '0002' + '01010501' + '01010003',
    'a client without ranges in the delete set': '00010100',
    'numbers longer than they need be': '8000' + '8000',
    'options of a subdocument that are no object': inList('09', '0161' + '78'),
    'an any of each type': inList(
      '08',
      '0d' +
        '7f7e7d067dc0017c000000007b00000000000000007a00000000000000007978' +
        '770161' +
        '76010161' +
        '7e' +
        '75027e7e' +
        '7402ffff',
    ),
    'a key flag beside an origin': '01020100' + '040101740161' + 'a401000162' + '00',
  }
  test.each(Object.entries(taken))('%s', (_, update) => {
    expectRead(bytes(update))
    expect(() => takenByYjs(bytes(update))).not.toThrow()
  })
})

describe('[yjs 13] what Yjs takes, and we refuse because it loses or poisons something', () => {
  const deep = (depth: number): string => `${'7501'.repeat(depth)}7e`
  const json = (depth: number): string => {
    const text = '['.repeat(depth) + ']'.repeat(depth)
    return (
      hex(Uint8Array.from([0x80 | (text.length & 0x7f), text.length >> 7])) + hex(Buffer.from(text))
    )
  }
  const refused = {
    'two blocks of one client, of which Yjs would apply the last':
      '02' + '010100040101740161' + '0101018401000162' + '00',
    'a struct without length': inList('04', '00'),
    'a number of 8 bytes over 2^53-1': '0001' + 'ffffffffffffff7f' + '01' + '0001',
    'zero in 9 bytes': '00' + '808080808080808000',
    'an any nested 101 deep': any(deep(101)),
    'JSON nested 101 deep': inList('05', json(101)),
    'a struct that needs a later one, while earlier ones are missing': '01010103840105016100',
  }
  test.each(Object.entries(refused))('%s', (_, update) => {
    expect(() => takenByYjs(bytes(update))).not.toThrow()
    expect(() => readUpdate(bytes(update))).toThrow(MalformedUpdate)
  })

  test('100 deep is taken', () => {
    expectRead(bytes(any(deep(100))))
    expectRead(bytes(inList('05', json(100))))
  })
})

test('[yjs 13.4] any bytes are either read as Yjs reads them, or refused as malformed', () => {
  const { updates, states } = makeRoom(random.fork(), { steps: 100 })
  const sources = [...updates, ...states, ...Object.values(vectors).map(bytes)]
  let accepted = 0
  for (let round = 0; round < 6000; round += 1) {
    const mutated = mutate(random.pick(sources))
    try {
      readUpdate(mutated)
    } catch (error) {
      expect(error, hex(mutated)).toBeInstanceOf(MalformedUpdate)
      if (!strictness.test(String(error))) expect(() => takenByYjs(mutated), hex(mutated)).toThrow()
      continue
    }
    accepted += 1
    const { size } = readUpdate(mutated)
    expectRead(mutated, size)
    expect(() => takenByYjs(mutated), hex(mutated)).not.toThrow()
  }
  expect(accepted).toBeGreaterThan(100)
})

/** Where readUpdate is stricter than Yjs on an empty document. */
const strictness = /two blocks|without length|over 2\^53-1|too deep|a later one|empty range/

function takenByYjs(update: Uint8Array): void {
  Y.decodeUpdate(update)
  Y.applyUpdate(new Y.Doc(), update)
}

function mutate(source: Uint8Array): Uint8Array {
  const mutated = Uint8Array.from(source)
  for (let n = random.between(1, 4); n > 0 && mutated.length > 0; n -= 1) {
    const at = random.between(0, mutated.length)
    if (random.chance(0.5)) mutated[at] = random.between(0, 256)
    else mutated[at]! ^= 1 << random.between(0, 8)
  }
  if (random.chance(0.2)) return mutated.subarray(0, random.between(0, mutated.length + 1))
  return mutated
}
