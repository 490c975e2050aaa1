/**
 * What writers append: records that say all about themselves, so that whoever reads one can tell what is missing, doubled, out
 * of place or altered without asking anybody.
 *
 *    0  u8   'L'
 *    1  u8   0 a change, 1 a farewell: its author appends nothing after it
 *    2  u16  size of the whole record
 *    4  u32  author
 *    8  u32  number, from 1: an author goes on to the next one when the last one is acknowledged
 *   12  u48  offset in the document that the author meant
 *   18  u48  when it was sent, in ms since 1970
 *   24       filling, which follows from author and number
 */
export const RECORD_HEAD = 24
const MAGIC = 0x4c
const TWO_32 = 2 ** 32

const fillOf = (author, number, at) => (author * 31 + number * 7 + at) & 0xff

/** @returns the bytes of a record; never smaller than its head */
export function makeRecord({ author, number, isFarewell, offset, sentAt, size }) {
  const whole = Math.max(size, RECORD_HEAD)
  const bytes = new Uint8Array(whole)
  const view = new DataView(bytes.buffer)
  bytes[0] = MAGIC
  bytes[1] = isFarewell ? 1 : 0
  view.setUint16(2, whole)
  view.setUint32(4, author)
  view.setUint32(8, number)
  writeUint48(view, 12, offset)
  writeUint48(view, 18, sentAt)
  for (let at = RECORD_HEAD; at < whole; at++) bytes[at] = fillOf(author, number, at)
  return bytes
}

/**
 * Cuts whole records off the front of `bytes`.
 * @param offset of the first byte in the document
 * @returns the records, the bytes of an unfinished one, and how many were not what any author wrote there
 */
export function readRecords(bytes, offset) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const records = []
  let altered = 0
  let at = 0
  while (bytes.length - at >= RECORD_HEAD) {
    const size = view.getUint16(at + 2)
    // Where the next record begins is not known any more.
    if (bytes[at] !== MAGIC || size < RECORD_HEAD)
      return { records, altered: altered + 1, rest: empty }
    if (bytes.length - at < size) break
    const record = readRecord(view, bytes, at, size)
    if (record === undefined || record.offset !== offset + at) altered++
    else records.push(record)
    at += size
  }
  return { records, altered, rest: bytes.slice(at) }
}

const empty = new Uint8Array(0)

function readRecord(view, bytes, start, size) {
  const author = view.getUint32(start + 4)
  const number = view.getUint32(start + 8)
  for (let at = RECORD_HEAD; at < size; at++)
    if (bytes[start + at] !== fillOf(author, number, at)) return undefined
  return {
    author,
    number,
    isFarewell: bytes[start + 1] === 1,
    offset: readUint48(view, start + 12),
    sentAt: readUint48(view, start + 18),
  }
}

function writeUint48(view, at, value) {
  view.setUint16(at, Math.floor(value / TWO_32))
  view.setUint32(at + 2, value % TWO_32)
}

const readUint48 = (view, at) => view.getUint16(at) * TWO_32 + view.getUint32(at + 2)
