import type { Block } from './blocks.ts'
import type { StructReader } from './struct-reader.ts'

/** Where the walk is in a block. */
export interface Cursor {
  readonly client: number
  readonly endClock: number
  /** Of the next struct. */
  clock: number
  at: number
  left: number
  /** Whether a struct of it waits for one of another block. */
  isWaiting: boolean
}

/**
 * Visits every struct after those that it needs (as far as they are here), so that a client that gets the structs in
 * this order has nothing to keep aside: Yjs merges all that it keeps aside again with every update that it gets.
 * The order is that in which Yjs itself integrates an update.
 * @param visit finds the struct in the reader; it begins at `cursor.at`
 */
export function inCausalOrder(
  reader: StructReader,
  blocks: readonly Block[],
  visit: (cursor: Cursor) => void,
): void {
  const cursors = new Map(blocks.map((block) => [block.client, cursorOf(block)]))
  const needed = (client: number, clock: number): Cursor | undefined => {
    if (client < 0) return undefined
    const cursor = cursors.get(client)
    if (cursor === undefined || cursor.isWaiting) return undefined
    return clock >= cursor.clock && clock < cursor.endClock ? cursor : undefined
  }
  for (const cursor of cursors.values()) {
    const path = [{ cursor, until: Infinity }]
    while (path.length > 0) {
      const top = path.at(-1)!
      if (top.cursor.left === 0 || top.cursor.clock > top.until) {
        path.pop()
        if (path.length > 0) path.at(-1)!.cursor.isWaiting = false
        continue
      }
      const next = step(top.cursor, reader, needed, visit)
      if (next === undefined) continue
      top.cursor.isWaiting = true
      path.push(next)
    }
  }
}

/** Visits the next struct, unless it needs another: @returns what has to come first. */
function step(
  cursor: Cursor,
  reader: StructReader,
  needed: (client: number, clock: number) => Cursor | undefined,
  visit: (cursor: Cursor) => void,
): { cursor: Cursor; until: number } | undefined {
  reader.at = cursor.at
  reader.read(cursor.client, cursor.clock)
  const origin = needed(reader.originClient, reader.originClock)
  if (origin !== undefined) return { cursor: origin, until: reader.originClock }
  const right = needed(reader.rightClient, reader.rightClock)
  if (right !== undefined) return { cursor: right, until: reader.rightClock }
  const parent = needed(reader.parentClient, reader.parentClock)
  if (parent !== undefined) return { cursor: parent, until: reader.parentClock }
  visit(cursor)
  cursor.at = reader.at
  cursor.clock += reader.length
  cursor.left -= 1
  return undefined
}

function cursorOf({ client, endClock, clock, firstStruct, count }: Block): Cursor {
  return { client, endClock, clock, at: firstStruct, left: count, isWaiting: false }
}
