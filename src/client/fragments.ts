/**
 * Messages ↔ frames (spec section 3). The first frame of a message is its first bytes with `more` = 1; each further one is
 * `ff more part`, and the last has `more` = 0. Frames of two messages never mix within one direction.
 */
import { concat, u8 } from './bytes.ts'
import type { Bytes } from './bytes.ts'
import { code, readServerMessage } from './codec.ts'
import type { Append, ServerMessage } from './codec.ts'

/** Cuts a message into frames of at most `largest` bytes. */
export function splitFrames(message: Bytes, largest: number): Bytes[] {
  if (message.length <= largest) return [message]
  const first = message.slice(0, largest)
  first[1] = 1
  const frames = [first]
  for (let at = largest; at < message.length; at += largest - 2) {
    const isLast = at + largest - 2 >= message.length
    const header = [u8(code.continuation), u8(isLast ? 0 : 1)]
    frames.push(concat([...header, message.subarray(at, at + largest - 2)]))
  }
  return frames
}

/** A message, or a part of an append: `last` is false while parts of the same append are to come. */
export type Arrival = ServerMessage & { readonly last: boolean }

interface Unfinished {
  parts: Uint8Array[]
  /** Set once an append's header is in: where its next part begins. */
  append?: { generation: number; next: number }
}

const appendHeader = { [code.append]: 14, [code.appendV2]: 10 }
const headerLength = (type: number | undefined) =>
  type === code.append || type === code.appendV2 ? appendHeader[type] : Infinity

/**
 * Puts frames together again. The parts of an append come out one by one, each an append at its own offset: what has
 * arrived of a large document is kept when the connection is lost in the middle, and is never held twice.
 * @returns a function from a frame to what it completes; it throws RangeError when the frame is malformed
 */
export function makeAssembler(): (frame: Uint8Array) => Arrival | undefined {
  let unfinished: Unfinished | undefined

  function partOfAppend(state: Unfinished, data: Uint8Array, last: boolean): Arrival | undefined {
    if (!state.append) {
      state.parts = [concat([...state.parts, data])]
      const head = state.parts[0]!
      if (!last && head.length < headerLength(head[0])) return undefined
      const read = readServerMessage(head) as Append
      state.append = { generation: read.generation, next: read.offset + read.data.length }
      return { ...read, last }
    }
    const { generation, next } = state.append
    state.append.next += data.length
    return { type: 'append', generation, offset: next, data, last }
  }

  function part(state: Unfinished, data: Uint8Array, last: boolean): Arrival | undefined {
    if (headerLength(state.parts[0]?.[0] ?? data[0]) < Infinity) {
      return partOfAppend(state, data, last)
    }
    state.parts.push(data)
    return last ? { ...readServerMessage(concat(state.parts)), last } : undefined
  }

  return (frame) => {
    if (frame.length < 2) throw new RangeError('frame shorter than its header')
    const last = frame[1] === 0
    const isContinuation = frame[0] === code.continuation
    if (isContinuation && !unfinished) return { type: 'unknown', last: true }
    if (!isContinuation && unfinished) throw new RangeError('a message began inside another one')
    if (!unfinished && last) return { ...readServerMessage(frame), last }
    const state = (unfinished ??= { parts: [] })
    if (last) unfinished = undefined
    return part(state, isContinuation ? frame.subarray(2) : frame, last)
  }
}
