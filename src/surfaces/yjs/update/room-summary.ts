import { ByteReader } from './byte-reader.ts'
import { deleteSetUpdate } from './cut-deletes.ts'
import { IdSet } from './id-set.ts'
import type { StateVector } from './id-set.ts'
import type { UpdateMeta } from './read-update.ts'

/** What all updates of a room together hold, without their content. */
export class RoomSummary {
  readonly structs: IdSet
  readonly deletes: IdSet

  constructor(structs = new IdSet(), deletes = new IdSet()) {
    this.structs = structs
    this.deletes = deletes
  }

  /** An estimate of the memory it takes. */
  get byteSize(): number {
    return this.structs.byteSize + this.deletes.byteSize
  }

  take(meta: UpdateMeta): void {
    this.structs.addAll(meta.structs)
    this.deletes.addAll(meta.deletes)
  }

  /** Whether the update would add nothing (spec 10.4). */
  contains(meta: UpdateMeta): boolean {
    return this.structs.covers(meta.structs) && this.deletes.covers(meta.deletes)
  }

  stateVector(): StateVector {
    return this.structs.stateVector()
  }

  /** Whether whoever has this state vector lacks no struct, also none beyond a hole. */
  coveredBy(state: StateVector): boolean {
    for (const [client, ranges] of this.structs.clients) {
      if ((state.get(client) ?? 0) < ranges.at(-1)!) return false
    }
    return true
  }

  /** An update without structs: all that is deleted. `0000` when nothing is. */
  deleteSetUpdate(): Uint8Array {
    return deleteSetUpdate(this.deletes)
  }

  encode(): Uint8Array {
    return Buffer.concat([this.structs.encode(), this.deletes.encode()])
  }

  /** @throws MalformedUpdate */
  static decode(bytes: Uint8Array): RoomSummary {
    const reader = new ByteReader(bytes)
    const structs = IdSet.read(reader)
    return new RoomSummary(structs, IdSet.read(reader))
  }
}
