/**
 * One Zwibbler connection:
 *
 *   waiting ──whole init──▶ joining ──joined──▶ joined
 *   any     ──error, drop, drain, the peer──▶ closed
 *
 * Messages that arrive while joining wait for its end, within the same bounds as unanswered ones.
 */
import type { Holder } from '../../auth/permissions.ts'
import { isSamePermission, readAndWrite, type Permission } from '../../auth/permission.ts'
import type { Documents } from '../../collab/documents.ts'
import { generationOf } from '../../collab/documents.ts'
import type { Session } from '../../collab/session.ts'
import { closeCodes, StoreError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import type { Meter } from '../../core/meter.ts'
import type { Creation } from '../../core/ports.ts'
import type { Quota } from '../../core/quota.ts'
import type { Connection, Conversation } from '../surface.ts'
import type { Grant } from './authorize.ts'
import {
  decodeAppend,
  decodeBroadcast,
  decodeInit,
  decodeSetKey,
  encodeError,
  errors,
  types,
  type Init,
} from './codec.ts'
import { frameSize, makeAssembler, type Message } from './fragments.ts'
import { makeTeller, type Teller } from './teller.ts'

const CREATIONS: readonly Creation[] = ['may', 'never', 'must']
const DRAIN_POLL_MS = 20
/** What surrounds the data of a message. */
const ENVELOPE = 64 * 1024

export interface ConversationOptions {
  readonly documents: Documents
  readonly authorize: (idField: Uint8Array) => Promise<Grant>
  /** Calls with what holds now, and with each change. */
  readonly watch: (holder: Holder, listener: (permission: Permission) => void) => () => void
  /** Connections of each user. */
  readonly users: Pick<Quota, 'take'>
  readonly meter: Meter
  readonly log: Log
  /** Bytes, but for `unanswered`. `document` 0: no limit. */
  readonly limits: {
    readonly append: number
    readonly initial: number
    readonly document: number
    readonly broadcast: number
    readonly unanswered: number
    readonly unansweredBytes: number
  }
  /** Whether read-only clients may broadcast and set keys, as with the reference server. */
  readonly readersMaySignal: boolean
}

/** What a grant is called in metrics. */
const admissions = {
  granted: 'granted',
  failed: 'unauthenticated',
  denied: 'forbidden',
  unavailable: 'unavailable',
} as const

export class ZwibblerConversation implements Conversation {
  readonly #options: ConversationOptions
  readonly #connection: Connection
  readonly #assembler
  #state: 'waiting' | 'joining' | 'joined' | 'closed' = 'waiting'
  #session: Session | undefined
  #teller: Teller | undefined
  #permission: Permission = readAndWrite
  #unwatch: (() => void) | undefined
  #giveBack: (() => void) | undefined
  #early: Message[] = []
  #earlyBytes = 0
  #isDraining = false

  constructor(connection: Connection, options: ConversationOptions) {
    this.#options = options
    this.#connection = connection
    this.#assembler = makeAssembler(() => {
      const { append, initial } = options.limits
      return (this.#state === 'waiting' ? initial : append) + ENVELOPE
    })
  }

  message(data: Uint8Array): void {
    if (this.#state === 'closed' || this.#isDraining) return
    const message = this.#assembler.push(data)
    if (message === undefined) return
    if (message === 'broken') return this.#drop('broken_frame')
    if (message === 'too big') return this.#tooBig('message')
    switch (this.#state) {
      case 'waiting':
        return this.#init(message)
      case 'joining':
        return this.#wait(message)
      case 'joined':
        return this.#handle(this.#session!, message)
    }
  }

  #init(message: Message): void {
    const init = message.type === types.init ? decodeInit(message.body) : undefined
    if (!init) return this.#drop('broken_init')
    this.#state = 'joining'
    this.#join(init).catch((error: unknown) => {
      this.#options.log.error({ ...this.#connection.ids, err: error }, 'a join failed')
      const isAway = error instanceof StoreError
      if (isAway) this.#unavailable()
      else this.#refuse('other', 'internal error', closeCodes.tryLater)
    })
  }

  async #join(init: Init): Promise<void> {
    const { documents, authorize, limits } = this.#options
    const known = this.#connection.query.get('epoch')
    let generation = 0
    const teller = makeTeller({
      outlet: this.#connection.outlet,
      version: init.version,
      maxFrame: frameSize(init.maxFrame),
      generation: () => generation,
      onEnd: (reason, cause) => this.#ended(reason, cause),
    })
    this.#teller = teller
    const grant = await authorize(init.id)
    this.#options.meter.admission('zwibbler', admissions[grant.kind])
    if (this.#isClosed()) return
    if (grant.kind === 'failed') {
      this.#refuse('other', grant.message)
      return
    }
    if (grant.kind === 'denied') {
      this.#refuse('denied')
      return
    }
    if (grant.kind === 'unavailable') {
      this.#unavailable()
      return
    }
    const creation = CREATIONS[init.mode]
    if (!creation) {
      this.#refuse('other', 'unknown creation mode')
      return
    }
    const { permission } = grant
    if (!permission.read || (creation === 'must' && !permission.write)) {
      this.#refuse('denied')
      return
    }
    if (init.initial.length > limits.initial) {
      this.#tooBig('MAX_INITIAL')
      return
    }
    if (limits.document > 0 && init.initial.length > limits.document) {
      this.#tooBig('MAX_DOCUMENT')
      return
    }
    if (!this.#hasPlace(grant.user)) return
    const mayCreate = creation !== 'may' || permission.write
    const id = `zwibbler/${grant.documentId}`
    const result = await documents.join({
      id,
      creation: mayCreate ? creation : 'never',
      initial: init.initial,
      offset: init.offset,
      generation: Number(known ?? 0) || 0,
      sink: teller,
      outlet: this.#connection.outlet,
      traceParent: this.#connection.traceParent,
      isAbandoned: () => this.#isClosed(),
    })
    switch (result.kind) {
      case 'missing': {
        this.#refuse(mayCreate ? 'missing' : 'denied')
        return
      }
      case 'exists': {
        this.#refuse('exists')
        return
      }
      case 'invalid-offset': {
        this.#refuse('invalidOffset')
        return
      }
      case 'abandoned':
        return
    }
    if (known !== null) generation = generationOf(result.session.follower.epoch)
    this.#connection.joined(id, result.session.id)
    this.#joined(result.session, grant.holder, permission)
  }

  /** Who comes with a document's id alone is nobody in particular. */
  #hasPlace(user: string): boolean {
    if (user === '') return true
    this.#giveBack = this.#options.users.take(user)
    if (this.#giveBack !== undefined) return true
    this.#options.meter.limit('MAX_CONNECTIONS_PER_USER')
    this.#refuse('other', 'too many connections', closeCodes.tryLater)
    return false
  }

  #joined(session: Session, holder: Holder, permission: Permission): void {
    this.#state = 'joined'
    this.#session = session
    this.#permission = permission
    this.#connection.established()
    session.open()
    const about = this.#connection.ids
    this.#unwatch = this.#options.watch({ ...holder, about }, (now) => {
      this.#countChange(now)
      this.#permission = now
      if (!now.read) this.#refuse('denied')
    })
    if (this.#isClosed()) return this.#unwatch()
    const early = this.#early
    this.#early = []
    for (const message of early) {
      if (this.#isClosed()) return
      this.#handle(session, message)
    }
  }

  #countChange(now: Permission): void {
    if (isSamePermission(now, this.#permission)) return
    this.#options.meter.permissionChange('zwibbler', now.read ? 'changed' : 'forbidden')
  }

  #wait(message: Message): void {
    this.#early.push(message)
    this.#earlyBytes += message.body.length
    const { unanswered, unansweredBytes } = this.#options.limits
    const isTooMuch =
      this.#early.length > unanswered ||
      (this.#early.length > 1 && this.#earlyBytes > unansweredBytes)
    if (isTooMuch) this.#overload()
  }

  #handle(session: Session, { type, body }: Message): void {
    switch (type) {
      case types.append2:
      case types.append3:
        return this.#append(session, type, body)
      case types.setKey:
        return this.#setKey(session, body)
      case types.broadcast:
        return this.#broadcast(session, body)
      // Unknown types are ignored, a second init among them.
    }
  }

  #append(session: Session, type: number, body: Buffer): void {
    const append = decodeAppend(type, body)
    if (!append) return this.#drop('broken_append')
    const { offset, data } = append
    const { limits, documents } = this.#options
    if (data.length > limits.append) return this.#tooBig('MAX_APPEND')
    if (limits.document > 0 && offset !== Infinity && offset + data.length > limits.document)
      return this.#tooBig('MAX_DOCUMENT')
    const at = Math.min(offset, Number.MAX_SAFE_INTEGER)
    if (!documents.append(session, at, data, this.#permission.write)) this.#overload()
  }

  #setKey(session: Session, body: Buffer): void {
    const set = decodeSetKey(body)
    if (!set) return this.#drop('broken_key')
    const mayAdmin = this.#permission.admin || !set.name.startsWith('admin:')
    if (!mayAdmin || !this.#maySignal()) {
      session.expectKey(set.request).answer = 'refused'
      return session.answered()
    }
    const { requests } = session.unanswered
    if (requests >= this.#options.limits.unanswered && set.oldVersion !== set.version)
      return this.#overload()
    const lifetime = set.lifetime === 0 ? 'session' : 'document'
    const { name, oldVersion, version, value } = set
    this.#options.documents.setKey(session, set.request, {
      lifetime,
      name,
      oldVersion,
      version,
      value,
    })
  }

  #broadcast(session: Session, body: Buffer): void {
    const data = decodeBroadcast(body)
    if (!data) return this.#drop('broken_broadcast')
    if (data.length > this.#options.limits.broadcast) return this.#tooBig('MAX_BROADCAST')
    if (this.#maySignal()) this.#options.documents.broadcast(session, data)
  }

  #maySignal(): boolean {
    return this.#permission.write || this.#options.readersMaySignal
  }

  #isClosed(): boolean {
    return this.#state === 'closed'
  }

  #refuse(error: keyof typeof errors, text: string = errors[error].text, closeCode?: number): void {
    if (this.#isClosed()) return
    this.#options.meter.protocolError('zwibbler', error)
    this.#leave()
    const { code } = errors[error]
    if (this.#teller) return this.#teller.refuse({ code, text }, closeCode)
    this.#connection.outlet.send(encodeError(code, text))
    this.#connection.outlet.end(closeCode ?? closeCodes.refused, text)
  }

  #unavailable(): void {
    this.#refuse('other', 'storage unavailable', closeCodes.tryLater)
  }

  #tooBig(limit: string): void {
    this.#options.meter.limit(limit)
    this.#refuse('other', 'too big', closeCodes.tooBig)
  }

  #overload(): void {
    this.#options.meter.protocolError('zwibbler', 'overload')
    this.#leave()
    this.#connection.outlet.end(closeCodes.tryLater, 'too many unanswered messages')
  }

  /** Bytes that make no message: no answer, only the end. */
  #drop(what: string): void {
    this.#options.meter.protocolError('zwibbler', what)
    this.#leave()
    this.#connection.outlet.end(closeCodes.protocolError, '')
  }

  #ended(reason: string, cause: unknown): void {
    this.#options.meter.protocolError('zwibbler', reason)
    if (cause !== undefined)
      this.#options.log.error({ ...this.#connection.ids, err: cause }, 'a session broke')
    this.#leave()
  }

  drained(): void {
    this.#session?.drained()
  }

  closed(): void {
    this.#leave()
  }

  /** What is in flight is answered first; new messages are not taken any more. */
  drain(): void {
    if (this.#isDraining || this.#isClosed()) return
    this.#isDraining = true
    const poll = setInterval(() => {
      if (!this.#isClosed() && (this.#session?.unanswered.requests ?? 0) > 0) return
      clearInterval(poll)
      if (this.#isClosed()) return
      this.#leave()
      this.#connection.outlet.end(closeCodes.draining, 'draining')
    }, DRAIN_POLL_MS)
  }

  #leave(): void {
    this.#state = 'closed'
    this.#unwatch?.()
    this.#unwatch = undefined
    this.#giveBack?.()
    this.#giveBack = undefined
    this.#early = []
    if (this.#session) this.#options.documents.leave(this.#session)
    this.#session = undefined
  }
}
