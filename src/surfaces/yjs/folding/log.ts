/** A log of records whole in memory, with where each one begins: who puts one aside has to name it. */
const HEAD = 4
const FILLER = 0x80000000

export interface LogRecord {
  readonly at: number
  readonly update: Uint8Array
}

export interface WholeLog {
  readonly records: readonly LogRecord[]
  /** Where a record begins that runs over the end; undefined when all is well. */
  readonly brokenAt: number | undefined
}

/** @param bytes of whole appends; the updates are views of them */
export function readLog(bytes: Uint8Array): WholeLog {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const records: LogRecord[] = []
  let at = 0
  while (at + HEAD <= bytes.length) {
    const size = view.getUint32(at)
    const end = at + HEAD + (size % FILLER)
    if (end > bytes.length) break
    if (size < FILLER) records.push({ at, update: bytes.subarray(at + HEAD, end) })
    at = end
  }
  return { records, brokenAt: at < bytes.length ? at : undefined }
}
