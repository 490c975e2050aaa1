/** Taking one record out of a log of records (`size:u32be bytes`; a set top bit: filler) without moving any offset. */
import type { Epoch } from '../core/ports.ts'
import { ROW_BYTES } from './batch.ts'
import type { Query } from './pool.ts'

const HEADER = 4
const FILLER = 0x80000000

/**
 * The rows of the append that holds the byte at $2: all but its last are $3 long, so they can be looked up. Rows of another
 * append that has the same id may be among them.
 */
const APPEND_ROWS = {
  name: 'append-rows',
  text: `with here as (
      select "offset", append_id from document_chunks where key = $1 and "offset" <= $2
      order by "offset" desc limit 1
    )
    select c."offset", octet_length(c.data)
    from here cross join generate_series(-256, 256) as step
      join document_chunks c on c.key = $1 and c."offset" = here."offset" + step * $3::int8
    where c.append_id = here.append_id
    order by c."offset" for update of c`,
}
const BYTES = {
  name: 'log-bytes',
  text: `select string_agg(substring(data from greatest($2 - "offset", 0)::int4 + 1
      for (least($3, "offset" + octet_length(data)) - greatest($2, "offset"))::int4), '' order by "offset")
    from document_chunks where key = $1 and "offset" = any ($4::int8[]) and "offset" < $3
      and "offset" + octet_length(data) > $2`,
}
const KEEP = {
  name: 'quarantine',
  text: `insert into yjs_quarantine (key, "offset", data, reason) values ($1, $2, $3, $4)
    on conflict (key, "offset") do nothing`,
}
const OVERWRITE = {
  name: 'overwrite',
  text: `update document_chunks set data = overlay(data placing $4::bytea from $3::int4 + 1)
    where key = $1 and "offset" = $2`,
}

interface Range {
  readonly from: number
  readonly to: number
}

/** In a transaction. @returns whether anything had to be done */
export async function quarantine(
  query: Query,
  epoch: Epoch,
  offset: number,
  reason: string,
): Promise<boolean> {
  const rows = contiguous(
    (await query(APPEND_ROWS, [epoch, offset, ROW_BYTES])).map(([from, size]) => ({
      from: from as number,
      to: (from as number) + (size as number),
    })),
    offset,
  )
  const [first, last] = [rows[0], rows.at(-1)]
  if (!first || !last) return false
  const offsets = `{${rows.map(({ from }) => from).join(',')}}`
  const bytes = async ({ from, to }: Range): Promise<Buffer> => {
    const [row] = await query(BYTES, [epoch, from, to, offsets])
    return row?.[0] as Buffer
  }
  const append = { from: first.from, to: last.to }
  const range = reach(append, offset, await bytes({ from: offset, to: offset + HEADER }))
  if (!range) return false
  await query(KEEP, [epoch, range.from, await bytes(range), reason])
  const header = Buffer.alloc(HEADER)
  header.writeUInt32BE(FILLER + (range.to - range.from - HEADER))
  for (const row of rows) {
    const at = Math.max(row.from, range.from)
    const part = header.subarray(at - range.from, row.to - range.from)
    if (part.length > 0) await query(OVERWRITE, [epoch, row.from, at - row.from, part])
  }
  return true
}

/** The run that holds the offset; empty when no row does. */
function contiguous(rows: readonly Range[], offset: number): Range[] {
  let run: Range[] = []
  for (const row of rows) {
    if (run.at(-1)?.to !== row.from) {
      if (run.some(({ to }) => to > offset)) break
      run = []
    }
    run.push(row)
  }
  return run.some(({ from, to }) => from <= offset && offset < to) ? run : []
}

/** What becomes filler: the record, or as much as the append has; all of it where not even a header fits. */
function reach(append: Range, offset: number, header: Buffer): Range | undefined {
  if (header.length < HEADER) return append.to - append.from < HEADER ? undefined : append
  const size = header.readUInt32BE()
  const end = offset + HEADER + (size % FILLER)
  if (size >= FILLER && end <= append.to) return undefined
  return { from: offset, to: Math.min(end, append.to) }
}
