import { IdSet } from './id-set.ts'

/** Number of structs, and of clients. */
const UPDATE_HEAD = 1 + 4
/** The most that a client and the number of its ranges take. */
const CLIENT_HEAD = 8 + 4

/** Updates without structs that together hold the deletions. */
export function cutDeletes(deletes: IdSet, most: number): Uint8Array[] {
  const updates: Uint8Array[] = []
  let part = new IdSet()
  let size = UPDATE_HEAD
  const close = (): void => {
    if (!part.isEmpty) updates.push(deleteSetUpdate(part))
    part = new IdSet()
    size = UPDATE_HEAD
  }
  for (const [client, ranges] of deletes.clients) {
    for (let i = 0; i < ranges.length; i += 2) {
      const [from, to] = [ranges[i]!, ranges[i + 1]!]
      const rangeSize = varUintSize(from) + varUintSize(to - from)
      if (size + CLIENT_HEAD + rangeSize > most) close()
      size += (part.clients.has(client) ? 0 : CLIENT_HEAD) + rangeSize
      part.add(client, from, to)
    }
  }
  close()
  return updates
}

/** `0000` when nothing is deleted. */
export function deleteSetUpdate(deletes: IdSet): Uint8Array {
  const encoded = deletes.encode()
  const update = new Uint8Array(1 + encoded.length)
  update.set(encoded, 1)
  return update
}

function varUintSize(value: number): number {
  let size = 1
  for (let rest = value; rest >= 0x80; rest /= 0x80) size += 1
  return size
}
