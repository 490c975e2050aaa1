/** Memory that a node adds while a slow reader joins a huge document. */
import { fillDocument } from '../support/database.mjs'
import { show } from '../support/figures.mjs'
import { forgetPeak, memoryOf, peakOf } from '../support/process.mjs'
import { initFrame, openSocket, types } from '../support/wire.mjs'

const MIB = 1024 * 1024
const LENGTH = 256 * MIB
/** After this much the reader takes a rest. */
const GULP = MIB
const REST_MS = 30
const FIRST_REST_MS = 2_000
const SETTLE_MS = 1_000
const APPENDS = { large: 256 * 1024, small: 100 }

export async function slowJoin({ client, freshNode, say }) {
  const figures = []
  for (const [name, size] of Object.entries(APPENDS)) {
    const id = `join-${name}`
    const length = LENGTH - (LENGTH % size)
    await fillDocument(client, id, { length, size })
    const node = await freshNode()
    try {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
      const before = await memoryOf(node.pid)
      await forgetPeak(node.pid)
      const began = performance.now()
      await readSlowly(node.port, id, length)
      const value = (await peakOf(node.pid)) - before
      const took = ((performance.now() - began) / 1000).toFixed(1)
      say([`${name} appends: ${show(value, 'MiB')} on top of ${show(before, 'MiB')}, ${took} s`])
      figures.push({
        name: `memory for a slow reader's join, 256 MiB of ${name} appends`,
        ...{ value, unit: 'MiB', goal: { most: 32 * MIB } },
        detail: `0 reconnects, ${took} s`,
      })
    } finally {
      await node.stop()
    }
  }
  return figures
}

/** Resolves when the whole document has come, over one connection. */
async function readSlowly(port, id, length) {
  let left = length
  let gulp = 0
  let isFirst = true
  let done
  const whole = new Promise((resolve, reject) => (done = { resolve, reject }))
  const socket = await openSocket({
    port,
    onMessage(message) {
      // The first frame has the head of the append, the others only the two bytes of a continuation.
      const size = message.length - (message[0] === types.append ? 10 : 2)
      left -= size
      gulp += size
      if (left === 0) return done.resolve()
      if (left < 0) return done.reject(new Error('more came than the document has'))
      if (gulp < GULP) return
      gulp = 0
      socket.pause()
      setTimeout(() => socket.resume(), isFirst ? FIRST_REST_MS : REST_MS)
      isFirst = false
    },
    onEnd: (why) => done.reject(new Error(`the reader was cut off: ${why}`)),
  })
  socket.write(initFrame(id))
  await whole
  socket.destroy()
}
