/** One batch of appends as parameters of one statement: arrays of numbers, and all bytes packed into one value. */
import type { DocumentAppends } from '../core/ports.ts'

/** No stored row is larger: reads stay small, and one append of any size is several rows. */
export const ROW_BYTES = 256 * 1024

/** The stored rows that `size` bytes become, by where each begins in them. */
export function rowsOf(size: number): { start: number; size: number }[] {
  const rows = []
  for (let start = 0; start < size; start += ROW_BYTES) {
    rows.push({ start, size: Math.min(ROW_BYTES, size - start) })
  }
  return rows
}

/**
 * Parameters $1 … $9 of the append statement: per document, per row, then the bytes. Rows say how far behind their
 * document's end they begin; positions in the bytes count from 1 in SQL.
 */
export function packBatch(batch: readonly DocumentAppends[]): unknown[] {
  const documents: [number[], number[], number[]] = [[], [], []]
  const rows: [number[], number[], number[], number[], number[]] = [[], [], [], [], []]
  const pieces: Uint8Array[] = []
  let packed = 0
  for (const { epoch, expected, chunks } of batch) {
    let added = 0
    for (const { id, data } of chunks) {
      for (const row of rowsOf(data.length)) {
        rows[0].push(epoch)
        rows[1].push(added + row.start)
        rows[2].push(id)
        rows[3].push(packed + row.start + 1)
        rows[4].push(row.size)
      }
      pieces.push(data)
      packed += data.length
      added += data.length
    }
    documents[0].push(epoch)
    documents[1].push(expected)
    documents[2].push(added)
  }
  const bytes = pieces.length === 1 ? pieces[0] : Buffer.concat(pieces, packed)
  return [
    ...documents.map((each) => `{${each.join(',')}}`),
    ...rows.map((each) => `{${each.join(',')}}`),
    bytes,
  ]
}
