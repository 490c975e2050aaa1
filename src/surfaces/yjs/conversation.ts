/**
 * One y-websocket connection, in one room:
 *
 *   joining ──joined: step 1 and who is here are sent──▶ waiting ──its step 1──▶ open
 *   any     ──refusal, drain, the peer──▶ closed
 *
 * Messages that arrive while joining wait for its end. Updates of others are held back until the client's first step 1 is
 * answered: it could not place them yet. A client that never asks is given what comes.
 */
import type { AppendResult } from '../../collab/append-queue.ts'
import type { EndReason } from '../../collab/answers.ts'
import type { Documents } from '../../collab/documents.ts'
import type { Follower } from '../../collab/follower.ts'
import type { Session } from '../../collab/session.ts'
import type { Admission, Change, Gate, Granted, GateRequest } from '../../auth/gate.ts'
import { closeCodes, StoreError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import type { Rate } from '../../core/limits.ts'
import type { Quota } from '../../core/quota.ts'
import type { Meter } from '../../core/meter.ts'
import type { Connection, Conversation } from '../surface.ts'
import { MalformedAwareness } from './awareness/codec.ts'
import { requestOf } from './door.ts'
import {
  encodeDenied,
  encodeStep1,
  encodeUpdate,
  KEEP_ALIVE,
  readMessages,
  type Heard,
} from './messages.ts'
import type { Member, Room } from './room.ts'
import { Requests } from './requests.ts'
import { isUsable, PREFIX } from './room-name.ts'
import type { Rooms } from './rooms.ts'
import { nameOf, ownCloseCodes, YjsTeller } from './teller.ts'
import { Throttle } from './throttle.ts'
import type { StateVector } from './update/id-set.ts'
import { MalformedUpdate } from './update/malformed.ts'
import { type Inspect, Uploads } from './uploads.ts'

/** A client that is this wrong this often is not ours. */
const MOST_MALFORMED = 64
const MOST_EARLY = 1_000
/** Clients up to 3.0 come back every 100 ms, whatever the code: they are kept waiting. */
const DENIED_MS = 1_000
const SILENT_MS = 2_000
/** Clients say who they are as soon as they are connected, if they say it at all. */
const ANNOUNCEMENT_MS = 100
const DRAIN_POLL_MS = 20

export interface ConversationOptions {
  readonly documents: Documents
  readonly rooms: Rooms
  readonly gate: Gate
  readonly inspect: Inspect
  /** Connections of each user. */
  readonly users: Pick<Quota, 'take' | 'isFull'>
  readonly meter: Meter
  readonly log: Log
  /** Bytes, but for `connections`, those of a room on this node. 0: no limit. */
  readonly limits: {
    readonly update: number
    readonly room: number
    readonly connections: number
    readonly unansweredBytes: number
  }
  /** Of one connection; what is above waits. */
  readonly rates: { readonly updates: Rate | undefined; readonly awareness: Rate | undefined }
  readonly readersMaySignal: boolean
  readonly now: () => number
}

export class YjsConversation implements Conversation, Member {
  readonly #options: ConversationOptions
  readonly #connection: Connection
  readonly #teller: YjsTeller
  readonly #throttle: Throttle
  readonly #requests: Requests
  readonly #onClosed: () => void
  #state: 'joining' | 'joined' | 'closed' = 'joining'
  #session: Session | undefined
  #room: Room | undefined
  #isWriter = true
  #unwatch: (() => void) | undefined
  #giveBack: (() => void) | undefined
  #early: Uint8Array[] = []
  #isOpen = false
  /** The log's length when it was joined: what a client that does not ask is given begins there. */
  #joinedAt = 0
  #uploads: Uploads | undefined
  #malformed = 0
  #missedAwareness = false
  #isTold = false
  #presence: NodeJS.Timeout | undefined
  #isDraining = false
  #sentAt: number
  #silence: NodeJS.Timeout | undefined

  /**
   * @param onClosed called once, also for a connection that was never joined
   * @param admitted what was found out about it before it was opened
   */
  constructor(
    connection: Connection,
    options: ConversationOptions,
    onClosed: () => void,
    admitted?: Admission,
  ) {
    this.#options = options
    this.#onClosed = onClosed
    this.#connection = connection
    this.#sentAt = options.now()
    this.#teller = new YjsTeller({
      send: (message) => this.#send(message),
      close: (code, reason) => connection.outlet.end(code, reason),
      onAnswered: () => this.#requests.answered(),
      onBroken: (error) => this.#broken(error),
      onEnd: (reason, cause) => this.#ended(reason, cause),
    })
    this.#throttle = new Throttle({
      ...options.rates,
      mostBytes: options.limits.unansweredBytes,
      now: options.now,
      onLimit: (name) => options.meter.limit(name),
      take: (message) => this.#handle(message),
      onError: (error) => this.#failed(error),
    })
    this.#requests = new Requests({
      mostBytes: options.limits.unansweredBytes,
      answer: (has) => this.#reply(has),
      onTooMany: () => this.#end(closeCodes.tryLater, 'too many requests'),
      onFailed: (error) => this.#notAnswered(error),
    })
    this.#join(admitted).catch((error: unknown) => {
      options.log.error({ ...connection.ids, err: error }, 'a join failed')
      this.#end(closeCodes.tryLater, error instanceof StoreError ? 'storage unavailable' : 'error')
    })
  }

  // Joining

  async #join(admitted: Admission | undefined): Promise<void> {
    const { documents, rooms, gate, limits } = this.#options
    const { room: name } = this.#connection
    if (!isUsable(name)) {
      this.#deny(ownCloseCodes.forbidden, 'unusable room name')
      return
    }
    const request = requestOf(this.#connection)
    const admission = admitted ?? (await gate.admit(request))
    if (this.#isClosed()) return
    if (!this.#isGranted(admission) || !this.#hasPlace(admission)) return
    this.#isWriter = admission.permission.write
    const joined = await documents.join({
      id: PREFIX + name,
      creation: 'may',
      initial: new Uint8Array(),
      offset: 0,
      sink: this.#teller,
      outlet: this.#connection.outlet,
      isAbandoned: () => this.#isClosed(),
    })
    if (joined.kind !== 'joined') return
    this.#session = joined.session
    const room = rooms.enter(joined.session.follower as Follower)
    this.#room = room
    if (limits.connections > 0 && room.members.size >= limits.connections) {
      this.#options.meter.limit('YJS_MAX_CONNECTIONS_PER_ROOM')
      this.#end(closeCodes.tryLater, 'the room is full')
      return
    }
    this.#uploads = this.#makeUploads(room)
    room.members.add(this)
    const stateVector = this.#isWriter ? await room.state.stateVector() : undefined
    if (this.#isClosed()) return
    this.#joined(room, stateVector, request, admission)
  }

  #isGranted(admission: Admission): admission is Granted {
    if (admission.kind === 'granted' && admission.permission.read) return true
    if (admission.kind === 'unavailable') this.#end(closeCodes.tryLater, 'cannot tell who you are')
    else if (admission.kind === 'denied' && admission.reason === 'unauthenticated')
      this.#deny(ownCloseCodes.unauthenticated, admission.text)
    else this.#deny(ownCloseCodes.forbidden, 'no access')
    return false
  }

  #hasPlace({ user }: Granted): boolean {
    if (user === undefined) return true
    this.#giveBack = this.#options.users.take(user)
    if (this.#giveBack !== undefined) return true
    this.#options.meter.limit('MAX_CONNECTIONS_PER_USER')
    this.#end(closeCodes.tryLater, 'too many connections')
    return false
  }

  #joined(
    room: Room,
    stateVector: Uint8Array | undefined,
    request: GateRequest,
    admission: Granted,
  ): void {
    this.#state = 'joined'
    this.#joinedAt = room.follower.head
    this.#connection.established()
    if (this.#session) this.#connection.joined(room.follower.id, this.#session.id)
    this.#unwatch = this.#options.gate.watch(request, admission, (change) => {
      this.#permissionChanged(change)
    })
    if (stateVector) this.#send(encodeStep1(stateVector))
    this.#silence = setTimeout(() => this.#openUnasked(), SILENT_MS)
    const early = this.#early
    this.#early = []
    for (const message of early) this.#hear(message)
    this.#presence = this.#isTold
      ? undefined
      : setTimeout(() => this.#tellPresent(), ANNOUNCEMENT_MS)
  }

  /** Who is here. It announces itself first: afterwards that could be an echo of what it was told (spec 6.7). */
  #tellPresent(): void {
    clearTimeout(this.#presence)
    this.#isTold = true
    if (this.#isClosed()) return
    for (const message of this.#room?.present(this) ?? []) this.#send(message)
  }

  /** It did not say what it has: it is given what comes. */
  #openUnasked(): void {
    if (this.#isOpen || this.#isClosed() || !this.#session) return
    this.#isOpen = true
    this.#session.open({ from: this.#joinedAt, to: this.#session.follower.head })
  }

  #permissionChanged(change: Change): void {
    if (change === 'revoked') this.#deny(ownCloseCodes.unauthenticated, 'access revoked')
    else if (change === 'unavailable') this.#end(closeCodes.tryLater, 'cannot tell who you are')
    else if (change === 'forbidden' || !change.read)
      this.#deny(ownCloseCodes.forbidden, 'no access')
    // Whoever may no longer write would drift away from the others: it has to join anew.
    else if (change.write !== this.#isWriter) this.#end(closeCodes.draining, 'permissions changed')
  }

  // Hearing

  message(data: Uint8Array, isBinary: boolean): void {
    if (this.#isClosed() || this.#isDraining) return
    if (!isBinary) return this.#malform('text_frame')
    if (this.#state === 'joined') return this.#hear(data)
    this.#early.push(Uint8Array.from(data)) // a copy: the frame is the socket's
    const bytes = this.#early.reduce((sum, { length }) => sum + length, 0)
    const mostBytes = this.#options.limits.unansweredBytes + this.#options.limits.update
    const isTooMuch =
      this.#early.length > MOST_EARLY || (this.#early.length > 3 && bytes > mostBytes)
    if (isTooMuch) this.#end(closeCodes.tryLater, 'too many messages')
  }

  #hear(frame: Uint8Array): void {
    try {
      for (const message of readMessages(frame)) {
        if (this.#isClosed()) return
        if (!this.#throttle.hear(message))
          return this.#end(closeCodes.tryLater, 'too many unanswered messages')
      }
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    if (error instanceof MalformedUpdate || error instanceof MalformedAwareness)
      return this.#malform('malformed')
    this.#options.log.error({ ...this.#connection.ids, err: error }, 'a message failed')
    this.#end(closeCodes.tryLater, 'internal error')
  }

  #malform(what: string): void {
    this.#options.meter.protocolError('yjs', what)
    if (++this.#malformed > MOST_MALFORMED) this.#end(closeCodes.invalid, 'malformed messages')
  }

  #handle(message: Heard): void {
    if (this.#isClosed()) return
    switch (message.kind) {
      case 'step1':
        return this.#requests.hear(message.stateVector)
      case 'awareness':
        if (this.#isWriter || this.#options.readersMaySignal) this.#hearAwareness(message.update)
        return
      case 'step2':
      case 'update':
        if (this.#isWriter) this.#uploads?.hear(message.update, message.kind === 'step2')
    }
  }

  #hearAwareness(update: Uint8Array): void {
    this.#room?.hearAwareness(Uint8Array.from(update), this)
    if (!this.#isTold) this.#tellPresent()
  }

  // What it lacks

  async #reply(has: StateVector): Promise<void> {
    // Its own updates that came before belong to the answer.
    await this.#uploads?.inspected()
    if (this.#isClosed()) return
    const reply = await this.#room!.state.replyTo(has)
    if (this.#isClosed()) return
    this.#isOpen = true
    this.#teller.begin(reply)
    this.#session!.open(reply.span)
  }

  #notAnswered(error: unknown): void {
    this.#options.log.error({ ...this.#connection.ids, err: error }, 'no answer')
    this.#end(closeCodes.tryLater, 'storage unavailable')
  }

  // What it has

  #makeUploads(room: Room): Uploads {
    return new Uploads({
      room,
      traceParent: this.#connection.traceParent,
      ...this.#options,
      onTooLarge: (what) => this.#deny(ownCloseCodes.tooBig, what),
      onTooMuch: () => this.#end(closeCodes.tryLater, 'too many unanswered messages'),
      onFailed: (error) => this.#failed(error),
      // The echo says that it is stored; nobody else needs it.
      onKnown: (pieces) => pieces.forEach((piece) => this.#send(encodeUpdate(piece))),
      onNotStored: (result) => this.#notStored(result),
    })
  }

  #notStored({ kind }: AppendResult): void {
    if (kind === 'missing') this.#session?.end('deleted')
    else this.#session?.end(kind === 'unknown' ? 'unknown' : 'unavailable')
  }

  // Telling

  #send(message: Uint8Array): void {
    this.#sentAt = this.#options.now()
    this.#connection.outlet.send(message)
  }

  tellAwareness(message: Uint8Array): void {
    if (this.#state !== 'joined') return
    if (!this.#isTold) return
    this.#missedAwareness ||= this.#connection.outlet.isFull()
    if (this.#missedAwareness) return
    this.#options.meter.awarenessTold()
    this.#send(message)
  }

  /** A client closes a connection that brings no data for 30 s; pings do not count (spec 6.5). */
  keepAlive(silentMs: number): void {
    if (this.#state === 'joined' && this.#options.now() - this.#sentAt >= silentMs)
      this.#send(KEEP_ALIVE)
  }

  drained(): void {
    if (this.#missedAwareness) {
      this.#missedAwareness = false
      this.#tellPresent()
    }
    this.#session?.drained()
  }

  // Leaving

  #deny(code: number, reason: string): void {
    if (this.#isClosed()) return
    this.#options.meter.protocolError('yjs', nameOf(code))
    this.#leave()
    this.#send(encodeDenied(reason))
    setTimeout(() => this.#connection.outlet.end(code, reason), DENIED_MS)
  }

  #end(code: number, reason: string): void {
    if (this.#isClosed()) return
    this.#options.meter.protocolError('yjs', nameOf(code))
    this.#leave()
    this.#connection.outlet.end(code, reason)
  }

  #ended(reason: EndReason, cause: unknown): void {
    this.#options.meter.protocolError('yjs', reason)
    if (cause !== undefined)
      this.#options.log.error({ ...this.#connection.ids, err: cause }, 'a session broke')
    this.#leave()
  }

  /** Something in the log makes no sense: it is put aside, and the client is given everything once more. */
  #broken(error: unknown): void {
    this.#options.log.error({ ...this.#connection.ids, err: error }, 'a record is broken')
    this.#room?.state.broken()
    this.#end(closeCodes.draining, 'once more')
  }

  closed(): void {
    this.#throttle.flush()
    this.#leave()
    this.#onClosed()
  }

  /** What is on its way is stored first; new messages are not taken any more. */
  drain(): void {
    if (this.#isDraining || this.#isClosed()) return
    this.#isDraining = true
    this.#throttle.flush()
    const poll = setInterval(() => {
      if (!this.#isClosed() && (this.#uploads?.bytes ?? 0) > 0) return
      clearInterval(poll)
      if (!this.#isClosed()) this.#end(closeCodes.draining, 'draining')
    }, DRAIN_POLL_MS)
  }

  #isClosed(): boolean {
    return this.#state === 'closed'
  }

  #leave(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    clearTimeout(this.#silence)
    clearTimeout(this.#presence)
    this.#throttle.stop()
    this.#unwatch?.()
    this.#giveBack?.()
    this.#early = []
    this.#requests.stop()
    const [room, session] = [this.#room, this.#session]
    this.#room = this.#session = undefined
    if (room) {
      room.leave(this)
      this.#options.rooms.left(room)
    }
    if (session) this.#options.documents.leave(session)
  }
}
