/** Contents: documents that something else holds (a segment, a version), written once and in one transaction. */
import type { Epoch } from '../core/ports.ts'
import type { Pieces } from '../core/segments.ts'
import { ROW_BYTES, rowsOf } from './batch.ts'
import type { Query } from './pool.ts'

/** A multiple of a row; bounds what one statement carries, and so how long the event loop is busy with it. */
const INSERT_BYTES = 4 * ROW_BYTES

const CREATE = {
  name: 'create-content',
  text: `insert into documents (id, length) values ($1 || gen_random_uuid(), $2) returning key`,
}
const INSERT = {
  name: 'insert-content',
  text: `insert into document_chunks (key, "offset", append_id, data)
    select $1, r.o, 0, substring($5::bytea from r.start for r.size)
    from unnest($2::int8[], $3::int4[], $4::int4[]) as r(o, start, size)`,
}

/**
 * In the caller's transaction, which holds no lock of anybody's document meanwhile.
 * @param prefix what the content's id begins with: no surface's
 */
export async function storeContent(
  query: Query,
  prefix: string,
  { pieces, length }: { readonly pieces: Pieces; readonly length: number },
): Promise<Epoch> {
  const [row] = await query(CREATE, [prefix, length])
  const content = row?.[0] as Epoch
  let offset = 0
  for await (const data of inPortions(pieces, Math.min(length, INSERT_BYTES))) {
    const rows = rowsOf(data.length)
    await query(INSERT, [
      content,
      list(rows.map(({ start }) => offset + start)),
      list(rows.map(({ start }) => start + 1)),
      list(rows.map(({ size }) => size)),
      data,
    ])
    offset += data.length
  }
  if (offset !== length) throw new Error(`a content of ${length} bytes has ${offset}`)
  return content
}

/** Each portion is used up before the next one is filled. */
async function* inPortions(pieces: Pieces, size: number): AsyncGenerator<Uint8Array> {
  const portion = Buffer.allocUnsafe(size)
  let filled = 0
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const part = piece.subarray(at, at + size - filled)
      portion.set(part, filled)
      filled += part.length
      at += part.length
      if (filled === size) {
        yield portion
        filled = 0
      }
    }
  }
  if (filled > 0) yield portion.subarray(0, filled)
}

function list(numbers: readonly number[]): string {
  return `{${numbers.join(',')}}`
}
