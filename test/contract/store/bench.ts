import type {
  Chunk,
  DocumentOutcome,
  DocumentStore,
  Epoch,
  OpenRequest,
} from '../../../src/core/ports.ts'
import { until } from '../../support/wait.ts'

/** A database and what can be done to it behind a store's back. */
export interface Bench extends AsyncDisposable {
  /** Two stores on one database, as two nodes have them. */
  readonly near: DocumentStore
  readonly far: DocumentStore
  /** Nodes that own session keys; Postgres wants to know them. */
  readonly nodes: readonly [string, string]
  /** Holds the document's row until the returned function is called. */
  readonly lock: (epoch: Epoch) => Promise<() => Promise<void>>
  /** Takes the stored row that begins at `offset` out of the log. */
  readonly loseRow: (epoch: Epoch, offset: number) => Promise<void>
}

export type UseBench = () => Bench

/** No stored row is larger; what lies around this size is tested on purpose. */
export const ROW_BYTES = 256 * 1024

const run = Math.random().toString(36).slice(2, 8)
let made = 0

export const newId = (): string => `contract/${run}/${(made += 1)}`
export const newAppendId = (): number => Math.floor(Math.random() * 2 ** 53)

export function chunk(data: Uint8Array | string, id = newAppendId()): Chunk {
  return { id, data: typeof data === 'string' ? Buffer.from(data) : data }
}

/** Bytes that tell their own position, so that a shifted read is seen. */
export function pattern(size: number, seed = 0): Buffer {
  const bytes = Buffer.alloc(size)
  for (let i = 0; i < size; i += 1) bytes[i] = ((i + seed) * 2_654_435_761) >>> 23
  return bytes
}

export function creation(id: string, more: Partial<OpenRequest> = {}): OpenRequest {
  return { id, creation: 'must', initial: new Uint8Array(), creationId: newAppendId(), ...more }
}

/** A new document with these bytes. */
export async function makeDocument(store: DocumentStore, initial = ''): Promise<Epoch> {
  const opened = await store.open(creation(newId(), { initial: Buffer.from(initial) }))
  if (opened.kind !== 'opened') throw new Error(opened.kind)
  return opened.epoch
}

/** One document's appends in a statement of their own. */
export async function appendTo(
  store: DocumentStore,
  epoch: Epoch,
  expected: number,
  ...chunks: readonly (Chunk | string)[]
): Promise<DocumentOutcome> {
  const all = chunks.map((each) => (typeof each === 'string' ? chunk(each) : each))
  const outcomes = await store.append([{ epoch, expected, chunks: all }], true)
  return outcomes[0]!
}

export async function textOf(store: DocumentStore, epoch: Epoch): Promise<string> {
  return Buffer.from(await store.read(epoch, 0, 1_000_000)).toString()
}

export async function stateOf(store: DocumentStore, epoch: Epoch) {
  return (await store.states([epoch])).get(epoch)
}

/** Appends without waiting for locks, again while the row is busy: a commit just before may still hold it. */
export async function unlessBusy(append: () => Promise<DocumentOutcome>): Promise<DocumentOutcome> {
  return await until('the row is free', async () => {
    const outcome = await append()
    return outcome.kind === 'busy' ? undefined : outcome
  })
}
