/** Who comes in, asked before there is a WebSocket: for clients to which a close code is a reason to come back at once. */
import type { Admission, Gate, GateRequest } from '../../auth/gate.ts'
import type { Meter } from '../../core/meter.ts'
import type { Quota } from '../../core/quota.ts'
import type { Connection, HttpAnswer } from '../surface.ts'
import { isUsable } from './room-name.ts'

const RETRY_SECONDS = { least: 1, spread: 5 }

export interface Door {
  /** @returns the refusal; undefined lets it in */
  admit(connection: Connection): Promise<HttpAnswer | undefined>
  /** What it was let in with, so that nobody is asked twice. */
  admissionOf(connection: Connection): Admission | undefined
}

export interface DoorOptions {
  readonly gate: Gate
  readonly meter: Meter
  readonly users: Pick<Quota, 'isFull'>
}

export function makeDoor({ gate, meter, users }: DoorOptions): Door {
  const admitted = new WeakMap<Connection, Admission>()

  function refuse(name: string, status: number, body: string, headers = {}): HttpAnswer {
    meter.protocolError('yjs', name)
    return { status, headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers }, body }
  }

  return {
    async admit(connection) {
      if (!isUsable(connection.room)) return refuse('forbidden', 403, 'unusable room name')
      const admission = await gate.admit(requestOf(connection))
      switch (admission.kind) {
        case 'granted':
          if (admission.user !== undefined && users.isFull(admission.user)) {
            meter.limit('MAX_CONNECTIONS_PER_USER')
            return refuse('try_later', 503, 'too many connections', retryLater())
          }
          admitted.set(connection, admission)
          return undefined
        case 'unavailable':
          return refuse('try_later', 503, 'cannot tell who you are', retryLater())
        case 'denied':
          return admission.reason === 'unauthenticated'
            ? refuse('unauthenticated', 401, admission.text, { 'WWW-Authenticate': 'Bearer' })
            : refuse('forbidden', 403, 'no access')
      }
    },
    admissionOf: (connection) => admitted.get(connection),
  }
}

export function requestOf({ room, query, headers, ids }: Connection): GateRequest {
  const offered = headers.get('sec-websocket-protocol') ?? ''
  const protocols = offered === '' ? [] : offered.split(/\s*,\s*/)
  return { document: room, surface: 'yjs', query, headers, protocols, about: ids }
}

/** Those who are refused together come back at different times. */
function retryLater(): Record<string, string> {
  const { least, spread } = RETRY_SECONDS
  return { 'Retry-After': String(least + Math.floor(Math.random() * spread)) }
}
