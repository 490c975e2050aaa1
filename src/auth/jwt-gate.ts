/** The gate of tokens: a signature of the application's says who comes and which documents are theirs. */
import { tokenOf } from './credentials.ts'
import type { Admission, Change, Denied, Gate, GateRequest, Granted, Surroundings } from './gate.ts'
import { makeJwksVerifier } from './jwks.ts'
import type { JwksOutcome } from './jwks.ts'
import { issuedAt, makeJwtVerifier } from './jwt.ts'
import type { JwtClaims } from './jwt.ts'
import { isSamePermission, readAndWrite } from './permission.ts'
import type { Permission } from './permission.ts'
import type { Holder, Permissions } from './permissions.ts'
import { permissionFor } from './rooms.ts'
import { makeTrouble } from './trouble.ts'

export interface JwtOptions {
  readonly key: { readonly secret: Uint8Array } | { readonly jwksUrl: string }
  readonly issuer?: string | undefined
  readonly audience?: string | undefined
  /** Name of the cookie that may hold the token. */
  readonly cookie: string
  /** A token without a `rooms` claim is good for every document, instead of none. */
  readonly allRooms: boolean
}

export interface JwtGateOptions extends Surroundings {
  readonly jwt: JwtOptions
  readonly permissions?: Pick<Permissions, 'isLoaded' | 'permissionOf' | 'watch'>
}

/** Bytes. No longer token is parsed or verified. */
const MAX_TOKEN = 16_384

const unavailable: Admission = { kind: 'unavailable' }

export function makeJwtGate({
  jwt,
  permissions,
  log,
  meter,
  now = Date.now,
}: JwtGateOptions): Gate {
  const { key } = jwt
  const verify: (token: string) => Promise<JwksOutcome> =
    'secret' in key
      ? makeJwtVerifier(key.secret, now)
      : makeJwksVerifier(key.jwksUrl, { now, meter })
  const trouble = makeTrouble(log, 'keys of tokens')

  async function admit(request: GateRequest): Promise<Admission> {
    const token = tokenOf(request, jwt.cookie)
    if (token === undefined) return unauthenticated('a token is needed')
    if (token.length > MAX_TOKEN) return unauthenticated('token is too long')
    const outcome = await verify(token)
    if (outcome.kind === 'unavailable') {
      trouble.failed(outcome.error)
      return unavailable
    }
    trouble.over()
    if (outcome.kind === 'denied') return unauthenticated('token is not valid or has expired')
    if (outcome.kind === 'malformed') return unauthenticated(outcome.message)
    return ofClaims(outcome.claims, request.document)
  }

  function ofClaims(claims: JwtClaims, document: string): Admission {
    const { sub, exp } = claims
    if (!isText(sub) || typeof exp !== 'number') return unauthenticated('token is malformed')
    if (jwt.issuer !== undefined && claims.iss !== jwt.issuer) {
      return unauthenticated('token is of another issuer')
    }
    if (jwt.audience !== undefined && ![claims.aud].flat().includes(jwt.audience)) {
      return unauthenticated('token is for another audience')
    }
    const permission =
      claims.rooms === undefined && jwt.allRooms
        ? readAndWrite
        : permissionFor(claims.rooms, document)
    if (permission === undefined) return forbidden('token says no rooms')
    const holder: Holder = { user: sub ?? '', permission, since: { issuedAt: issuedAt(claims) } }
    return ofHolder(holder, exp * 1_000)
  }

  function ofHolder(holder: Holder, expiresAt: number): Admission {
    const { user } = holder
    // A user whose permission was taken away must not slip in while this is not yet known.
    if (user !== '' && permissions?.isLoaded === false) return unavailable
    const permission = currentOf(holder)
    if (!permission.read) return forbidden('access denied')
    return { kind: 'granted', ...(user === '' ? {} : { user }), permission, expiresAt, holder }
  }

  function currentOf(holder: Holder): Permission {
    return common(holder.permission, permissions?.permissionOf(holder) ?? holder.permission)
  }

  function watch(_: GateRequest, admission: Granted, listener: (change: Change) => void) {
    const { holder, expiresAt = Infinity } = admission
    if (!holder) return () => undefined
    let known = admission.permission
    let isOver = false

    const look = (): void => {
      const current = currentOf(holder)
      if (isOver || isSamePermission(current, known)) return
      known = current
      if (!current.read) end()
      listener(current.read ? current : 'forbidden')
    }
    const stopWatching = permissions?.watch(holder, look) ?? (() => undefined)
    const stopTimer = at(expiresAt, now, () => {
      end()
      listener('revoked')
    })
    function end(): void {
      isOver = true
      stopWatching()
      stopTimer()
    }
    // It may have changed since it was admitted.
    queueMicrotask(look)
    return end
  }

  return { admit, watch }
}

/** Longest time that a timer can hold. */
const LONGEST_MS = 2 ** 31 - 1

/** @returns forgets it */
function at(time: number, now: () => number, work: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  const wait = (): void => {
    const left = time - now()
    if (left <= 0) return work()
    // Whole seconds: Node keeps one list of timers for each duration, and there may be many connections.
    timer = setTimeout(wait, Math.min(Math.ceil(left / 1_000) * 1_000, LONGEST_MS))
  }
  timer = setTimeout(wait, 0)
  return () => clearTimeout(timer)
}

function common(one: Permission, other: Permission): Permission {
  return {
    read: one.read && other.read,
    write: one.write && other.write,
    admin: one.admin && other.admin,
  }
}

/** Absent and null are the same. */
function isText(claim: unknown): claim is string | null | undefined {
  return claim === undefined || claim === null || typeof claim === 'string'
}

function unauthenticated(text: string): Denied {
  return { kind: 'denied', reason: 'unauthenticated', text }
}

function forbidden(text: string): Denied {
  return { kind: 'denied', reason: 'forbidden', text }
}
