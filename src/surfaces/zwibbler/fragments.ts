/**
 * The `more` flag (spec 3): every frame is two header bytes and a part of the body; all but the first have type 0xff.
 * The first frame's type counts; a message of L bytes, L ≤ M, is one frame, and there is never an empty closing frame.
 */
import { types } from './codec.ts'

export const DEFAULT_FRAME = 102_400
const HEAD_BYTES = 2
const NO_FRAME = Buffer.alloc(0)
/** Below 3 bytes a frame could not carry anything. Larger frames than we like to hold are cut smaller. */
const FRAME = { least: 3, most: 1024 * 1024 } as const

export function frameSize(asked: number): number {
  return asked === 0 ? DEFAULT_FRAME : Math.min(FRAME.most, Math.max(FRAME.least, asked))
}

export interface Message {
  readonly type: number
  readonly body: Buffer
}

export interface Assembler {
  /** @returns the message when it is complete, undefined while it is not, 'broken' when the frames make none */
  push(frame: Uint8Array): Message | 'broken' | 'too big' | undefined
}

/** @param most bytes of a body; asked at each frame, since the limit changes with the state of a connection */
export function makeAssembler(most: () => number): Assembler {
  let type = -1
  /** One growing buffer: an object for each of a million tiny parts would take far more than they do. */
  let collected = Buffer.alloc(0)
  let size = 0

  function collect(part: Uint8Array): void {
    const end = size + part.length
    if (end > collected.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, 2 * collected.length))
      larger.set(collected.subarray(0, size))
      collected = larger
    }
    collected.set(part, size)
    size = end
  }

  return {
    push(frame) {
      if (frame.length < 2) return 'broken'
      if (type >= 0 && frame[0] !== types.continuation) return 'broken'
      if (type < 0) type = frame[0]!
      if (size + frame.length - 2 > most()) return 'too big'
      collect(frame.subarray(2)) // a copy: the frame is the socket's
      if (frame[1] !== 0) return undefined
      const message = { type, body: collected.subarray(0, size) }
      type = -1
      collected = Buffer.alloc(0)
      size = 0
      return message
    },
  }
}

/** Sends a whole message, cut when it is larger than `most` bytes. */
export function sendMessage(
  message: Uint8Array,
  most: number,
  send: (frame: Uint8Array) => void,
): void {
  if (message.length <= most) return send(message)
  const writer = makeMessageWriter(most, send)
  writer.begin(message[0]!)
  writer.push(message.subarray(2))
  writer.end()
}

export interface MessageWriter {
  /** A message has begun and not ended: nothing else may be sent. */
  readonly isOpen: boolean
  begin(type: number): void
  push(bytes: Uint8Array): void
  end(): void
}

/**
 * A message whose bytes come in pieces; less than one frame of them is held.
 * @param send copies the frame before it returns: the next one is made in the same buffer
 */
export function makeMessageWriter(most: number, send: (frame: Uint8Array) => void): MessageWriter {
  let type = -1
  let frame = NO_FRAME
  let size = 0
  let isOpen = false

  function reserve(room: number): void {
    if (room <= frame.length) return
    const larger = Buffer.allocUnsafe(Math.min(most, Math.max(room, 2 * frame.length)))
    larger.set(frame.subarray(0, size))
    frame = larger
  }

  function sendFrame(isLast: boolean): void {
    frame[0] = type
    frame[1] = isLast ? 0 : 1
    send(frame.subarray(0, size))
    type = types.continuation
    size = HEAD_BYTES
  }

  return {
    get isOpen() {
      return isOpen
    },
    begin(first) {
      type = first
      size = HEAD_BYTES
      reserve(size)
      isOpen = true
    },
    push(bytes) {
      for (let at = 0; at < bytes.length;) {
        // Only a frame that others follow is sent: the last one must not be empty.
        if (size === most) sendFrame(false)
        const part = bytes.subarray(at, at + most - size)
        reserve(size + part.length)
        frame.set(part, size)
        size += part.length
        at += part.length
      }
    },
    end() {
      sendFrame(true)
      frame = NO_FRAME
      isOpen = false
    },
  }
}
