/** Open, append, keys, ephemeral: the one road from a surface to the store, and from a commit to everybody else. */
import { randomFillSync } from 'node:crypto'
import { encodeFrame, encodeKeys, type Frame, type Part } from '../core/frame.ts'
import type { Meter } from '../core/meter.ts'
import { ANYWHERE } from '../core/ports.ts'
import type { TraceParent, Tracer } from '../core/tracer.ts'
import type {
  Bus,
  Chunk,
  Creation,
  DocumentStore,
  Epoch,
  KeysChanged,
  OpenResult,
  Outlet,
} from '../core/ports.ts'
import { again } from './again.ts'
import type { AppendResult, BatchedDocument, PendingAppend } from './append-queue.ts'
import { Memo, type Sink } from './answers.ts'
import type { Batcher } from './batcher.ts'
import type { Follower } from './follower.ts'
import type { Hub } from './hub.ts'
import { makeKeySetter, type KeyWish } from './key-setter.ts'
import type { Pages } from './pages.ts'
import type { Roster } from './roster.ts'
import { Session, type SessionEnvironment } from './session.ts'
import { endAppend, startAppend, startPublish } from './spans.ts'
import { makeTurns } from './turns.ts'

/** Redis ends every subscriber whose output buffer overflows: larger chunks are announced without their bytes. */
const INLINE_BYTES = 48 * 1024
const NOTHING = new Uint8Array()

export interface JoinRequest {
  /** With its surface's prefix. */
  readonly id: string
  readonly creation: Creation
  readonly initial: Uint8Array
  /** Bytes the client has already. */
  readonly offset: number
  /** The low 32 bits of the epoch that the client's bytes are of; 0 when it does not say. */
  readonly generation?: number
  readonly sink: Sink
  readonly outlet: Outlet
  /** What the client's request belongs to, in somebody's eyes. */
  readonly traceParent?: TraceParent | undefined
  /** The connection closed meanwhile: nothing is to be opened any more. */
  readonly isAbandoned: () => boolean
}

export type JoinResult =
  | { readonly kind: 'joined'; readonly session: Session }
  | { readonly kind: 'missing' | 'exists' | 'invalid-offset' | 'abandoned' }

export interface Documents {
  /** Joins; the session sends from then on. @throws StoreError when Postgres is away */
  join(request: JoinRequest): Promise<JoinResult>
  /**
   * Appends on behalf of a session, which answers. With `mayWrite` false only the length is checked.
   * @returns false when a queue is full: the session is to be closed
   */
  append(session: Session, offset: number, data: Uint8Array, mayWrite: boolean): boolean
  /**
   * Appends wherever the document ends, for surfaces whose appends commute; all sessions are given the bytes, the author's
   * too. It may be stored twice. @returns false when a queue is full: nothing was taken
   */
  add(
    follower: Follower,
    data: Uint8Array,
    settle: (result: AppendResult) => void,
    traceParent?: TraceParent,
  ): boolean
  setKey(session: Session, tag: number, wish: KeyWish): void
  broadcast(session: Session, bytes: Uint8Array): void
  /** Tells the other nodes that follow the document. */
  tellNodes(follower: Follower, bytes: Uint8Array): void
  /** The connection is gone, however it ended. */
  leave(session: Session): void
  /** The document was deleted: its sessions are ended, on every node. */
  deleted(epoch: Epoch): void
  /** Keys of a node whose lease lapsed were removed. */
  keysDropped(epoch: Epoch, changed: KeysChanged): void
  /** Postgres was restarted: session keys may be gone. */
  restoreKeys(): void
  /** Resolves when no append waits any more, and every key of those who left is removed. */
  idle(): Promise<void>
}

