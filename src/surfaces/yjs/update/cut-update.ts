import { readBlocks } from './blocks.ts'
import { inCausalOrder } from './causal-order.ts'
import type { Cursor } from './causal-order.ts'
import { cutDeletes } from './cut-deletes.ts'
import { IdSet } from './id-set.ts'
import { makePiece, RUN_OVERHEAD } from './piece.ts'
import { splitItem } from './split-item.ts'
import { kinds, StructReader } from './struct-reader.ts'

/**
 * Of an update as it is stored, and sent: a slow line must get each within its patience. No smaller than that asks for: of
 * rich text that comes in pieces a client may take formats away that hold no text yet, and tell everybody.
 */
export const PIECE_BYTES = 960 * 1024

/**
 * Cuts an update into several that together hold the same structs and deletions. A client may apply them in any order;
 * in the given one nothing waits for a later one (but for what the update itself lacks). What Yjs cannot split
 * (binaries, embeds, subdocuments, a single value) stays whole and may be larger than `most`.
 *
 * Yjs deletes formats of a shared text that hold no text at the end of a transaction, so a client that has the text
 * open and applies the pieces in transactions of their own can lose the formats of text that is in a later piece.
 * @param most bytes of each, where that is possible
 * @returns the update alone, without bytes that follow it, when it is small enough
 * @throws MalformedUpdate
 */
export function cutUpdate(update: Uint8Array, most: number): Uint8Array[] {
  const reader = new StructReader(update)
  const blocks = readBlocks(reader)
  const deletes = IdSet.read(reader)
  if (reader.at <= most) return [update.subarray(0, reader.at)]
  const pieces: Uint8Array[] = []
  let piece = makePiece(update, most)
  const close = (): void => {
    if (!piece.isEmpty) pieces.push(piece.encode())
    piece = makePiece(update, most)
  }
  inCausalOrder(reader, blocks, (cursor) => {
    if (reader.kind === kinds.skip) return piece.skip(cursor.client)
    if (piece.add(cursor, reader.at)) return
    close()
    if (piece.add(cursor, reader.at)) return
    pieces.push(...largeItem(reader, cursor, most))
  })
  close()
  return [...pieces, ...cutDeletes(deletes, most)]
}

/** Updates of one struct, which is too large for a piece, or of a part of it. */
function largeItem(
  reader: StructReader,
  { at, client, clock }: Cursor,
  most: number,
): Uint8Array[] {
  const parts = splitItem(reader, { from: at, client, clock, most: most - RUN_OVERHEAD })
  return parts.map((part) => {
    const alone = makePiece(part.bytes, Infinity)
    alone.add({ client, clock: part.clock, at: 0 }, part.bytes.length)
    return alone.encode()
  })
}
