/** Sockets that only listen, in a process of their own. They count bytes: a server may put several appends into one message. */
import { serveHelper, tellFailure } from '../support/process.mjs'
import { APPEND_HEAD, initFrame, openSocket } from '../support/wire.mjs'

const OPENING = 100
const HEAR_MS = 30_000
const sockets = []
let heard = 0
let wanted = Infinity
let isEnough = () => undefined

/** @param id document to join; without it the socket is only opened */
async function openListener({ port, path, id }) {
  let joined
  const isJoined = id === undefined ? undefined : new Promise((resolve) => (joined = resolve))
  const socket = await openSocket({
    port,
    path,
    onMessage(message) {
      if (joined) {
        joined()
        joined = undefined
        return
      }
      heard += message.length - APPEND_HEAD
      if (heard >= wanted) isEnough()
    },
    onEnd: (why) => tellFailure(`a socket ended: ${why}`),
  })
  if (id !== undefined) socket.write(initFrame(id))
  await isJoined
  sockets.push(socket)
}

/** @param ids one socket each, in this order */
async function open({ port, path, ids }) {
  const rest = [...ids]
  const openRest = async () => {
    while (rest.length > 0) await openListener({ port, path, id: rest.pop() ?? undefined })
  }
  await Promise.all(Array.from({ length: OPENING }, openRest))
}

/** Resolves when so many bytes of appends have been heard in all. */
async function hear(bytes) {
  wanted = bytes
  if (heard >= bytes) return
  const timer = setTimeout(() => tellFailure(`heard ${heard} of ${bytes} bytes`), HEAR_MS)
  await new Promise((resolve) => (isEnough = resolve))
  clearTimeout(timer)
}

serveHelper(async (message) => {
  if (message.open) return open(message.open)
  if (message.hear !== undefined) return hear(message.hear)
  for (const socket of sockets.splice(0)) socket.destroy()
})
