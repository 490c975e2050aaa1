/** Load generator for Yjs rooms, a process of its own. It is the same for every server but for the dialect. */
import * as Y from 'yjs'
import { serveHelper, tellFailure } from '../support/process.mjs'
import { typing } from '../support/typing.mjs'
import { joinRoom, letterUpdate } from '../support/yjs.mjs'

const PATIENCE_MS = 60_000
const MOST_REMEMBERED = 10_000
const OPENING = 50
const FIRST_ID = 10_000

let clients = []
/** Of each room, where each writer's letters end, by its id. */
let written = new Map()
let changed = () => undefined
const texts = new Map()

/** What updates hold, by their bytes: the same message goes to many. */
const ends = new Map()

function endsOf(update) {
  const key = Buffer.from(update.buffer, update.byteOffset, update.length).toString('latin1')
  const known = ends.get(key)
  if (known) return known
  if (ends.size === MOST_REMEMBERED) ends.clear()
  const found = Y.decodeUpdate(update).structs.map(({ id, length }) => [
    id.client,
    id.clock + length,
  ])
  ends.set(key, found)
  return found
}

/** One client of a room, that knows how far it has heard each of the others. */
async function openListener(server, room, id) {
  const heard = new Map()
  let answered
  const isAnswered = new Promise((resolve) => (answered = resolve))
  const joined = await joinRoom({
    ...{ server, room, id },
    onUpdate(update, isAnswer) {
      for (const [client, end] of endsOf(update))
        if (end > (heard.get(client) ?? 0)) heard.set(client, end)
      if (isAnswer) answered()
      changed()
    },
    onEnd: (why) => tellFailure(`a socket ended: ${why}`),
  })
  await isAnswered
  return { ...joined, id, room, heard }
}

/**
 * @param places of each client: its server and its room
 * @param edits of the text that each room has; servers may give it some time after their answer
 */
async function open({ places, edits }) {
  for (let at = 0; at < places.length; at += OPENING) {
    const some = places.slice(at, at + OPENING)
    clients.push(
      ...(await Promise.all(
        some.map(({ server, room }, i) => openListener(server, room, FIRST_ID + at + i)),
      )),
    )
    if (edits) await untilAllHave(edits)
  }
}

/** Letters at an even pace, each writer in its turn. Resolves when every client has heard all of its room. */
async function type({ writers, perSecond, seconds }) {
  const letters = Math.round(perSecond * seconds)
  const rooms = new Set(clients.map(({ room }) => room)).size
  await paced(letters, perSecond, (i) => {
    // Spread over all clients, and so over the servers.
    const client = clients[Math.floor(((i % writers) * clients.length) / writers)]
    const ofRoom = writtenIn(client.room)
    const clock = ofRoom.get(client.id) ?? 0
    client.write(client.frame(letterUpdate(client.id, clock)))
    ofRoom.set(client.id, clock + 1)
  })
  await until(() => clients.every(hasAll))
  return { delivered: (letters * clients.length) / rooms }
}

function writtenIn(room) {
  if (!written.has(room)) written.set(room, new Map())
  return written.get(room)
}

const hasAll = ({ room, heard }) =>
  [...writtenIn(room)].every(([id, end]) => (heard.get(id) ?? 0) >= end)

/** Resolves when `isSo`; looks again whenever something comes. */
async function until(isSo) {
  if (isSo()) return
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('not all that was sent came')), PATIENCE_MS)
    let isDue = false
    changed = () => {
      if (isDue) return
      isDue = true
      setImmediate(() => {
        isDue = false
        if (!isSo()) return
        clearTimeout(timer)
        resolve()
      })
    }
  })
  changed = () => undefined
}

async function paced(count, perSecond, work) {
  const began = performance.now()
  for (let i = 0; i < count; i++) {
    const early = began + (i * 1000) / perSecond - performance.now()
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early))
    work(i)
  }
}

function typed(edits) {
  if (!texts.has(edits)) texts.set(edits, typing(edits))
  return texts.get(edits)
}

/** Each client writes a whole text into its room, in one update, and hears it come back. */
async function write({ edits }) {
  const { whole } = typed(edits)
  for (const client of clients) client.write(client.frame(whole))
  await untilAllHave(edits)
}

async function untilAllHave(edits) {
  const [[typist, end]] = endsOf(typed(edits).whole).toReversed()
  await until(() => clients.every(({ heard }) => (heard.get(typist) ?? 0) >= end))
}

/** The first client types a text, edit by edit, and stays. */
async function typeText({ edits, perSecond }) {
  const { updates } = typed(edits)
  const [client] = clients
  await paced(updates.length, perSecond, (i) => client.write(client.frame(updates[i])))
  await untilAllHave(edits)
}

/** @returns milliseconds from the open socket until all of the text has come and the answer is complete, and its bytes */
async function join({ server, room, edits }) {
  const { text } = typed(edits)
  const doc = new Y.Doc()
  const waiting = []
  let isAnswered = false
  let bytes = 0
  let ended
  const isWhole = new Promise((resolve, reject) => (ended = { resolve, reject }))
  const look = () => {
    for (const { update, at } of waiting.splice(0)) {
      Y.applyUpdate(doc, update)
      if (doc.getText('t').toString() === text) return ended.resolve(at)
    }
  }
  const client = await joinRoom({
    ...{ server, room },
    onUpdate(update, isAnswer) {
      waiting.push({ update: Uint8Array.from(update), at: performance.now() })
      bytes += update.length
      isAnswered ||= isAnswer
      // Looking takes time, in which nothing would be heard.
      if (isAnswered) setImmediate(look)
    },
    onEnd: (why) => ended.reject(new Error(why)),
  })
  const timer = setTimeout(() => ended.reject(new Error('the text did not come')), PATIENCE_MS)
  const at = await isWhole.finally(() => clearTimeout(timer))
  client.close()
  return { ms: at - client.openedAt, bytes }
}

function close() {
  for (const client of clients.splice(0)) client.close()
  written = new Map()
}

serveHelper(async (message) => {
  if (message.open) return open(message.open)
  if (message.type) return type(message.type)
  if (message.write) return write(message.write)
  if (message.typeText) return typeText(message.typeText)
  if (message.join) return join(message.join)
  close()
})
