/** Who types in a room, and keeps the account of what all the others type. */
import * as Y from 'yjs'
import { makeLedger } from './ledger.js'
import { count, time } from './metrics.js'
import { makeDoc, makeYjsClient } from './yjsClient.js'

const DELETE_SHARE = 0.2
const LETTERS = 'abcdefghijklmnopqrstuvwxyz '

const textOf = (doc) => doc.getText('text')
/** Each change of the run has an entry here, beside the letters: author, number, when, and whether it was the last one. */
const logOf = (doc, run) => doc.getArray(`k6-${run}`)
const changeOf = ([author, number, sentAt, isFarewell]) => ({ author, number, sentAt, isFarewell })

/** @param author number of the editor in its room. @param editors how many there are */
export function makeEditor({ urls, first, run, author, editors, size }) {
  const doc = makeDoc()
  const text = textOf(doc)
  const log = logOf(doc, run)
  const arrived = makeLedger()
  const faults = { repeated: 0, reordered: 0, altered: 0 }
  const counted = { seen: 0, acknowledged: 0, useless: 0 }
  /** Own changes that the server has not echoed yet, by the clock at their ends. */
  const pending = []
  let number = 0
  let cameAt = 0
  let isHoled = false
  const client = makeYjsClient({ urls, first, doc, beforeUpdate, onStored, onWrong })

  function beforeUpdate({ to }, { at, isSynced }) {
    cameAt = at
    lookForHole()
    // What a client already has may come again in the answer to its question, and of its own changes the echo.
    const others = [...to].filter(([client]) => client !== doc.clientID)
    if (!isSynced || others.length === 0) return
    if (others.every(([client, end]) => end <= Y.getState(doc.store, client))) counted.useless++
  }

  /** Yjs keeps aside what it cannot place yet; when the missing part comes after all, it came out of order. */
  function lookForHole() {
    const wasHoled = isHoled
    isHoled = doc.store.pendingStructs !== null
    if (wasHoled && !isHoled) faults.reordered++
  }

  log.observe((event, { local }) => {
    for (const item of event.changes.added)
      for (const change of item.content.getContent().map(changeOf)) {
        arrived.note(change)
        if (local) continue
        counted.seen++
        time('screen_to_screen', Math.floor(cameAt) - change.sentAt)
      }
  })

  function onStored(clock, at) {
    while (pending.length > 0 && pending[0].clock <= clock) {
      counted.acknowledged++
      time('acknowledged_after', Math.max(0, at - pending.shift().sentAt))
    }
  }

  function onWrong(what) {
    console.error(what)
    count('answers_wrong')
  }

  function type() {
    const at = Math.floor(Math.random() * (text.length + 1))
    const isDeleting = Math.random() < DELETE_SHARE && text.length - at >= size
    if (isDeleting) text.delete(at, size)
    else text.insert(at, wordOf(size))
    return at
  }

  /** Wrong in the log as it is in the end: `missing` apart, as holes count too. */
  function judge() {
    lookForHole()
    const ledger = makeLedger()
    for (const entry of log.toArray()) {
      const verdict = ledger.note(changeOf(entry))
      if (verdict === 'repeated') faults.repeated++
      if (verdict === 'late') faults.reordered++
    }
    return Math.max(ledger.missing(), isHoled ? 1 : 0)
  }

  return {
    join: client.join,
    leave: client.leave,
    change(isFarewell = false) {
      const sentAt = Date.now()
      let cursor = 0
      doc.transact(() => {
        cursor = type()
        log.push([[author, ++number, sentAt, isFarewell]])
      })
      pending.push({ clock: Y.getState(doc.store, doc.clientID), sentAt })
      client.point(cursor)
    },
    isOver: () => arrived.isOver(editors) && pending.length === 0,
    /** Whether another copy is the same as this one. */
    equals: (other) =>
      textOf(other).toString() === text.toString() &&
      JSON.stringify(logOf(other, run)) === JSON.stringify(log),
    /** Says what was counted; to be called once. @returns whether everything came */
    report() {
      const missing = judge()
      count('changes_missing', missing)
      count('changes_unanswered', pending.length)
      count('changes_seen', counted.seen)
      count('changes_acknowledged', counted.acknowledged)
      count('updates_useless', counted.useless)
      for (const [kind, times] of Object.entries(faults)) count(`changes_${kind}`, times)
      return missing === 0 && arrived.isOver(editors)
    },
  }
}

const wordOf = (size) =>
  Array.from({ length: size }, () => LETTERS[Math.floor(Math.random() * LETTERS.length)]).join('')
