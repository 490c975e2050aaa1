/** A reader's copy of a document, of which only the account is kept: how long it is, and what was wrong with what came. */
import { makeLedger } from './ledger.js'
import { readRecords } from './records.js'

const empty = new Uint8Array(0)

/** @param from length of the document before anybody of this run wrote: nothing is known of what is in front of it */
export function makeCopy(from) {
  const ledger = makeLedger()
  const faults = { repeated: 0, reordered: 0, altered: 0 }
  let length = from
  let holes = []
  let rest = empty

  /** Moves the end, or fills a hole. @returns the bytes that are new, and whether they come late */
  function place(offset, data) {
    const end = offset + data.length
    if (offset >= length) {
      if (offset > length) {
        holes.push({ from: length, to: offset })
        rest = empty
      }
      length = end
      return { fresh: data, isLate: false }
    }
    const hole = holes.find((each) => offset >= each.from && end <= each.to)
    if (hole === undefined) return again(offset, data)
    holes = holes.flatMap((each) => (each === hole ? without(hole, offset, end) : [each]))
    faults.reordered++
    return { fresh: data, isLate: true }
  }

  function again(offset, data) {
    faults.repeated++
    const fresh = data.subarray(Math.max(0, length - offset))
    length += fresh.length
    return { fresh, isLate: false }
  }

  function read(bytes, offset) {
    const found = readRecords(bytes, offset)
    faults.altered += found.altered
    return found
  }

  function readAtEnd(fresh) {
    const bytes = rest.length === 0 ? fresh : joined(rest, fresh)
    const found = read(bytes, length - bytes.length)
    rest = found.rest
    return found.records
  }

  return {
    faults,
    ledger,
    get length() {
      return length
    },
    /**
     * Notes what came, in whatever order it came.
     * @returns the records in it that had not come before
     */
    receive(offset, data) {
      const { fresh, isLate } = place(offset, data)
      if (fresh.length === 0) return []
      const records = isLate ? read(fresh, offset).records : readAtEnd(fresh)
      return records.filter((record) => {
        const verdict = ledger.note(record)
        if (verdict === 'repeated') faults.repeated++
        if (verdict === 'late' && !isLate) faults.reordered++
        return verdict !== 'repeated'
      })
    },
    /** Appends that never came, as far as the copy can know. */
    missing: () => Math.max(ledger.missing(), holes.length),
  }
}

const without = ({ from, to }, start, end) =>
  [
    { from, to: start },
    { from: end, to },
  ].filter((part) => part.from < part.to)

function joined(one, other) {
  const both = new Uint8Array(one.length + other.length)
  both.set(one)
  both.set(other, one.length)
  return both
}
