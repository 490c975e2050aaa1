/** Load generator, a process of its own: one socket per document, each sends its next append when the last is answered. */
import { serveHelper, tellFailure } from '../support/process.mjs'
import {
  APPEND_HEAD,
  initFrame,
  lengthStored,
  makeAppend,
  openSocket,
  types,
} from '../support/wire.mjs'

let appenders = []
let isRunning = false
let isCounting = false
let answers = 0
let unanswered = 0
let allAnswered = () => undefined

async function openAppender(port, id, size) {
  const append = makeAppend(size)
  let length = 0
  let joined
  const isJoined = new Promise((resolve) => (joined = resolve))
  const send = () => {
    unanswered++
    socket.write(append.at(length))
  }
  const socket = await openSocket({
    port,
    onMessage(message) {
      const stored = lengthStored(message)
      if (stored !== undefined) {
        length = stored
        unanswered--
        if (isCounting) answers++
        if (isRunning) send()
        else if (unanswered === 0) allAnswered()
      } else if (message[0] === types.append) {
        length = Number(message.readBigUInt64BE(2)) + message.length - APPEND_HEAD
        joined()
      } else tellFailure(`unexpected answer ${message.toString('hex', 0, 12)}`)
    },
    onEnd: (why) => tellFailure(`a socket ended: ${why}`),
  })
  socket.write(initFrame(id))
  await isJoined
  return { send, close: () => socket.destroy() }
}

async function open({ ports, ids, size }) {
  appenders = []
  for (let i = 0; i < ids.length; i++) {
    appenders.push(await openAppender(ports[i % ports.length], ids[i], size))
  }
}

async function run({ rampMs, ms }) {
  isRunning = true
  for (const { send } of appenders) send()
  await sleep(rampMs)
  const began = performance.now()
  answers = 0
  isCounting = true
  await sleep(ms)
  isCounting = isRunning = false
  const seconds = (performance.now() - began) / 1000
  if (unanswered > 0) await new Promise((resolve) => (allAnswered = resolve))
  return { perSecond: answers / seconds }
}

function close() {
  for (const appender of appenders.splice(0)) appender.close()
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

serveHelper(async (message) => {
  if (message.open) return open(message.open)
  if (message.run) return run(message.run)
  close()
})