export interface DocumentsOptions {
  readonly store: DocumentStore
  readonly bus: Bus
  readonly hub: Hub
  readonly batcher: Batcher
  readonly roster: Pick<Roster, 'node'>
  readonly pages: Pages
  readonly folded?: SessionEnvironment['folded']
  readonly meter: Meter
  /** Undefined while nobody looks. */
  readonly tracer?: Tracer | undefined
  readonly channel: (epoch: Epoch) => string
  /** Of this node's frames: the same through all its incarnations. */
  readonly origin: string
  readonly limits: {
    /** Of one session, that wait for an answer. */
    readonly unanswered: number
    readonly unansweredBytes: number
    readonly keys: number
    readonly keyBytes: number
  }
  readonly onError: (what: string, error: unknown) => void
}

export function makeDocuments(options: DocumentsOptions): Documents {
  const { store, bus, hub, batcher, meter, tracer, limits } = options
  const { pages, folded } = options
  const environment: SessionEnvironment = { pages, folded, meter, turns: makeTurns() }
  const leaving = new Set<Promise<void>>()
  const traceParents = new WeakMap<Session, TraceParent>()
  const batchedDocuments = new WeakMap<Follower, BatchedDocument>()
  let lastSession = 0
  const keySetter = makeKeySetter({
    store,
    meter,
    node: () => options.roster.node,
    limits: { keys: limits.keys, bytes: limits.keyBytes },
    changed: (follower, changed, by) => keysChanged(follower.epoch, changed, by),
    onError: options.onError,
  })

  function publish(
    frame: Omit<Frame, 'origin' | 'born' | 'trace'>,
    born = Date.now(),
    trace?: TraceParent,
  ): void {
    const { kind, epoch, offset, parts, payload } = frame
    meter.frameSent(kind, payload.length)
    // Field by field: this is called for every append, and a spread costs more than all else here.
    const whole = { kind, epoch, offset, born, origin: options.origin, trace, parts, payload }
    bus.publish(options.channel(epoch), encodeFrame(whole))
  }

  async function join(request: JoinRequest): Promise<JoinResult> {
    // The same creation id makes it safe to open again what may have been created already.
    const creationId = randomId()
    const began = performance.now()
    const surface = surfaceOf(request)
    let outcome: 'joined' | 'refused' | 'abandoned' | 'failed' = 'failed'
    try {
      const result = await again<JoinResult>(async () => {
        if (request.isAbandoned()) return { kind: 'abandoned' }
        return tryJoin(request, creationId)
      })
      outcome = result.kind === 'joined' || result.kind === 'abandoned' ? result.kind : 'refused'
      return result
    } finally {
      meter.joined(surface, outcome, (performance.now() - began) / 1000)
    }
  }

  /** @returns undefined when the document vanished in between: once more */
  async function tryJoin(
    request: JoinRequest,
    creationId: number,
  ): Promise<JoinResult | undefined> {
    const here = hub.find(request.id)
    if (here && request.creation !== 'must') return joinHere(here, request, undefined)
    const opened = await store.open({ ...request, creationId })
    if (opened.kind !== 'opened') return opened
    const follower = await hub.follow(request.id, opened.epoch)
    if (!follower) return undefined
    try {
      return enter(follower, request, opened, Math.max(opened.length, follower.known))
    } finally {
      hub.release(follower)
    }
  }

  /** Already followed on this node: whoever joins here sees all that was acknowledged anywhere before. */
  async function joinHere(
    here: Follower,
    request: JoinRequest,
    opened: undefined,
  ): Promise<JoinResult | undefined> {
    const follower = await hub.follow(here.id, here.epoch)
    if (!follower) return undefined
    try {
      const state = await hub.state(follower)
      return state && enter(follower, request, opened, state.length)
    } finally {
      hub.release(follower)
    }
  }

  function enter(
    follower: Follower,
    request: JoinRequest,
    opened: Extract<OpenResult, { kind: 'opened' }> | undefined,
    length: number,
  ): JoinResult {
    if (request.isAbandoned()) return { kind: 'abandoned' }
    const offset = opened?.created ? request.initial.length : request.offset
    const isOther =
      !opened?.created &&
      !!request.generation &&
      request.generation !== generationOf(follower.epoch)
    if (offset > length || isOther) return { kind: 'invalid-offset' }
    const { sink, outlet } = request
    const span = { from: offset, to: Math.max(length, offset) }
    const session = new Session(++lastSession, follower, sink, outlet, environment, span)
    follower.sessions.add(session)
    if (tracer && request.traceParent !== undefined) traceParents.set(session, request.traceParent)
    return { kind: 'joined', session }
  }

  function append(session: Session, offset: number, data: Uint8Array, mayWrite: boolean): boolean {
    const { requests, bytes } = session.unanswered
    const isTooMuch =
      requests >= limits.unanswered ||
      (requests > 0 && bytes + data.length > limits.unansweredBytes)
    if (isTooMuch) {
      meter.limit('MAX_UNANSWERED')
      return false
    }
    const follower = session.follower as Follower
    const id = randomId()
    const { surface } = follower
    const began = performance.now()
    const stored = mayWrite ? data : NOTHING
    const request = session.expectAppend(id, offset, stored.length)
    const span =
      tracer &&
      startAppend(
        tracer,
        follower,
        { id, offset, size: data.length },
        { session: session.id, parent: traceParents.get(session) },
      )
    const settle = (result: AppendResult): void => {
      const outcome =
        mayWrite || result.kind !== 'stored' ? result : { ...result, kind: 'denied' as const }
      const isKnown = outcome.kind === 'conflict' && outcome.isKnown
      const conflict = data.length === 0 ? 'checked' : isKnown ? 'conflict_memory' : 'conflict'
      const name = outcome.kind === 'conflict' ? conflict : outcome.kind
      meter.append(surface, name, (performance.now() - began) / 1000)
      if (span) endAppend(span, name)
      if (outcome.kind === 'unavailable' || outcome.kind === 'unknown')
        return session.end(outcome.kind)
      if (outcome.kind === 'conflict' && !isKnown) conflicted(follower, outcome.length)
      request.answer = outcome
      session.answered()
    }
    return batcher.add(batched(follower), {
      id,
      data: stored,
      offset,
      isCheck: !mayWrite,
      born: Date.now(),
      by: session,
      span,
      settle,
    })
  }

  function add(
    follower: Follower,
    data: Uint8Array,
    settle: (result: AppendResult) => void,
    parent?: TraceParent,
  ): boolean {
    const began = performance.now()
    const id = randomId()
    const span =
      tracer &&
      startAppend(tracer, follower, { id, offset: ANYWHERE, size: data.length }, { parent })
    return batcher.add(batched(follower), {
      id,
      data,
      offset: ANYWHERE,
      isCheck: false,
      born: Date.now(),
      by: undefined,
      span,
      settle(result) {
        meter.append(follower.surface, result.kind, (performance.now() - began) / 1000)
        if (span) endAppend(span, result.kind)
        settle(result)
      },
    })
  }

  /** One for all appends of a follower: an object made anew for each of them would cost more than the rest of this file. */
  function batched(follower: Follower): BatchedDocument {
    const known = batchedDocuments.get(follower)
    if (known) return known
    const { epoch } = follower
    const made: BatchedDocument = {
      epoch,
      get known() {
        return (hub.at(epoch) ?? follower).known
      },
      committed(at, appends) {
        const real = appends.some(({ isCheck }) => isCheck)
          ? appends.filter(({ isCheck }) => !isCheck)
          : appends
        if (real.length > 0) committed(epoch, at, real)
      },
    }
    batchedDocuments.set(follower, made)
    return made
  }

  function conflicted(follower: Follower, length: number): void {
    if (length >= follower.known) return follower.hearLength(length, 'conflict')
    // Most likely it has grown since; if not, the database went back.
    hub
      .verify([follower], 'conflict')
      .catch((error: unknown) => options.onError('verifying a document', error))
  }

  /** After the commit, never before (invariant 2). Cannot fail: the sweep finds a lost fan-out (5). */
  function committed(epoch: Epoch, offset: number, chunks: readonly PendingAppend[]): void {
    hub.at(epoch)?.committed(offset, chunks)
    if (chunks.length === 1) return publishChunks(epoch, offset, chunks)
    const size = chunks.reduce((sum, { data }) => sum + data.length, 0)
    if (size > INLINE_BYTES && chunks.length > 1) {
      let at = offset
      for (const chunk of chunks) {
        publishChunks(epoch, at, [chunk])
        at += chunk.data.length
      }
    } else publishChunks(epoch, offset, chunks)
  }

  function publishChunks(epoch: Epoch, offset: number, chunks: readonly PendingAppend[]): void {
    const parts: Part[] = []
    let size = 0
    for (const { id, data } of chunks) {
      parts.push({ id, size: data.length })
      size += data.length
    }
    const payload =
      size > INLINE_BYTES ? NOTHING : chunks.length === 1 ? chunks[0]!.data : concat(chunks)
    const span = tracer && startPublish(tracer, hub.at(epoch), offset, chunks)
    publish(
      { kind: size === 0 ? 'empty' : 'chunk', epoch, offset, parts, payload },
      chunks[0]!.born,
      span?.parent,
    )
    span?.end()
  }

  /** @param by the local session that made change i */
  function keysChanged(
    epoch: Epoch,
    changed: KeysChanged,
    by: readonly (Session | undefined)[],
  ): void {
    hub.at(epoch)?.changeKeys(changed, by)
    const payload = encodeKeys(changed)
    publish({
      kind: 'keys',
      epoch,
      offset: changed.from,
      parts: [],
      payload: payload.length > INLINE_BYTES ? NOTHING : payload,
    })
  }

  function broadcast(session: Session, bytes: Uint8Array): void {
    const follower = session.follower as Follower
    const from = `${options.origin}/${session.id}`
    follower.tell({ from, by: session, bytes, memo: new Memo() })
    tellNodes(follower, bytes, session.id)
  }

  function tellNodes({ epoch }: Follower, payload: Uint8Array, from = 0): void {
    meter.ephemeral('sent')
    publish({ kind: 'ephemeral', epoch, offset: from, parts: [], payload })
  }

  function leave(session: Session): void {
    const follower = session.follower as Follower
    if (!follower.sessions.delete(session)) return
    session.isClosed = true
    hub.hold(follower)
    const left = dropKeys(session).finally(() => {
      hub.release(follower)
      leaving.delete(left)
    })
    leaving.add(left)
  }

  /** Also of a session that has no key yet but a set on its way. */
  async function dropKeys(session: Session): Promise<void> {
    if (session.ownKeys || session.unanswered.requests > 0) await keySetter.drop(session)
  }

  return {
    join,
    append,
    add,
    tellNodes: (follower, bytes) => tellNodes(follower, bytes),
    setKey: (session, tag, wish) => keySetter.set(session, tag, wish),
    broadcast,
    leave,
    deleted(epoch) {
      const follower = hub.at(epoch)
      if (follower) hub.forget(follower, 'deleted')
      publish({ kind: 'control', epoch, offset: 0, parts: [], payload: NOTHING })
    },
    keysDropped: (epoch, changed) => keysChanged(epoch, changed, []),
    restoreKeys() {
      for (const follower of hub.all()) keySetter.restore(follower)
    },
    async idle() {
      await batcher.idle()
      await Promise.all(leaving)
    },
  }
}

function surfaceOf({ id }: JoinRequest): string {
  return id.slice(0, id.indexOf('/'))
}

/** What a wire without epochs can carry of one: 32 bits, never 0. */
export function generationOf(epoch: Epoch): number {
  return epoch % 2 ** 32 || 2 ** 32 - 1
}

function concat(chunks: readonly Chunk[]): Uint8Array {
  return Buffer.concat(chunks.map(({ data }) => data))
}

const randomness = new Uint32Array(512)
let used = randomness.length

/** @returns a random number below 2^53: an append id, or a creation id */
function randomId(): number {
  if (used >= randomness.length) {
    randomFillSync(randomness)
    used = 0
  }
  return (randomness[used++]! % 2 ** 21) * 2 ** 32 + randomness[used++]!
}
