/**
 * The least of a Yjs client, in two dialects: y-websocket, and Hocuspocus, which puts the room's name in front of each
 * message and wants a token first. It has nothing when it joins and keeps nothing.
 */
import { createEncoder, toUint8Array, writeVarString, writeVarUint } from 'lib0/encoding'
import { writeUint8, writeVarUint8Array } from 'lib0/encoding'
import { frameOf, openSocket } from './wire.mjs'

const types = { sync: 0, awareness: 1, auth: 2, syncReply: 4 }
const syncTypes = { step1: 0, step2: 1, update: 2 }
const NO_STATE = Uint8Array.of(0)
const NO_UPDATE = Uint8Array.of(0, 0)

const encode = (write) => {
  const encoder = createEncoder()
  write(encoder)
  return toUint8Array(encoder)
}

/** @returns what comes before each message about a room */
const headOf = (dialect, room) =>
  dialect === 'hocuspocus' ? encode((to) => writeVarString(to, room)) : new Uint8Array()

const syncFrame = (head, kind, bytes) =>
  frameOf(
    Buffer.concat([
      head,
      encode((to) => {
        writeVarUint(to, types.sync)
        writeVarUint(to, kind)
        writeVarUint8Array(to, bytes)
      }),
    ]),
  )

const tokenFrame = (head) =>
  frameOf(
    Buffer.concat([
      head,
      encode((to) => {
        writeVarUint(to, types.auth)
        writeVarUint(to, 0)
        writeVarString(to, '')
      }),
    ]),
  )

const awarenessFrame = (head, id) =>
  frameOf(
    Buffer.concat([
      head,
      encode((to) => {
        writeVarUint(to, types.awareness)
        writeVarUint8Array(
          to,
          encode((entry) => {
            for (const number of [1, id, 1]) writeVarUint(entry, number)
            writeVarString(entry, JSON.stringify({ user: { name: `client ${id}` } }))
          }),
        )
      }),
    ]),
  )

/**
 * Opens a connection, asks for the room at once, and answers whatever the server asks.
 * @param server its port and dialect, and the folder of its rooms as a path
 * @param id says who it is, as clients do that have been given a name; without it nobody sees it
 * @param onUpdate an update came, at its end when it is the answer to what was asked; to be used at once
 */
export async function joinRoom({ server, room, id, onUpdate, onEnd }) {
  const { port, dialect, path = '/' } = server
  const head = headOf(dialect, room)
  const socket = await openSocket({
    ...{ port, path: path + room, onEnd },
    onMessage: hear,
  })
  const openedAt = performance.now()
  if (dialect === 'hocuspocus') socket.write(tokenFrame(head))
  socket.write(syncFrame(head, syncTypes.step1, NO_STATE))
  if (id !== undefined) socket.write(awarenessFrame(head, id))

  function hear(message, from) {
    const type = message[head.length]
    const kind = message[head.length + 1]
    if (type === types.auth) {
      if (dialect !== 'hocuspocus' || kind === 1) onEnd('not let in')
    } else if (type !== types.sync && type !== types.syncReply) return
    else if (kind === syncTypes.step1) from.write(syncFrame(head, syncTypes.step2, NO_UPDATE))
    else onUpdate(bytesAt(message, head.length + 2), kind === syncTypes.step2)
  }

  return {
    openedAt,
    /** @returns the frame, to be written any number of times */
    frame: (update) => syncFrame(head, syncTypes.update, update),
    write: (frame) => socket.write(frame),
    close: () => socket.destroy(),
  }
}

function bytesAt(message, at) {
  while (message[at] >= 0x80) at++
  return message.subarray(at + 1)
}

const TEXT = 't'
const LETTER = 'a'.charCodeAt(0)

/** A letter behind the last one of the same client: what Yjs sends for a key that is pressed. */
export const letterUpdate = (client, clock) =>
  encode((to) => {
    for (const number of [1, 1, client, clock]) writeVarUint(to, number)
    if (clock === 0) {
      writeUint8(to, 4)
      writeVarUint(to, 1)
      writeVarString(to, TEXT)
    } else {
      writeUint8(to, 0x84)
      writeVarUint(to, client)
      writeVarUint(to, clock - 1)
    }
    writeVarString(to, String.fromCharCode(LETTER + (clock % 26)))
    writeVarUint(to, 0)
  })
