/** One client on one document, with promises: for latencies, not for load. */
import { APPEND_HEAD, initFrame, lengthStored, makeAppend, openSocket, types } from './wire.mjs'

/**
 * Joins and appends `size` bytes at a time, one append after the other.
 * @param offset bytes that the client claims to have: joining a large document does not stream it
 */
export async function joinDocument({ port, id, offset = 0, size = 100 }) {
  let waiting
  let length
  let failure
  const socket = await openSocket({
    port,
    onMessage(message) {
      const isAppend = message[0] === types.append
      if (isAppend) length = Number(message.readBigUInt64BE(2)) + message.length - APPEND_HEAD
      const stored = isAppend ? length : lengthStored(message)
      if (stored === undefined) return end(`unexpected answer ${message.toString('hex', 0, 12)}`)
      length = stored
      waiting?.resolve(length)
      waiting = undefined
    },
    onEnd: (why) => end(why),
  })
  function end(why) {
    failure = new Error(`${id}: ${why}`)
    waiting?.reject(failure)
  }
  function next() {
    if (failure) return Promise.reject(failure)
    return new Promise((resolve, reject) => (waiting = { resolve, reject }))
  }
  const append = makeAppend(size)
  const joined = next()
  socket.write(initFrame(id, offset))
  await joined
  return {
    /** Resolves with the new length when something comes: an answer, or another client's append. */
    next,
    /** @returns the new length, when the answer is there */
    append() {
      const answer = next()
      socket.write(append.at(length))
      return answer
    },
    close: () => socket.destroy(),
  }
}
