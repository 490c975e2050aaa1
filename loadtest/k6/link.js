/** A WebSocket that comes back: by itself when it breaks, when it is told to after it was closed. */
import { WebSocket } from 'k6/websockets'
import { count } from './metrics.js'

const FIRST_WAIT_MS = 100
const LAST_WAIT_MS = 2_500
const OPEN = 1

/**
 * @param urls taken in turns, beginning with the `first`
 * @param onMessage called with the bytes and when they came (ms since 1970; before they waited for this loop)
 */
export function makeLink({ urls, first, onOpen, onMessage }) {
  let turn = first
  let failures = 0
  let isWanted = false
  let current

  function open() {
    const socket = new WebSocket(urls[turn++ % urls.length])
    let wasOpen = false
    current = socket
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => {
      wasOpen = true
      if (current === socket) onOpen()
      else socket.close()
    }
    socket.onmessage = (event) => {
      if (current === socket) onMessage(new Uint8Array(event.data), event.timestamp)
    }
    socket.onerror = (event) => {
      if (current === socket && !wasOpen) complain(`no connection: ${event.error}`)
    }
    socket.onclose = (event) => {
      if (current === socket) ended(wasOpen, event)
    }
  }

  function ended(wasOpen, { code, reason }) {
    current = undefined
    if (wasOpen) complain(`a connection ended: ${code ?? 'without a farewell'} ${reason ?? ''}`)
    count(wasOpen ? 'connections_lost' : 'handshakes_refused')
    // Spread, as those who are refused together should not come back together.
    const longest = Math.min(LAST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures++)
    setTimeout(
      () => {
        if (isWanted && current === undefined) open()
      },
      (0.5 + Math.random() / 2) * longest,
    )
  }

  return {
    open() {
      isWanted = true
      open()
    },
    /** To be called when the server has let us in. */
    succeeded() {
      failures = 0
    },
    send(bytes) {
      if (current?.readyState === OPEN) current.send(bytes)
    },
    /** Nothing is heard of the connection any more. */
    close() {
      isWanted = false
      const socket = current
      current = undefined
      // One that is connecting is closed when it opens: k6 would block on it, for ever if nobody answers.
      if (socket?.readyState === OPEN) socket.close()
    },
  }
}

let hasComplained = false

/** Once for each loop: a thousand clients have the same trouble. */
function complain(what) {
  if (!hasComplained) console.warn(what)
  hasComplained = true
}
