/**
 * A WebSocket client with a zwibbler V2 client on top, as lean as it gets: it shares the machine with what it measures.
 * Frames are masked with zero, which changes nothing of them and is allowed.
 */
import { connect } from 'node:net'

const BINARY = 0x82
const MASKED = 0x80
const PONG = Buffer.from([0x8a, MASKED, 0, 0, 0, 0])
const OPCODE = { close: 8, ping: 9 }

export const types = { init: 1, append: 2, answer: 0x81 }
/** `type more offset:u64`: where the data of an append begins. */
export const APPEND_HEAD = 10
const ANSWER_STORED = 1

/** @returns a whole frame around `payload` */
export function frameOf(payload) {
  const { length } = payload
  if (length > 0xffff) throw new Error('larger than this client needs')
  const head = length < 126 ? Buffer.alloc(6) : Buffer.alloc(8)
  head[0] = BINARY
  head[1] = MASKED | (length < 126 ? length : 126)
  if (length >= 126) head.writeUInt16BE(length, 2)
  return Buffer.concat([head, payload])
}

/** @param offset bytes that the client has already; `maxFrame` 0: the server's default */
export function initFrame(id, offset = 0) {
  const head = Buffer.alloc(18)
  head[0] = types.init
  head.writeUInt16BE(2, 2)
  head.writeBigUInt64BE(BigInt(offset), 9)
  head[17] = id.length
  return frameOf(Buffer.concat([head, Buffer.from(id)]))
}

/** One append that is sent again and again: only its offset changes. */
export function makeAppend(size) {
  const payload = Buffer.alloc(APPEND_HEAD + size, 'a')
  payload[0] = types.append
  payload[1] = 0
  const frame = frameOf(payload)
  const at = frame.length - size - 8
  return {
    frame,
    /** @returns the frame, valid until the next call */
    at(offset) {
      frame.writeUInt32BE(Math.floor(offset / 2 ** 32), at)
      frame.writeUInt32BE(offset % 2 ** 32, at + 4)
      return frame
    },
  }
}

/** @returns the new length when `message` says that an append was stored */
export function lengthStored(message) {
  if (message[0] !== types.answer || message[3] !== ANSWER_STORED) return undefined
  return message.readUInt32BE(4) * 2 ** 32 + message.readUInt32BE(8)
}

/** Cuts a stream of unmasked frames; `onFrame(opcode, payload)` must use the payload at once. */
function makeParser(onFrame) {
  let rest = Buffer.alloc(0)
  return (chunk) => {
    const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    while (data.length - at >= 2) {
      let size = data[at + 1]
      let head = 2
      if (size === 126) {
        if (data.length - at < 4) break
        size = data.readUInt16BE(at + 2)
        head = 4
      } else if (size === 127) {
        if (data.length - at < 10) break
        size = Number(data.readBigUInt64BE(at + 2))
        head = 10
      }
      const end = at + head + size
      if (data.length < end) break
      onFrame(data[at] & 15, data.subarray(at + head, end))
      at = end
    }
    // A copy: the chunk's memory is used for the next one, of whichever socket.
    rest = at === data.length ? rest.subarray(0, 0) : Buffer.from(data.subarray(at))
  }
}

const shared = Buffer.alloc(256 * 1024)

/**
 * @param onMessage called with each message's payload, to be used at once, and the socket
 * @param onEnd called once with the reason when the connection ends, unless it was `destroy`ed
 */
export function openSocket({ port, path = '/socket', onMessage, onEnd }) {
  return new Promise((resolve, reject) => {
    let isOpen = false
    let early = Buffer.alloc(0)
    const end = (why) => {
      if (isOpen) onEnd(why)
      else reject(new Error(`no WebSocket at port ${port}: ${why}`))
      socket.destroy()
    }
    const parse = makeParser((opcode, payload) => {
      if (opcode === OPCODE.ping) socket.write(PONG)
      else if (opcode === OPCODE.close)
        end(`closed ${payload.length < 2 ? '' : payload.readUInt16BE(0)}`)
      else onMessage(payload, socket)
    })
    const shake = (chunk) => {
      early = Buffer.concat([early, chunk])
      const at = early.indexOf('\r\n\r\n')
      if (at < 0) return
      const status = early.toString('latin1', 9, 12)
      if (status !== '101') return end(`answered ${status}`)
      isOpen = true
      resolve(socket)
      if (early.length > at + 4) parse(early.subarray(at + 4))
    }
    const callback = (size) => {
      if (isOpen) parse(shared.subarray(0, size))
      else shake(shared.subarray(0, size))
      return true
    }
    const socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: { buffer: shared, callback },
    })
    socket.on('error', (error) => end(error.code))
    socket.on('close', () => !socket.destroyed && end('closed'))
    socket.on('end', () => end('the server closed the connection'))
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    )
  })
}
