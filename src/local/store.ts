/**
 * The log and the keys in memory, for tests: loses everything with the process. Its twin, `postgres/documents.ts`, must
 * pass the same suite. Every answer comes a turn of the event loop later, as it would from a server.
 */
import { StoreError } from '../core/errors.ts'
import { ANYWHERE } from '../core/ports.ts'
import type {
  Chunk,
  DocumentAppends,
  DocumentOutcome,
  DocumentStore,
  Epoch,
  OpenRequest,
  OpenResult,
} from '../core/ports.ts'
import type { AppendFaults } from './faults.ts'
import { makeKeyTable } from './keys.ts'
import type { KeyTable } from './keys.ts'

/** As in Postgres, no stored row is larger. */
const ROW_BYTES = 256 * 1024

interface Row {
  readonly offset: number
  readonly id: number
  readonly data: Uint8Array
}

interface Document {
  readonly id: string
  readonly epoch: Epoch
  readonly creationId: number
  rows: Row[]
  length: number
  readonly keys: KeyTable
}

export interface LocalStore extends DocumentStore {
  /** Takes a row out of a log: reading across it throws `hole`. */
  loseRow(epoch: Epoch, offset: number): void
  /** The database goes back, as after a failover that lost commits: chunks that end beyond `length` are gone. */
  goBack(epoch: Epoch, length: number): void
}

/** @param faults what goes wrong with appends (see `faults.ts`); without them nothing does */
export function makeLocalStore(faults?: AppendFaults): LocalStore {
  const byId = new Map<string, Document>()
  const byEpoch = new Map<Epoch, Document>()
  let epochs = 0

  function create(request: OpenRequest): OpenResult {
    epochs += 1
    const { id, creationId, initial } = request
    const document: Document = {
      ...{ id, epoch: epochs, creationId, rows: [], length: 0 },
      keys: makeKeyTable(),
    }
    extend(document, [{ id: creationId, data: initial }])
    byId.set(id, document)
    byEpoch.set(epochs, document)
    return { kind: 'opened', epoch: epochs, length: document.length, created: true }
  }

  function commit({ epoch, expected, chunks }: DocumentAppends, wait: boolean): DocumentOutcome {
    const document = byEpoch.get(epoch)
    if (!document) return { kind: 'missing' }
    if (!wait && faults?.isLocked(epoch)) return { kind: 'busy' }
    if (expected !== ANYWHERE && document.length !== expected)
      return { kind: 'conflict', length: document.length }
    extend(document, chunks)
    return { kind: 'stored', length: document.length }
  }

  return {
    async open(request) {
      await answer()
      const document = byId.get(request.id)
      if (!document) return request.creation === 'never' ? { kind: 'missing' } : create(request)
      const created = document.creationId === request.creationId
      if (request.creation === 'must' && !created) return { kind: 'exists' }
      return { kind: 'opened', epoch: document.epoch, length: document.length, created }
    },
    async append(batch, wait) {
      await answer()
      const fault = await faults?.before(batch, wait)
      const outcomes = batch.map((appends) => commit(appends, wait))
      if (fault) throw fault
      return outcomes
    },
    async appendIdAt(epoch, offset) {
      await answer()
      return byEpoch.get(epoch)?.rows.find((row) => row.offset === offset)?.id
    },
    async read(epoch, from, to) {
      await answer()
      const document = byEpoch.get(epoch)
      return document
        ? readRows(document.rows, from, Math.min(to, document.length))
        : new Uint8Array()
    },
    async states(asked) {
      await answer()
      const found = asked.map((epoch) => byEpoch.get(epoch)).filter((each) => each !== undefined)
      return new Map(
        found.map(({ epoch, length, keys }) => [epoch, { length, keysVersion: keys.version }]),
      )
    },
    async keys(epoch) {
      await answer()
      return byEpoch.get(epoch)?.keys.snapshot() ?? { version: 0, keys: [] }
    },
    async setKeys(epoch, sets) {
      await answer()
      return byEpoch.get(epoch)?.keys.set(sets)
    },
    async dropKeys(epoch, owner) {
      await answer()
      return byEpoch.get(epoch)?.keys.drop(owner)
    },
    async find(id) {
      await answer()
      const document = byId.get(id)
      return document && { epoch: document.epoch, length: document.length }
    },
    async remove(id) {
      await answer()
      const document = byId.get(id)
      byId.delete(id)
      if (document) byEpoch.delete(document.epoch)
      return document?.epoch
    },
    loseRow(epoch, offset) {
      const document = byEpoch.get(epoch)!
      document.rows = document.rows.filter((row) => row.offset !== offset)
    },
    goBack(epoch, length) {
      const document = byEpoch.get(epoch)!
      document.rows = document.rows.filter((row) => row.offset + row.data.length <= length)
      document.length = document.rows.reduce((sum, row) => sum + row.data.length, 0)
    },
  }
}

const answer = (): Promise<void> => new Promise(setImmediate)

function extend(document: Document, chunks: readonly Chunk[]): void {
  for (const { id, data } of chunks) {
    for (let start = 0; start < data.length; start += ROW_BYTES) {
      const row = new Uint8Array(data.subarray(start, start + ROW_BYTES))
      document.rows.push({ offset: document.length + start, id, data: row })
    }
    document.length += data.length
  }
}

/** @throws StoreError `hole` when rows are missing in the run */
function readRows(rows: readonly Row[], from: number, to: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, to - from))
  let at = from
  for (const { offset, data } of rows) {
    if (at >= to) break
    if (offset + data.length <= at) continue
    if (offset > at) break
    const piece = data.subarray(at - offset, Math.min(data.length, to - offset))
    bytes.set(piece, at - from)
    at += piece.length
  }
  if (at < to) throw new StoreError('hole', `the log has a hole after offset ${at}`)
  return bytes
}
