/** One side of a large room, or the one client of a small one, whose every letter is timed. A process of its own each. */
import { setTimeout as sleep } from 'node:timers/promises'
import * as Y from 'yjs'
import { serveHelper, tellFailure } from '../support/process.mjs'
import { joinRoom, letterUpdate } from '../support/yjs.mjs'

const PIECE = 60_000
/** Of what is written may be on its way. */
const MOST_AHEAD = 4 * 1024 * 1024
const PAUSE_MS = 10
const ID = 1

const onEnd = (why) => tellFailure(`a socket ended: ${why}`)

function randomText(length) {
  let text = ''
  while (text.length < length) text += Math.random().toString(36).slice(2)
  return text.slice(0, length)
}

/** Writes so many bytes of text into a room, and hears them come back. */
async function fill({ server, room, bytes }) {
  let heard = 0
  const client = await joinRoom({
    ...{ server, room, onEnd },
    onUpdate: (update) => (heard += update.length),
  })
  const doc = new Y.Doc()
  doc.on('update', (update) => client.write(client.frame(update)))
  for (let sent = 0; sent < bytes; sent += PIECE) {
    doc.getText('t').insert(doc.getText('t').length, randomText(PIECE))
    while (sent - heard > MOST_AHEAD) await sleep(1)
  }
  while (heard < bytes) await sleep(10)
  client.close()
}

/** So many clients that have nothing join at once. @returns what they were given, when each has all */
async function join({ server, room, clients }) {
  const began = performance.now()
  const seen = { bytes: 0, largest: 0 }
  const one = async () => {
    let answered
    const isAnswered = new Promise((resolve) => (answered = resolve))
    const client = await joinRoom({
      ...{ server, room, onEnd },
      onUpdate(update, isAnswer) {
        seen.bytes += update.length
        seen.largest = Math.max(seen.largest, update.length)
        if (isAnswer) answered()
      },
    })
    await isAnswered
    client.close()
  }
  await Promise.all(Array.from({ length: clients }, one))
  return { ...seen, ms: performance.now() - began }
}

let times = []
let isTyping = false

/** A letter, its echo, a pause, and again. */
async function type({ server, room }) {
  let echoed = () => undefined
  let isAnswered = false
  const client = await joinRoom({
    ...{ server, room, onEnd },
    onUpdate(_update, isAnswer) {
      if (isAnswer) isAnswered = true
      else echoed()
    },
  })
  while (!isAnswered) await sleep(1)
  isTyping = true
  void (async () => {
    for (let clock = 0; isTyping; clock++) {
      const came = new Promise((resolve) => (echoed = resolve))
      const began = performance.now()
      client.write(client.frame(letterUpdate(ID, clock)))
      await came
      times.push(performance.now() - began)
      await sleep(PAUSE_MS)
    }
    client.close()
  })()
}

/** @returns the times since the last look */
function look() {
  const taken = times
  times = []
  return taken
}

serveHelper(async (message) => {
  if (message.fill) return fill(message.fill)
  if (message.join) return join(message.join)
  if (message.type) return type(message.type)
  if (message.look) return { times: look() }
  isTyping = false
})
