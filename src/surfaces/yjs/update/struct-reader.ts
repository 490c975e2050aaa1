/** Structs of an update, one after the other, without an object for each (spec 2.2). */
import { ByteReader } from './byte-reader.ts'
import { MalformedUpdate } from './malformed.ts'
import { anyTypes } from './byte-reader.ts'

/** `info & 0x1f`. */
export const kinds = {
  gc: 0,
  deleted: 1,
  json: 2,
  binary: 3,
  string: 4,
  embed: 5,
  format: 6,
  type: 7,
  any: 8,
  document: 9,
  skip: 10,
} as const

export const flags = { origin: 0x80, rightOrigin: 0x40, key: 0x20 } as const

const types = { xmlElement: 3, xmlHook: 5, xmlText: 6 } as const

/** What `read` found is in its fields until the next `read`. */
export class StructReader extends ByteReader {
  info = 0
  kind = 0
  /** Clock units. */
  length = 0
  /** Where the content begins, in bytes; a GC or Skip has none. */
  contentAt = 0
  /** The structs that must be there before it: client, clock, or -1. */
  originClient = -1
  originClock = -1
  rightClient = -1
  rightClock = -1
  parentClient = -1
  parentClock = -1

  /** Reads the struct of `client` at `clock` that begins at `at`. */
  read(client: number, clock: number): void {
    this.info = this.uint8()
    this.kind = this.info & 0x1f
    this.originClient = this.rightClient = this.parentClient = -1
    if (this.kind === kinds.gc || this.kind === kinds.skip) {
      // Other readers take a Skip with flags for an item.
      if (this.kind === kinds.skip && this.info !== kinds.skip) {
        throw new MalformedUpdate('a Skip with flags')
      }
      this.length = this.varUint()
    } else {
      this.#readOrigins(client, clock)
      this.contentAt = this.at
      this.length = this.#skipContent()
    }
    if (this.length === 0 && this.kind !== kinds.skip) {
      // Clients that integrate one fail at look-ups in its neighbourhood later.
      throw new MalformedUpdate('a struct without length')
    }
    if (clock + this.length > Number.MAX_SAFE_INTEGER) {
      throw new MalformedUpdate('a clock over 2^53-1')
    }
  }

  #readOrigins(client: number, clock: number): void {
    const info = this.info
    if ((info & flags.origin) !== 0) {
      this.originClient = this.varUint()
      this.originClock = this.#clockBefore(this.originClient, client, clock)
    }
    if ((info & flags.rightOrigin) !== 0) {
      this.rightClient = this.varUint()
      this.rightClock = this.#clockBefore(this.rightClient, client, clock)
    }
    if ((info & (flags.origin | flags.rightOrigin)) !== 0) return
    if (this.varUint() === 1) {
      this.skipString()
    } else {
      this.parentClient = this.varUint()
      this.parentClock = this.#clockBefore(this.parentClient, client, clock)
    }
    if ((info & flags.key) !== 0) this.skipString()
  }

  /** Clients look their own structs up without asking whether they are there: a later one makes them throw. */
  #clockBefore(ofClient: number, client: number, clock: number): number {
    const of = this.varUint()
    if (ofClient === client && of >= clock)
      throw new MalformedUpdate('a struct that needs a later one')
    return of
  }

  #skipContent(): number {
    switch (this.kind) {
      case kinds.deleted:
        return this.varUint()
      case kinds.json: {
        const count = this.varUint()
        for (let i = 0; i < count; i += 1) this.skipJsonOrUndefined()
        return count
      }
      case kinds.binary:
        this.skipVarBytes()
        return 1
      case kinds.string:
        return this.skipString()
      case kinds.embed:
        this.skipJson()
        return 1
      case kinds.format:
        this.skipString()
        this.skipJson()
        return 1
      case kinds.type: {
        const type = this.varUint()
        if (type > types.xmlText) throw new MalformedUpdate(`unknown shared type ${type}`)
        if (type === types.xmlElement || type === types.xmlHook) this.skipString()
        return 1
      }
      case kinds.any: {
        const count = this.varUint()
        for (let i = 0; i < count; i += 1) this.skipAny()
        return count
      }
      case kinds.document: {
        this.skipString()
        const options = this.skipAny()
        if (options === anyTypes.undefined || options === anyTypes.null) {
          throw new MalformedUpdate('a subdocument without options')
        }
        return 1
      }
      default:
        throw new MalformedUpdate(`unknown kind of content ${this.kind}`)
    }
  }
}
