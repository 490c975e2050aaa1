/** Somebody types: letter by letter, here and there in the text, with mistakes taken back. The same each time. */
import * as Y from 'yjs'

const TYPIST = 7_001
/** Letters before the cursor goes elsewhere, at most. */
const STRETCH = 300
const MISTAKES = 0.02
/** Letters taken back at once, at most. */
const REGRET = 10

/** @returns as many updates as edits, the text they make, and the whole as one update */
export function typing(edits) {
  const random = randomFrom(1)
  const doc = new Y.Doc()
  doc.clientID = TYPIST
  const text = doc.getText('t')
  const updates = []
  doc.on('update', (update) => updates.push(update))
  let cursor = 0
  let left = 0
  let wrong = 0
  while (updates.length < edits) {
    if (left-- <= 0) {
      cursor = Math.floor(random() * (text.length + 1))
      left = Math.floor(random() * STRETCH)
    }
    if (wrong === 0 && random() < MISTAKES) wrong = Math.ceil(random() * REGRET)
    wrong = Math.min(wrong, cursor)
    if (wrong > 0) {
      wrong--
      text.delete(--cursor, 1)
    } else text.insert(cursor++, letterOf(random()))
  }
  return { updates, text: text.toString(), whole: Y.encodeStateAsUpdate(doc) }
}

const LETTERS = ' etaoinshrdlu'
const letterOf = (share) => LETTERS[Math.floor(share * LETTERS.length)]

/** mulberry32 */
function randomFrom(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
