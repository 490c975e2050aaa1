/** Real threads and processes; they run what was built: `npm run build` first. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import * as Y from 'yjs'
import { makePool } from '../../../../src/surfaces/yjs/folding/pool.ts'
import { seededRandom } from '../../../support/random.ts'
import { sleep, until } from '../../../support/wait.ts'
import { contentOf, documentOf, makeTyping } from './support.ts'
import { due, makeTestFolder, makeWorld, type Room, type World } from './world.ts'

const { databaseUrl } = inject('services')
const MB = 1024 * 1024
let world: World

beforeAll(async () => {
  world = await makeWorld(databaseUrl)
})
afterAll(() => world[Symbol.asyncDispose]())

/** A process that folds the room, without a rest. */
function startFolder(room: Room): ChildProcess {
  const script = new URL('./folding-process.mjs', import.meta.url)
  return fork(script, [world.url, String(room.epoch)], { stdio: 'inherit' })
}

test('[yjs 11.2] nodes killed at any moment of folding lose nothing, with appends in flight', async () => {
  const random = seededRandom('killed folders')
  const room = await world.open()
  const updates = makeTyping(random.fork(), 1_500)
  let sent = 0
  const kills = 8
  for (let kill = 0; kill < kills; kill++) {
    const folder = startFolder(room)
    await once(folder, 'message')
    const until = performance.now() + random.between(20, 600)
    const end = (updates.length / kills) * (kill + 1)
    while (performance.now() < until || sent < end - 1) {
      if (sent < end - 1) await world.appendUpdates(room, updates.slice(sent++, sent))
      else await sleep(5) // the length of the fault, not a wait for something
    }
    folder.kill('SIGKILL')
    await once(folder, 'exit')
    const seen = contentOf(await world.docOf(room))
    expect(seen, `kill ${kill}`).toEqual(contentOf(documentOf(updates.slice(0, sent))))
  }
  await world.appendUpdates(room, updates.slice(sent))
  const heir = startFolder(room)
  const head = await world.length(room)
  await until('the rest is folded', async () => {
    return (await world.segments.segments(room.epoch)).at(-1)?.to === head
  })
  heir.kill('SIGKILL')
  expect(contentOf(await world.docOf(room))).toEqual(contentOf(documentOf(updates)))
})

test('[yjs 10.5] a room of 50 MB is folded while the event loop goes on', async () => {
  const pool = makePool({ threads: 1 })
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  const paragraph = 'Of writing many documents there is no end. '.repeat(1_500)
  while (updates.length * paragraph.length < 50 * MB) doc.getText('t').insert(0, paragraph)
  const room = await world.open()
  for (let at = 0; at < updates.length; at += 16) {
    await world.appendUpdates(room, updates.slice(at, at + 16))
  }
  const folder = makeTestFolder(world, { pool })
  await pool.merge([])
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  folder.consider(room.epoch, { head: await world.length(room), ...due })
  await folder.idle()
  delay.disable()
  console.log(
    `longest turn ${Math.round(delay.max / 1e6)} ms, p99 ${Math.round(delay.percentile(99) / 1e6)} ms`,
  )
  expect(folder.folds.map(({ kind }) => kind)).toEqual(['major'])
  expect(delay.percentile(99) / 1e6).toBeLessThan(50)
  // Others share the machine; in this thread it would be seconds.
  expect(delay.max / 1e6).toBeLessThan(500)
  const state = Y.encodeStateVector(await world.docOf(room))
  expect(state).toEqual(Y.encodeStateVector(doc))
  await folder.close()
  await pool.close()
})
