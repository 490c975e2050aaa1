import { readBlocks } from './blocks.ts'
import { IdSet } from './id-set.ts'
import { MalformedUpdate } from './malformed.ts'
import { StructReader } from './struct-reader.ts'

export interface UpdateMeta {
  /** The structs it brings; its Skips are not among them. */
  readonly structs: IdSet
  readonly deletes: IdSet
  /** Bytes that it takes; what follows them is not part of it. */
  readonly size: number
  readonly isEmpty: boolean
}

/**
 * Checks an update and tells what it holds, in one pass (spec 2.2). It takes what `Y.applyUpdate` takes, but for
 * updates that lose or poison something: see MalformedUpdate's texts and the tests.
 * @throws MalformedUpdate
 */
export function readUpdate(bytes: Uint8Array): UpdateMeta {
  const reader = new StructReader(bytes)
  const structs = new IdSet()
  readBlocks(reader, structs)
  const deletes = IdSet.read(reader)
  return { structs, deletes, size: reader.at, isEmpty: structs.isEmpty && deletes.isEmpty }
}

/** The update of a stored record, which is nothing else. @throws MalformedUpdate */
export function readRecord(bytes: Uint8Array): UpdateMeta {
  const meta = readUpdate(bytes)
  if (meta.size < bytes.length) throw new MalformedUpdate('a record that is longer than its update')
  return meta
}
