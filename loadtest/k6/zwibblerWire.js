/** The Zwibbler protocol, version 3, as far as a load generator needs it. */
export const types = { init: 1, append: 5, answer: 0x81, error: 0x80, continuation: 0xff }
export const answers = { refused: 0, stored: 1, notAllowed: 2 }
const APPEND_HEAD = 14
const INIT_HEAD = 25
const TWO_32 = 2 ** 32

/** @param id of the document, or a token that stands for it. @param offset bytes that the client has already */
export function encodeInit(id, offset) {
  const name = utf8(id)
  const bytes = new Uint8Array(INIT_HEAD + name.length)
  const view = new DataView(bytes.buffer)
  bytes[0] = types.init
  view.setUint16(2, 3)
  writeUint64(view, 13, offset)
  view.setUint32(21, name.length)
  bytes.set(name, INIT_HEAD)
  return bytes.buffer
}

export function encodeAppend(offset, data) {
  const bytes = new Uint8Array(APPEND_HEAD + data.length)
  bytes[0] = types.append
  writeUint64(new DataView(bytes.buffer), 6, offset)
  bytes.set(data, APPEND_HEAD)
  return bytes.buffer
}

/** @returns the parts of a whole message; only `type` for those that do not matter here */
export function decode(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const type = bytes[0]
  switch (type) {
    case types.append:
      return { type, offset: readUint64(view, 6), data: bytes.subarray(APPEND_HEAD) }
    case types.answer:
      return { type, result: view.getUint16(2), length: readUint64(view, 4) }
    case types.error:
      return { type, code: view.getUint16(2), text: String.fromCharCode(...bytes.subarray(4)) }
    default:
      return { type }
  }
}

/** Puts fragmented messages together: feed frames, get whole messages. */
export function makeAssembler() {
  let parts = []
  return (frame) => {
    if (parts.length === 0 && frame[1] === 0) return frame
    parts.push(parts.length === 0 ? frame : frame.subarray(2))
    if (frame[1] !== 0) return undefined
    const whole = joined(parts)
    parts = []
    return whole
  }
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** k6 has no TextEncoder. */
function utf8(text) {
  const escaped = encodeURIComponent(text).replace(/%([0-9A-F]{2})/g, (_, hex) =>
    String.fromCharCode(parseInt(hex, 16)),
  )
  return new Uint8Array([...escaped].map((letter) => letter.charCodeAt(0)))
}

function writeUint64(view, at, value) {
  view.setUint32(at, Math.floor(value / TWO_32))
  view.setUint32(at + 4, value % TWO_32)
}

const readUint64 = (view, at) => view.getUint32(at) * TWO_32 + view.getUint32(at + 4)
