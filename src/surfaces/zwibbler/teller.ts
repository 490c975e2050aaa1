/** What the core has to tell one client, in the protocol's bytes: layout of its version, frames of its size. */
import type { AppendAnswer, EndReason, Entry, Ephemeral, Memo, Sink } from '../../collab/answers.ts'
import { closeCodes } from '../../core/errors.ts'
import type { KeyChange, Outlet } from '../../core/ports.ts'
import {
  appendHead,
  appendResults,
  encodeAppend,
  encodeAppendAnswer,
  encodeBroadcast,
  encodeError,
  encodeKeyAnswer,
  encodeKeys,
  errors,
  types,
  type Version,
} from './codec.ts'
import { makeMessageWriter, sendMessage } from './fragments.ts'

export interface TellerOptions {
  readonly outlet: Outlet
  readonly version: Version
  /** Bytes of the largest frame. */
  readonly maxFrame: number
  /** Goes into every append of a client that asked for epochs; 0 for the others. */
  readonly generation: () => number
  readonly onEnd: (reason: EndReason, cause: unknown) => void
}

export interface Teller extends Sink {
  /** Sends an error frame, if a frame may be sent now, and closes. */
  refuse(error: { readonly code: number; readonly text: string }, closeCode?: number): void
}

export function makeTeller({
  outlet,
  version,
  maxFrame,
  generation,
  onEnd,
}: TellerOptions): Teller {
  const send = (frame: Uint8Array) => outlet.send(frame)
  const sendWhole = (message: Uint8Array) => sendMessage(message, maxFrame, send)
  const writer = makeMessageWriter(maxFrame, send)

  /** Encoded once for all sessions that get the same bytes. */
  function shared(memo: Memo | undefined, name: string, encode: () => Uint8Array): Uint8Array {
    const known = memo?.get(name)
    if (known) return known
    const encoded = encode()
    memo?.set(name, encoded)
    return encoded
  }

  function refuse(
    error: { readonly code: number; readonly text: string },
    closeCode: number = closeCodes.refused,
  ): void {
    if (!writer.isOpen) sendWhole(encodeError(error.code, error.text))
    outlet.end(closeCode, error.text)
  }

  return {
    refuse,
    append({ offset, bytes, memo }: Entry) {
      const data = bytes!
      const name = version === 2 ? '2' : `3/${generation()}`
      sendWhole(shared(memo, name, () => encodeAppend(version, generation(), offset, data)))
    },
    run(offset, bytes, more) {
      if (!writer.isOpen) {
        writer.begin(version === 2 ? types.append2 : types.append3)
        writer.push(appendHead(version, generation(), offset))
      }
      writer.push(bytes)
      if (!more) writer.end()
    },
    answerAppend(answer: AppendAnswer) {
      if (answer.kind === 'missing')
        sendWhole(encodeError(errors.missing.code, errors.missing.text))
      else sendWhole(encodeAppendAnswer(appendResults[answer.kind], answer.length))
    },
    answerKey(tag, stored) {
      sendWhole(encodeKeyAnswer(stored, tag))
    },
    keys(changes: readonly KeyChange[], memo) {
      sendWhole(shared(memo, 'keys', () => encodeKeys(changes)))
    },
    ephemeral({ bytes, memo }: Ephemeral) {
      sendWhole(shared(memo, 'broadcast', () => encodeBroadcast(bytes)))
    },
    end(reason, cause): void {
      onEnd(reason, cause)
      const unavailable = { code: errors.other.code, text: 'storage unavailable' }
      switch (reason) {
        case 'deleted':
          return refuse(errors.missing)
        case 'unavailable':
          return refuse(unavailable, closeCodes.tryLater)
        case 'unknown':
        case 'overload':
          return outlet.end(closeCodes.tryLater, reason)
        case 'broken':
          return refuse({ code: errors.other.code, text: 'internal error' }, closeCodes.tryLater)
        case 'restored':
        case 'draining':
          return outlet.end(closeCodes.draining, reason)
      }
    },
  }
}
