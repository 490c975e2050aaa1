/** Several nodes' worth of src/collab on one in-memory store and one bus, in fake time. */
import { onTestFinished } from 'vitest'
import { makeBatcher } from '../../../src/collab/batcher.ts'
import { type Documents, makeDocuments } from '../../../src/collab/documents.ts'
import { type Hub, makeHub } from '../../../src/collab/hub.ts'
import { makePages } from '../../../src/collab/pages.ts'
import { makeRoster, type Roster } from '../../../src/collab/roster.ts'
import type { Creation, DocumentStore, Epoch, PresenceStore } from '../../../src/core/ports.ts'
import { type AppendFaults, makeAppendFaults } from '../../../src/local/faults.ts'
import { type LocalStore, makeLocalStore } from '../../../src/local/store.ts'
import type { Random } from '../../support/random.ts'
import { type Air, makeAir, makeSlow } from './chaos.ts'
import { makeTally, type Tally } from './meter.ts'
import { type AskedKey, Reader } from './reader.ts'
import { pass, stopTime } from './time.ts'

export interface TestNode {
  readonly hub: Hub
  readonly documents: Documents
  readonly roster: Roster
  readonly tally: Tally
  readonly readers: Reader[]
  readonly errors: unknown[]
}

export interface JoinOptions {
  readonly offset?: number
  readonly creation?: Creation
  readonly initial?: string
  /** Bytes that may wait for this reader before it is paused. */
  readonly room?: number
}

export interface World {
  readonly random: Random
  readonly store: LocalStore
  readonly faults: AppendFaults
  readonly air: Air
  readonly nodes: readonly TestNode[]
  /** @throws Error when it is not let in */
  readonly join: (node: TestNode, id: string, options?: JoinOptions) => Promise<Reader>
  readonly log: (id: string) => Promise<string>
}

export interface WorldOptions {
  readonly random: Random
  readonly nodes?: number
  readonly limits?: Partial<Parameters<typeof makeDocuments>[0]['limits']>
  /** Something between all nodes and the store. */
  readonly around?: (store: DocumentStore) => DocumentStore
  readonly presence?: Partial<PresenceStore>
  readonly isSlow?: boolean
}

export function makeWorld(options: WorldOptions): World {
  const { random } = options
  stopTime()
  const faults = makeAppendFaults()
  const store = makeLocalStore(faults)
  const air = makeAir(random.fork())
  const around = options.around?.(store) ?? store
  const slow = (options.isSlow ?? true) ? makeSlow(around, random.fork()) : around
  const nodes = Array.from({ length: options.nodes ?? 1 }, (_, i) =>
    makeNode(`node ${i}`, slow, air, options),
  )
  let readers = 0

  return {
    random,
    store,
    faults,
    air,
    nodes,
    async join(node, id, { offset = 0, creation = 'may', initial = '', room } = {}) {
      const reader = new Reader(`reader ${(readers += 1)}`, offset, room)
      node.readers.push(reader)
      const joining = node.documents.join({
        id,
        creation,
        initial: Buffer.from(initial),
        offset,
        sink: reader,
        outlet: reader.outlet,
        isAbandoned: () => false,
      })
      const opened = joining.then((result) => {
        if (result.kind !== 'joined') throw new Error(`not let in: ${result.kind}`)
        reader.session = result.session
        result.session.open()
      })
      const state = { isSettled: false }
      void opened.catch(() => undefined).finally(() => (state.isSettled = true))
      for (let tries = 0; !state.isSettled && tries < 200; tries += 1) {
        await pass(tries > 2 ? 25 : 0)
      }
      if (!state.isSettled) throw new Error(`${reader.name} waits for ever to join`)
      await opened
      return reader
    },
    async log(id) {
      const found = await store.find(id)
      if (!found) throw new Error(`no document ${id}`)
      return Buffer.from(await store.read(found.epoch, 0, found.length)).toString('latin1')
    },
  }
}

function makeNode(name: string, store: DocumentStore, air: Air, options: WorldOptions): TestNode {
  const tally = makeTally()
  const { meter } = tally
  const errors: unknown[] = []
  const onError = (_what: string, error: unknown): void => void errors.push(error)
  const bus = air.bus()
  const pages = makePages(store, 1024 * 1024, meter)
  const channel = (epoch: Epoch): string => `{${epoch}}`
  let incarnations = 0
  const roster = makeRoster({
    presence: { ...everybodyMayEnter, ...options.presence },
    leaseMs: 10_000,
    newNode: () => `${name}.${(incarnations += 1)}`,
    open: () => new Map([...hub.all()].map(({ epoch, sessions }) => [epoch, sessions.size])),
    isOpen: (epoch) => hub.at(epoch) !== undefined,
    onError,
  })
  const hub = makeHub({ store, bus, roster, pages, meter, channel, origin: name, onError })
  const batcher = makeBatcher({
    store,
    meter,
    clock: performance,
    deadlineMs: 10_000,
    lanes: { batches: 2, alone: 1 },
  })
  onTestFinished(() => batcher.close())
  void roster.start()
  const documents = makeDocuments({
    store,
    bus,
    hub,
    batcher,
    roster,
    pages,
    meter,
    channel,
    origin: name,
    limits: {
      unanswered: 64,
      unansweredBytes: 2 ** 22,
      keys: 100,
      keyBytes: 2 ** 20,
      ...options.limits,
    },
    onError,
  })
  bus.onGap(
    () =>
      void hub.verify([...hub.all()], 'reconnect').catch((error: unknown) => onError('', error)),
  )
  return { hub, documents, roster, tally, errors, readers: [] }
}

const everybodyMayEnter: PresenceStore = {
  register: () => Promise.resolve(),
  renew: () => Promise.resolve(true),
  live: () => Promise.resolve([]),
  enter: (_node, epochs) => Promise.resolve({ entered: new Set(epochs), busy: new Set() }),
  leave: () => Promise.resolve(),
  count: () => Promise.resolve(),
  touch: () => Promise.resolve(),
  reap: () => Promise.resolve(undefined),
  unregister: () => Promise.resolve(),
  sessions: () => Promise.resolve([]),
  purge: () => Promise.resolve(0),
  bury: () => Promise.resolve(false),
}

// What readers do.

export function append(node: TestNode, reader: Reader, offset: number, data: string): boolean {
  reader.asksAppend(offset, data)
  return node.documents.append(reader.session!, offset, Buffer.from(data), true)
}

export function setKey(node: TestNode, reader: Reader, wish: AskedKey): number {
  const tag = reader.asksKey(wish)
  node.documents.setKey(reader.session!, tag, { ...wish, value: Buffer.from(wish.value) })
  return tag
}

export function say(node: TestNode, reader: Reader, text: string): void {
  reader.mine.add(text)
  node.documents.broadcast(reader.session!, Buffer.from(text))
}

export function leave(node: TestNode, reader: Reader): void {
  node.readers.splice(node.readers.indexOf(reader), 1)
  node.documents.leave(reader.session!)
}

/** Stops reading: what it is given from now on waits, until `read`. */
export function stall(reader: Reader): void {
  reader.outlet.isReading = false
}

export function read(reader: Reader): void {
  reader.outlet.isReading = true
  reader.outlet.waiting = 0
  reader.session!.drained()
}
