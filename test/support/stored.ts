import { withClient } from './databases.ts'

/** The id of a Zwibbler document in the store. */
export const storedId = (document: string): string => `zwibbler/${document}`

/**
 * A document as Postgres has it, past any node.
 * @throws Error when its chunks leave a hole, overlap, or do not add up to its length (invariant 3)
 */
export async function readStored(databaseUrl: string, document: string): Promise<Uint8Array> {
  return await withClient(databaseUrl, async (client) => {
    const found = await client.query<{ key: string; length: string }>(
      'select key, length from documents where id = $1',
      [storedId(document)],
    )
    const row = found.rows[0]
    if (!row) throw new Error(`${document} is not stored`)
    const chunks = await client.query<{ offset: string; data: Buffer }>(
      'select "offset", data from document_chunks where key = $1 order by "offset"',
      [row.key],
    )
    let end = 0
    for (const { offset, data } of chunks.rows) {
      if (Number(offset) !== end)
        throw new Error(`[I3] ${document}: a chunk at ${offset}, expected ${end}`)
      end += data.length
    }
    if (end !== Number(row.length))
      throw new Error(`[I3] ${document}: ${end} bytes, length ${row.length}`)
    return Buffer.concat(chunks.rows.map(({ data }) => data))
  })
}
