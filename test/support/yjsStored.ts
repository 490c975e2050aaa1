import * as Y from 'yjs'
import { IdSet } from '../../src/surfaces/yjs/update/id-set.ts'
import { withClient } from './databases.ts'

/** Ids of what was inserted and of what was deleted. */
export interface Ids {
  readonly structs: IdSet
  readonly deletes: IdSet
}

export const noIds = (): Ids => ({ structs: new IdSet(), deletes: new IdSet() })

/** Adds what an update holds, as the library reads it. */
export function addIds(ids: Ids, update: Uint8Array): void {
  const { structs, ds } = Y.decodeUpdate(update)
  for (const struct of structs) {
    const { client, clock } = struct.id
    if (!(struct instanceof Y.Skip)) ids.structs.add(client, clock, clock + struct.length)
  }
  for (const [client, ranges] of ds.clients)
    for (const { clock, len } of ranges) ids.deletes.add(client, clock, clock + len)
}

/** @returns one sentence for each client of whose edits something is missing in `has` */
export function missing(has: Ids, wanted: Ids): string[] {
  const kinds = ['structs', 'deletes'] as const
  return kinds.flatMap((kind) =>
    [...wanted[kind].clients]
      .filter(([client, ranges]) => !has[kind].covers(setOf(client, ranges)))
      .map(([client, ranges]) => {
        const there = has[kind].clients.get(client) ?? []
        return `of ${kind} of client ${client} told, ${ranges.join(' ')}, only ${there.join(' ')} are there`
      }),
  )
}

function setOf(client: number, ranges: readonly number[]): IdSet {
  const set = new IdSet()
  for (let i = 0; i < ranges.length; i += 2) set.add(client, ranges[i]!, ranges[i + 1]!)
  return set
}

export interface StoredRoom {
  readonly updates: readonly Uint8Array[]
  readonly ids: Ids
  readonly segments: number
  /** All that its updates make. */
  doc(): Y.Doc
}

/** A room as Postgres has it at this moment, past any node and in one look: what it was folded into, then its log. */
export async function readRoom(databaseUrl: string, room: string): Promise<StoredRoom> {
  const { parts, segments } = await withClient(databaseUrl, async (client) => {
    await client.query('begin isolation level repeatable read read only')
    const documents = await client.query<{ key: string }>(
      'select key from documents where id = $1',
      [`yjs/${room}`],
    )
    const key = documents.rows[0]?.key
    if (key === undefined) return { parts: [], segments: 0 }
    const found = await client.query<{ content: string; to_offset: string }>(
      `select content, to_offset from document_segments where key = $1 and replaced_at is null
       order by from_offset`,
      [key],
    )
    const bytesFrom = async (epoch: string, from: number): Promise<Buffer> => {
      const chunks = await client.query<{ offset: string; data: Buffer }>(
        `select "offset", data from document_chunks where key = $1 and "offset" + octet_length(data) > $2
         order by "offset"`,
        [epoch, from],
      )
      let end = from
      const bytes = chunks.rows.map(({ offset, data }) => {
        const at = Number(offset)
        if (at > end) throw new Error(`${room}: a hole at ${end} of ${epoch}`)
        const skipped = end - at
        end = at + data.length
        return data.subarray(skipped)
      })
      return Buffer.concat(bytes)
    }
    const contents = []
    for (const { content } of found.rows) contents.push(await bytesFrom(content, 0))
    contents.push(await bytesFrom(key, Number(found.rows.at(-1)?.to_offset ?? 0)))
    return { parts: contents, segments: found.rows.length }
  })
  const updates = parts.flatMap((part) => [...recordsOf(room, part)])
  const ids = noIds()
  for (const update of updates) addIds(ids, update)
  const doc = (): Y.Doc => {
    const made = new Y.Doc()
    for (const update of updates) Y.applyUpdate(made, update)
    return made
  }
  return { updates, ids, segments, doc }
}

/** `size:u32be bytes`; a set top bit: filler. */
function* recordsOf(room: string, bytes: Buffer): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length;) {
    const size = bytes.readUInt32BE(at)
    const end = at + 4 + (size % 2 ** 31)
    if (end > bytes.length) throw new Error(`${room}: a record at ${at} runs over the end`)
    if (size < 2 ** 31) yield bytes.subarray(at + 4, end)
    at = end
  }
}
