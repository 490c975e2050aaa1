/** A batcher on the in-memory store, in fake time: nothing happens until a test lets it. */
import { onTestFinished } from 'vitest'
import type {
  AppendResult,
  BatchedDocument,
  PendingAppend,
} from '../../../src/collab/append-queue.ts'
import { makeBatcher, type BatcherOptions } from '../../../src/collab/batcher.ts'
import type { DocumentStore, Epoch } from '../../../src/core/ports.ts'
import { type AppendFaults, makeAppendFaults } from '../../../src/local/faults.ts'
import { makeLocalStore } from '../../../src/local/store.ts'
import { makeTally } from './meter.ts'
import { pass, stopTime } from './time.ts'

export interface TestDocument extends BatchedDocument {
  known: number
  /** What `committed` was called with, as text; `settled` tells how many appends were settled before each call. */
  readonly commits: {
    readonly offset: number
    readonly texts: string[]
    readonly settled: number
  }[]
  text(): Promise<string>
}

export interface Asked {
  readonly id: number
  readonly taken: boolean
  result: AppendResult | undefined
}

export interface AppendBenchOptions extends Partial<Omit<BatcherOptions, 'store'>> {
  /** Something between the batcher and the store. */
  readonly around?: (store: DocumentStore, faults: AppendFaults) => DocumentStore
}

let lastId = 0

export function makeAppendBench({ around, ...options }: AppendBenchOptions = {}) {
  stopTime()
  const faults = makeAppendFaults()
  const local = makeLocalStore(faults)
  const store = around?.(local, faults) ?? local
  const tally = makeTally()
  const batcher = makeBatcher({
    store,
    meter: tally.meter,
    clock: performance,
    deadlineMs: 10_000,
    lanes: { batches: 1, alone: 1 },
    ...options,
  })
  const settled: number[] = []
  onTestFinished(() => batcher.close())

  async function document(id: string, initial = ''): Promise<TestDocument> {
    const creationId = (lastId += 1)
    const request = { id, creation: 'must', initial: Buffer.from(initial), creationId } as const
    const opened = await local.open(request)
    if (opened.kind !== 'opened') throw new Error(opened.kind)
    const { epoch } = opened
    const commits: TestDocument['commits'] = []
    return {
      epoch,
      known: initial.length,
      commits,
      committed(offset, appends) {
        const texts = appends.map(({ data }) => Buffer.from(data).toString())
        commits.push({ offset, texts, settled: settled.length })
      },
      text: () => textOf(local, epoch),
    }
  }

  function append(document: TestDocument, offset: number, data: string | Uint8Array): Asked {
    const id = (lastId += 1)
    const settle = (result: AppendResult): void => {
      if (asked.result) throw new Error(`append ${id} was settled twice`)
      asked.result = result
      settled.push(id)
      // What the application does with what it learns.
      if ('length' in result) document.known = Math.max(document.known, result.length)
    }
    const append: PendingAppend = {
      id,
      data: typeof data === 'string' ? Buffer.from(data) : data,
      offset,
      isCheck: false,
      born: 0,
      by: {},
      settle,
    }
    const asked: Asked = { id, result: undefined, taken: batcher.add(document, append) }
    return asked
  }

  return {
    store: local,
    faults,
    tally,
    batcher,
    /** Ids of appends in the order in which they were settled. */
    settled,
    pass,
    document,
    documents: async (count: number) =>
      await Promise.all(Array.from({ length: count }, (_, i) => document(`board ${i}`))),

    append,
  }
}

export type AppendBench = ReturnType<typeof makeAppendBench>

async function textOf(store: DocumentStore, epoch: Epoch): Promise<string> {
  const length = (await store.states([epoch])).get(epoch)?.length ?? 0
  return Buffer.from(await store.read(epoch, 0, length)).toString()
}

export const stored = (length: number): AppendResult => ({ kind: 'stored', length })
export const conflict = (length: number): AppendResult => ({ kind: 'conflict', length })
