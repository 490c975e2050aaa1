/** The threads run what was built: `npm run build` first. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { readLog } from '../../../../src/surfaces/yjs/folding/log.ts'
import { makePool, type Pool } from '../../../../src/surfaces/yjs/folding/pool.ts'
import { deleteSetUpdate } from '../../../../src/surfaces/yjs/update/cut-deletes.ts'
import { IdSet } from '../../../../src/surfaces/yjs/update/id-set.ts'
import { MalformedUpdate } from '../../../../src/surfaces/yjs/update/malformed.ts'
import { readUpdate } from '../../../../src/surfaces/yjs/update/read-update.ts'
import { encodeRecords } from '../../../../src/surfaces/yjs/update/records.ts'
import { bytes, vectors } from '../update/support.ts'
import { documentOf } from './support.ts'

const most = 256 * 1024
const MB = 1024 * 1024
const task = { kind: 'major', gc: true, most, isCut: false } as const
const good = [vectors.U1, vectors.U2].map(bytes)

let pool: Pool
beforeAll(() => {
  pool = makePool({ threads: 2 })
})
afterAll(() => pool.close())

/** A room of about so many bytes: prose in many paragraphs, a tenth of it deleted. */
function large(megabytes: number): Uint8Array {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  const text = doc.getText('t')
  const paragraph = 'Of writing many documents there is no end. '.repeat(100)
  for (let at = 0; at < (megabytes * MB) / paragraph.length; at++) {
    text.insert(0, paragraph)
    if (at % 10 === 0) text.delete(10, 4_000)
  }
  return new Uint8Array(encodeRecords(updates))
}

test('does what it is asked, and moves the bytes', async () => {
  const part = new Uint8Array(encodeRecords(good))
  const compacted = await pool.compact({ ...task, parts: [part] })
  expect(part).toHaveLength(0)
  if (compacted.kind === 'broken') throw new Error('broken')
  const [record, ...more] = readLog(compacted.bytes).records
  expect(more).toEqual([])
  expect(documentOf([record!.update]).getText('t').toJSON()).toBe('hello world')
})

test('takes no more than what it was given out of shared memory', async () => {
  const log = encodeRecords(good)
  const shared = new Uint8Array(log.length + 20)
  shared.set(log, 10)
  const part = shared.subarray(10, 10 + log.length)
  const before = Buffer.from(part)
  expect(await pool.mergeLog([part])).toEqual(bytes(vectors.M12))
  expect(before.equals(part)).toBe(true)
})

test('checks and merges copies', async () => {
  const update = bytes(vectors.M123)
  const { meta, pieces } = await pool.check({ update, most })
  expect(meta).toEqual(readUpdate(update))
  expect(pieces).toEqual([update])
  expect(await pool.merge(good)).toEqual(bytes(vectors.M12))
  expect(good[0]).toEqual(bytes(vectors.U1))
})

test('[yjs 13.6] an update that names more clients than a state vector may is refused', async () => {
  const deletesOf = (count: number): Uint8Array => {
    const deletes = new IdSet()
    for (let client = 1; client <= count; client++) deletes.add(client, 0, 1)
    return deleteSetUpdate(deletes)
  }
  expect((await pool.check({ update: deletesOf(200_000), most })).meta.isEmpty).toBe(false)
  const refused = pool.check({ update: deletesOf(200_001), most })
  await expect(refused).rejects.toThrow(MalformedUpdate)
})

test('tells of a malformed update as the functions themselves do', async () => {
  await expect(pool.check({ update: bytes('0102'), most })).rejects.toThrow(MalformedUpdate)
  expect(await pool.merge([])).toEqual(bytes('0000'))
})

test('[yjs 13.11] exports a room as y-websocket’s callback does', async () => {
  const doc = new Y.Doc()
  doc.getText('t').insert(0, 'hi')
  doc.getMap('m').set('k', [1, null])
  doc.getArray('a').push([{ b: true }])
  doc.getXmlFragment('x').insert(0, [new Y.XmlElement('p')])
  const parts = [new Uint8Array(encodeRecords([Y.encodeStateAsUpdate(doc)]))]
  const objects = { t: 'Text', m: 'Map', a: 'Array', x: 'XmlFragment', o: 'Other', n: 'Map' }
  expect(JSON.parse(await pool.exportJson({ parts, objects }))).toEqual({
    t: { type: 'Text', content: 'hi' },
    m: { type: 'Map', content: { k: [1, null] } },
    a: { type: 'Array', content: [{ b: true }] },
    x: { type: 'XmlFragment', content: '<p></p>' },
    o: { type: 'Other', content: {} },
    n: { type: 'Map', content: {} },
  })
})

describe('bounds', () => {
  test('a thread that runs out of memory fails its task only', async () => {
    await using small = disposable(makePool({ threads: 1, heapMb: 32 }))
    const doc = new Y.Doc()
    for (let at = 0; at < 400_000; at++) doc.getArray('a').insert(0, [at])
    const state = new Uint8Array(encodeRecords([Y.encodeStateAsUpdate(doc)]))
    const failed = small.compact({ ...task, parts: [state] })
    const other = small.merge(good)
    await expect(failed).rejects.toMatchObject({ code: 'failed' })
    expect(await other).toEqual(bytes(vectors.M12))
    expect(await small.merge(good)).toEqual(bytes(vectors.M12))
  })

  test('so does one that takes too long', async () => {
    await using hasty = disposable(makePool({ threads: 1, deadlineMs: 1_500 }))
    expect(await hasty.merge(good)).toEqual(bytes(vectors.M12))
    const failed = hasty.compact({ ...task, parts: [large(60)] })
    await expect(failed).rejects.toMatchObject({ code: 'failed' })
  })

  test('too many that wait are refused', async () => {
    await using narrow = disposable(makePool({ threads: 1, most: 2 }))
    const results = await Promise.allSettled(Array.from({ length: 9 }, () => narrow.merge(good)))
    const refused = results.filter(({ status }) => status === 'rejected')
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.length).toBeLessThan(9)
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'full' })
    }
    expect(await narrow.merge(good)).toEqual(bytes(vectors.M12))
  })

  test('closing ends what runs', async () => {
    const closing = makePool({ threads: 1 })
    const running = closing.compact({ ...task, parts: [large(5)] })
    const outcome = expect(running).rejects.toMatchObject({ code: 'closed' })
    await closing.close()
    await outcome
    await expect(closing.merge(good)).rejects.toMatchObject({ code: 'closed' })
  })
})

test('[yjs 10.5] a room of 50 MB is compacted while the event loop goes on', async () => {
  const part = large(50)
  expect(part.length).toBeGreaterThan(50 * MB)
  await pool.merge(good)
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  const compacted = await pool.compact({ ...task, parts: [part] })
  delay.disable()
  expect(compacted.kind).toBe('major')
  expect(delay.percentile(99) / 1e6).toBeLessThan(50)
  // Others share the machine; in this thread it would be seconds.
  expect(delay.max / 1e6).toBeLessThan(500)
})

function disposable(made: Pool): Pool & AsyncDisposable {
  return Object.assign(made, { [Symbol.asyncDispose]: () => made.close() })
}
