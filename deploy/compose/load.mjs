/**
 * Keeps the cluster moving, so that the dashboards have something to show: writers of both protocols, who come through the
 * load balancer, stay for a minute or some, leave and come back elsewhere. It runs in the image of the nodes, beside
 * their code. For measuring there is loadtest/.
 */
import { createDecoder, readVarUint, readVarUint8Array } from 'lib0/decoding'
import { createEncoder, toUint8Array, writeVarUint, writeVarUint8Array } from 'lib0/encoding'
import { setTimeout as sleep } from 'node:timers/promises'
import * as Y from 'yjs'
import { connect } from './dist/client/index.js'

const { LOAD_URL = 'ws://load-balancer', LOAD_WRITERS = '40', LOAD_DOCUMENTS = '10' } = process.env
const LONGEST = 1_000

const between = (least, most) => least + Math.random() * (most - least)
/** Documents of their own for each hour: none grows without end, and the old ones expire. */
const chooseDocument = () => {
  const hour = new Date().toISOString().slice(0, 13)
  return `load-${hour}-${Math.floor(between(0, Number(LOAD_DOCUMENTS)))}`
}

/** Appends lines to a board, and now and then says something that is not kept. */
async function draw(isOver) {
  const board = connect({ url: `${LOAD_URL}/socket`, document: chooseDocument() })
  const utf8 = new TextEncoder()
  board.on('status', ({ error }) => error && console.log(`board: ${error.message}`))
  while (!isOver()) {
    const line = { id: crypto.randomUUID(), at: [between(0, 999), between(0, 999)] }
    await board.append(utf8.encode(`${JSON.stringify(line)}\n`))
    board.broadcast(utf8.encode('pointer'))
    await sleep(between(200, 3_000))
  }
  board.close()
}

const SYNC = 0
const STEP_1 = 0
const STEP_2 = 1
const UPDATE = 2

function frame(kind, bytes) {
  const encoder = createEncoder()
  writeVarUint(encoder, SYNC)
  writeVarUint(encoder, kind)
  writeVarUint8Array(encoder, bytes)
  return toUint8Array(encoder)
}

/** The least of a y-websocket client: writes a text and, when it is long, deletes its beginning. */
async function write(isOver) {
  const doc = new Y.Doc()
  const text = doc.getText('text')
  const socket = new WebSocket(`${LOAD_URL}/yjs/${chooseDocument()}`)
  socket.binaryType = 'arraybuffer'
  socket.onmessage = ({ data }) => hear(doc, socket, new Uint8Array(data))
  const ended = new Promise((resolve) => (socket.onclose = resolve))
  await new Promise((resolve, reject) => {
    socket.onopen = resolve
    socket.onerror = () => reject(new Error('room: no connection'))
  })
  socket.send(frame(STEP_1, Y.encodeStateVector(doc)))
  doc.on('update', (update, origin) => origin !== socket && socket.send(frame(UPDATE, update)))
  while (!isOver() && socket.readyState === WebSocket.OPEN) {
    text.insert(text.length, 'word ')
    if (text.length > LONGEST) text.delete(0, LONGEST / 2)
    await sleep(between(100, 1_500))
  }
  socket.close()
  await ended
  doc.destroy()
}

function hear(doc, socket, message) {
  const decoder = createDecoder(message)
  if (readVarUint(decoder) !== SYNC) return
  const kind = readVarUint(decoder)
  const bytes = readVarUint8Array(decoder)
  if (kind === STEP_1) socket.send(frame(STEP_2, Y.encodeStateAsUpdate(doc, bytes)))
  else Y.applyUpdate(doc, bytes, socket)
}

async function comeAndGo(work) {
  await sleep(between(0, 10_000))
  for (;;) {
    const until = Date.now() + between(60_000, 180_000)
    await work(() => Date.now() > until).catch((error) => console.log(error.message))
    await sleep(between(500, 3_000))
  }
}

for (let writer = 0; writer < Number(LOAD_WRITERS); writer++) {
  void comeAndGo(writer % 2 === 0 ? draw : write) // never rejects
}
console.log(`${LOAD_WRITERS} writers at ${LOAD_URL}`)
