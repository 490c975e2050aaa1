/** A client of one document: keeps the account of its copy, and appends with rebase and retry. */
import { makeCopy } from './copy.js'
import { makeLink } from './link.js'
import { count, time } from './metrics.js'
import { makeRecord } from './records.js'
import { answers, decode, encodeAppend, encodeInit, makeAssembler, types } from './zwibblerWire.js'

/**
 * @param id of the document, or a token
 * @param from the length at which this run found the document
 * @param author number of this client among the document's writers; without it it only reads
 */
export function makeClient({ urls, first, id, from, author, size }) {
  const copy = makeCopy(from)
  const link = makeLink({ urls, first, onOpen, onMessage })
  let assemble
  let joinedAt
  let onJoined
  let number = 0
  const counted = { seen: 0, acknowledged: 0 }
  /** The append that is not known to be stored; `refusedAt`: the length to have before it is sent again. */
  let pending
  /** Numbers of the appends that this connection owes an answer for. One may be resent and turn out to be stored. */
  let owed = []

  function onOpen() {
    assemble = makeAssembler()
    joinedAt = undefined
    owed = []
    link.send(encodeInit(id, copy.length))
  }

  function onMessage(frame, at) {
    const whole = assemble(frame)
    if (whole === undefined) return
    const message = decode(whole)
    if (message.type === types.append) heard(message, at)
    else if (message.type === types.answer) answered(message, at)
    else if (message.type === types.error) wrong(`error ${message.code}: ${message.text}`)
  }

  function heard({ offset, data }, at) {
    const records = copy.receive(offset, data)
    counted.seen += records.length
    for (const { sentAt } of records)
      if (sentAt >= joinedAt) time('screen_to_screen', Math.floor(at) - sentAt)
    // Sent before the connection broke, and stored.
    if (pending && copy.ledger.has(author, pending.number)) settle(at)
    if (joinedAt === undefined) joined(data.length)
    else if (pending?.refusedAt <= copy.length) send()
  }

  function joined(bytes) {
    joinedAt = Date.now()
    link.succeeded()
    onJoined?.(bytes)
    onJoined = undefined
    if (pending) send()
  }

  function answered({ result, length }, at) {
    const about = owed.shift()
    if (about === undefined) return wrong('an answer to nothing')
    if (result === answers.notAllowed) return wrong('not allowed to write')
    if (result === answers.refused) return refused(about, length)
    if (about !== pending?.number) return wrong(`stored number ${about} twice`)
    const end = pending.offset + pending.bytes.length
    if (length !== end) wrong(`stored up to ${length}, not ${end}`)
    copy.receive(pending.offset, pending.bytes)
    settle(at)
  }

  function refused(about, length) {
    count('conflicts')
    if (length < copy.length) wrong(`refused at ${length}, after ${copy.length} bytes had come`)
    if (about !== pending?.number) return
    pending.refusedAt = length
    if (length === copy.length) send()
  }

  function settle(at) {
    const { began, resolve } = pending
    pending = undefined
    counted.acknowledged++
    time('acknowledged_after', Math.max(0, at - began))
    resolve()
  }

  function send() {
    if (joinedAt === undefined) return
    const offset = copy.length
    const bytes = makeRecord({ ...pending, author, size, offset, sentAt: Date.now() })
    pending = { ...pending, offset, bytes, refusedAt: undefined }
    owed.push(pending.number)
    link.send(encodeAppend(offset, bytes))
  }

  function wrong(what) {
    console.error(`${id}: ${what}`)
    count('answers_wrong')
  }

  return {
    copy,
    /** @param onceIn called with the number of bytes that were new when the server has let us in */
    join(onceIn) {
      onJoined = onceIn
      link.open()
    },
    leave() {
      joinedAt = undefined
      link.close()
    },
    /** Resolves when the server has acknowledged it; one at a time. */
    append: (isFarewell = false) =>
      new Promise((resolve) => {
        pending = { number: ++number, isFarewell, began: Date.now(), resolve }
        send()
      }),
    /** Says what was counted; to be called once. */
    report() {
      count('changes_seen', counted.seen)
      count('changes_acknowledged', counted.acknowledged)
      count('changes_unanswered', pending ? 1 : 0)
      count('changes_missing', copy.missing())
      for (const [kind, times] of Object.entries(copy.faults)) count(`changes_${kind}`, times)
    },
  }
}

/** An append that cannot be right: its refusal says how long the document is. */
const NOWHERE = 2 ** 50

/** @returns the length of the document, which is made if it does not exist */
export function lengthOf({ url, id }) {
  const nothing = new Uint8Array(0)
  return new Promise((resolve, reject) => {
    const link = makeLink({
      ...{ urls: [url], first: 0 },
      onOpen: () => link.send(encodeInit(id, 0)),
      onMessage(frame) {
        if (frame[0] === types.append) return link.send(encodeAppend(NOWHERE, nothing))
        const { type, length, text } = decode(frame)
        if (type === types.error) reject(new Error(`${id}: ${text}`))
        if (type === types.answer) resolve(length)
        if (type === types.error || type === types.answer) link.close()
      },
    })
    link.open()
  })
}
