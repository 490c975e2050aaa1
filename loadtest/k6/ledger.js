/** Of each author, which of its numbered changes have come: each once, in order, none left out. */
export function makeLedger() {
  const authors = new Map()

  function entryOf(author) {
    if (!authors.has(author)) authors.set(author, { next: 1, ahead: new Set(), last: undefined })
    return authors.get(author)
  }

  return {
    /** @returns 'next', or what is wrong: 'repeated', 'early' (others are missing before it), 'late' (later ones were first) */
    note({ author, number, isFarewell }) {
      const entry = entryOf(author)
      if (number < entry.next || entry.ahead.has(number)) return 'repeated'
      if (isFarewell) entry.last = number
      const wasLate = entry.ahead.size > 0
      entry.ahead.add(number)
      if (number > entry.next) return 'early'
      while (entry.ahead.delete(entry.next)) entry.next++
      return wasLate ? 'late' : 'next'
    },
    has: (author, number) => {
      const entry = authors.get(author)
      return entry !== undefined && (number < entry.next || entry.ahead.has(number))
    },
    /** Whether all authors from 0 to `count` have said farewell. */
    isOver(count) {
      for (let author = 0; author < count; author++)
        if (authors.get(author)?.last === undefined) return false
      return true
    },
    /** How many did not come of those that must have been there. */
    missing() {
      let sum = 0
      for (const { next, ahead } of authors.values())
        sum += ahead.size === 0 ? 0 : Math.max(...ahead) + 1 - next - ahead.size
      return sum
    },
  }
}
