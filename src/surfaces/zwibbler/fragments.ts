/**
 * The `more` flag (spec 3): every frame is two header bytes and a part of the body; all but the first have type 0xff.
 * The first frame's type counts; a message of L bytes, L ≤ M, is one frame, and there is never an empty closing frame.
 */
import { types } from './codec.ts'

export const DEFAULT_FRAME = 102_400
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
  let parts: Buffer[] = []
  let size = 0
  return {
    push(frame) {
      if (frame.length < 2) return 'broken'
      if (type >= 0 && frame[0] !== types.continuation) return 'broken'
      if (type < 0) type = frame[0]!
      size += frame.length - 2
      if (size > most()) return 'too big'
      const isLast = frame[1] === 0
      if (frame.length > 2) parts.push(Buffer.from(frame.subarray(2))) // a copy: the frame is the socket's
      if (!isLast) return undefined
      const body = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
      const message = { type, body }
      type = -1
      parts = []
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

/** A message whose bytes come in pieces; less than one frame of them is held. */
export function makeMessageWriter(most: number, send: (frame: Uint8Array) => void): MessageWriter {
  const room = most - 2
  let type = -1
  let pieces: Uint8Array[] = []
  let held = 0
  let isOpen = false

  function sendFrame(size: number, isLast: boolean): void {
    const frame = Buffer.allocUnsafe(2 + size)
    frame[0] = type
    frame[1] = isLast ? 0 : 1
    let at = 2
    while (at < frame.length) {
      const piece = pieces[0]!
      const part = piece.subarray(0, frame.length - at)
      frame.set(part, at)
      at += part.length
      if (part.length === piece.length) pieces.shift()
      else pieces[0] = piece.subarray(part.length)
    }
    held -= size
    type = types.continuation
    send(frame)
  }

  return {
    get isOpen() {
      return isOpen
    },
    begin(first) {
      type = first
      isOpen = true
    },
    push(bytes) {
      if (bytes.length > 0) pieces.push(bytes)
      held += bytes.length
      // Only a frame that others follow is sent: the last one must not be empty.
      while (held > room) sendFrame(room, false)
    },
    end() {
      sendFrame(held, true)
      pieces = []
      isOpen = false
    },
  }
}
