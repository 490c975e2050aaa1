import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import * as Y from 'yjs'
import { makeVersions } from '../../../../src/surfaces/yjs/folding/versions.ts'
import { seededRandom } from '../../../support/random.ts'
import { makeRoom } from '../update/support.ts'
import { documentOf, visibleOf } from './support.ts'
import { due, makeInlinePool, makeTestFolder, makeWorld, type World } from './world.ts'

const { databaseUrl } = inject('services')
let world: World

beforeAll(async () => {
  world = await makeWorld(databaseUrl)
})
afterAll(() => world[Symbol.asyncDispose]())

/** Where somebody deletes half of a pair Yjs puts two U+FFFD in its place, for good. */
function seenOf(doc: Y.Doc): unknown {
  return JSON.parse(
    JSON.stringify(visibleOf(doc), (_, value: unknown) =>
      typeof value === 'string' ? value.replace(/[\ud800-\udfff\ufffd]/g, '?') : spell(value),
    ),
  )
}

function spell(value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value
}

const make = (gc = true) => makeVersions({ ...world, pool: makeInlinePool(), gc })

test('[yjs 11.5] a version is listed, read and removed, whatever becomes of the room', async () => {
  const versions = make()
  const room = await world.open()
  const doc = new Y.Doc()
  doc.getText('t').insert(0, 'hello')
  const head = await world.appendUpdates(room, [Y.encodeStateAsUpdate(doc)])
  const version = await versions.save(room.epoch, 'first', head)
  expect(version).toMatchObject({ name: 'first', offset: head })
  doc.getText('t').delete(0, 5)
  const after = await world.appendUpdates(room, [Y.encodeStateAsUpdate(doc)])
  const folder = makeTestFolder(world)
  folder.consider(room.epoch, { head: after, ...due })
  await folder.idle()
  await folder.close()
  expect(await versions.list(room.epoch)).toEqual([version])
  const state = await versions.read(room.epoch, version!.id)
  expect(documentOf([state!]).getText('t').toJSON()).toBe('hello')
  expect(JSON.parse(await versions.exportJson(room.epoch, { t: 'Text' }, after))).toEqual({
    t: { type: 'Text', content: '' },
  })
  expect(await versions.remove(room.epoch, version!.id)).toBe(true)
  expect(await versions.read(room.epoch, version!.id)).toBeUndefined()
  expect(await versions.restore(room.epoch, version!.id, after)).toBeUndefined()
  expect(await versions.save(room.epoch + 1_000_000, 'none', 0)).toBeUndefined()
})

test('[yjs 11.5] a format comes back that Yjs itself took away when its text was deleted', async () => {
  const versions = make()
  const room = await world.open()
  const doc = new Y.Doc()
  const textIn = (one: Y.Doc) => one.getMap<Y.Text>('m').get('text')!
  doc.getMap('m').set('text', new Y.Text('a text'))
  textIn(doc).format(2, 2, { bold: true })
  const state = Y.encodeStateAsUpdate(doc)
  const version = await versions.save(room.epoch, 'v', await world.appendUpdates(room, [state]))
  // Each deletes half of what is bold, and leaves the format for the other half. It goes when somebody hears of both.
  const updates = [2, 3].map((at) => {
    const one = documentOf([state])
    textIn(one).delete(at, 1)
    return Y.encodeStateAsUpdate(one)
  })
  const other = documentOf([state])
  textIn(other).format(0, 1, { italic: true })
  updates.push(Y.encodeStateAsUpdate(other))
  const witness = documentOf([state, ...updates])
  expect(JSON.stringify(textIn(witness).toDelta())).not.toContain('bold')
  const head = await world.appendUpdates(room, updates)
  const [restoring] = (await versions.restore(room.epoch, version!.id, head))!
  await world.appendUpdates(room, [restoring!])
  Y.applyUpdate(witness, restoring!)
  for (const one of [witness, await world.docOf(room)])
    expect(textIn(one).toDelta()).toEqual(textIn(doc).toDelta())
})

/** What readers show may therefore differ before a restore too: compare those that were given all in the same order. */
test('formats that hold no text are gone or not with Yjs alone, depending on the order of the updates', () => {
  const updates: Uint8Array[] = []
  const [one, other] = [new Y.Doc(), new Y.Doc()]
  one.clientID = 1
  other.clientID = 2
  for (const doc of [one, other])
    doc.on('update', (update: Uint8Array, origin) => origin !== 'sync' && updates.push(update))
  one.getText('t').insert(0, 'old')
  Y.applyUpdate(other, updates[0]!, 'sync')
  other.getText('t').format(0, 3, { bold: true })
  one.getText('t').delete(0, 3)
  one.getText('t').insert(0, 'new')
  const shown = (order: readonly number[], isOpen: boolean): unknown => {
    const doc = new Y.Doc()
    if (isOpen) doc.getText('t')
    for (const at of order) Y.applyUpdate(doc, updates[at]!)
    return doc.getText('t').toDelta()
  }
  expect(shown([0, 1, 2, 3], true)).toEqual([{ insert: 'new' }])
  const bold = [{ insert: 'new', attributes: { bold: true } }]
  expect(shown([0, 1, 3, 2], true)).toEqual(bold)
  expect(shown([0, 1, 2, 3], false)).toEqual(bold)
})

test('[yjs 11.5] restoring is a new edit that makes everybody see the version, with gc and without', async () => {
  const random = seededRandom('versions')
  for (let round = 0; round < 40; round++) {
    const gc = random.chance(0.5)
    const versions = make(gc)
    const room = await world.open()
    const { updates } = makeRoom(random.fork(), { steps: 80 })
    const at = random.between(1, updates.length)
    const before = await world.appendUpdates(room, updates.slice(0, at))
    const version = await versions.save(room.epoch, 'v', before)
    let head = await world.appendUpdates(room, updates.slice(at))
    if (random.chance(0.5)) {
      const folder = makeTestFolder(world, { gc })
      folder.consider(room.epoch, { head, ...due })
      await folder.idle()
      await folder.close()
    }
    // Somebody who has been there all the time, and edits at the same moment.
    const witness = documentOf(updates)
    const restoring = await versions.restore(room.epoch, version!.id, head)
    if (restoring!.length > 0) head = await world.appendUpdates(room, restoring!)
    for (const update of restoring!) Y.applyUpdate(witness, update)
    const expected = seenOf(documentOf(updates.slice(0, at), false))
    const what = `round ${round} gc ${gc} at ${at} of ${updates.length}`
    expect(seenOf(await world.docOf(room)), what).toEqual(expected)
    expect(seenOf(witness), what).toEqual(expected)
    const again = await versions.restore(room.epoch, version!.id, head)
    for (const update of again!) Y.applyUpdate(witness, update)
    expect(seenOf(witness), `${what}, again`).toEqual(expected)
  }
})
