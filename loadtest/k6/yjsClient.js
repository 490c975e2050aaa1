/** An editor of one room: the real Yjs, and on the wire what y-websocket's client says. */
import { createDecoder, readVarString, readVarUint, readVarUint8Array } from 'lib0/decoding'
import { createEncoder, toUint8Array, writeVarString } from 'lib0/encoding'
import { writeVarUint, writeVarUint8Array } from 'lib0/encoding'
import { writeSyncStep1, writeSyncStep2, writeUpdate } from 'y-protocols/sync'
import * as Y from 'yjs'
import { makeLink } from './link.js'

const messages = { sync: 0, awareness: 1, auth: 2 }
const steps = { one: 0, two: 1, update: 2 }

function encode(type, write) {
  const encoder = createEncoder()
  writeVarUint(encoder, type)
  write(encoder)
  // A copy of just these bytes: k6 sends the whole buffer, and does so later.
  return toUint8Array(encoder).slice().buffer
}

/** k6's `crypto.getRandomValues` gives 8 bits where Yjs asks for 32, and two clients of a room would be taken for one. */
export function makeDoc() {
  const doc = new Y.Doc()
  doc.clientID = Math.floor(Math.random() * 2 ** 32)
  return doc
}

/**
 * @param beforeUpdate called with the clocks of an update (`to`, by client) before the document has it, with when it
 *   came and whether the answer to our first question has been heard
 * @param onStored called with the clock up to which the server has stored what this document's client wrote
 */
export function makeYjsClient({ urls, first, doc, beforeUpdate, onStored, onWrong }) {
  const link = makeLink({ urls, first, onOpen, onMessage })
  /** Whether the server has been told what it lacks: until then our changes belong to that answer, and would come twice. */
  let isAnswered = false
  let isSynced = false
  let onceSynced
  let awarenessClock = 0

  doc.on('update', (update, origin) => {
    if (origin !== link && isAnswered) sendSync((to) => writeUpdate(to, update))
  })

  const sendSync = (write) => link.send(encode(messages.sync, write))

  function onOpen() {
    isAnswered = false
    isSynced = false
    sendSync((to) => writeSyncStep1(to, doc))
    point(0)
  }

  function onMessage(bytes, at) {
    const from = createDecoder(bytes)
    const type = readVarUint(from)
    if (type === messages.auth)
      return onWrong(readVarUint(from) === 0 ? readVarString(from) : 'refused')
    if (type !== messages.sync) return
    const step = readVarUint(from)
    const payload = readVarUint8Array(from)
    if (step === steps.one) answer(payload)
    else apply(payload, at)
    if (step === steps.two && !isSynced) synced()
  }

  function answer(stateVector) {
    sendSync((to) => writeSyncStep2(to, doc, stateVector))
    isAnswered = true
  }

  function apply(update, at) {
    const clocks = Y.parseUpdateMeta(update)
    beforeUpdate(clocks, { at, isSynced })
    Y.applyUpdate(doc, update, link)
    const stored = clocks.to.get(doc.clientID)
    if (stored !== undefined) onStored(stored, at)
  }

  function synced() {
    isSynced = true
    link.succeeded()
    onceSynced?.()
    onceSynced = undefined
  }

  /** Where the cursor is, as editors tell each other with each change. */
  function point(cursor) {
    const entry = createEncoder()
    for (const number of [1, doc.clientID, ++awarenessClock]) writeVarUint(entry, number)
    writeVarString(entry, JSON.stringify({ user: { name: `editor ${doc.clientID}` }, cursor }))
    link.send(encode(messages.awareness, (to) => writeVarUint8Array(to, toUint8Array(entry))))
  }

  return {
    point,
    join(onceIn) {
      const began = Date.now()
      onceSynced = () => onceIn(Date.now() - began)
      link.open()
    },
    leave() {
      isAnswered = false
      link.close()
    },
  }
}
