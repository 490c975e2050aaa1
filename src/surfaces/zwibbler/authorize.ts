/** What the id field of an init means: a registered token, a JWT, or a plain document id (spec 12). */
import type { JwtClaims, JwtOutcome, VerifyJwt } from '../../auth/jwt.ts'
import { issuedAt, textClaim } from '../../auth/jwt.ts'
import type { Permission } from '../../auth/permission.ts'
import { parsePermission, readAndWrite } from '../../auth/permission.ts'
import type { Holder, Permissions } from '../../auth/permissions.ts'
import type { Token, TokenStore } from '../../core/access.ts'
import { makeCoalescer } from '../../core/coalesce.ts'
import { StoreError } from '../../core/errors.ts'
import { decodeText, PREFIX, problemOf } from './document-ids.ts'

export type Grant =
  | {
      readonly kind: 'granted'
      /** Plain, without the surface's prefix. */
      readonly documentId: string
      readonly user: string
      /** What holds now; `read` always among it. */
      readonly permission: Permission
      /** For `Permissions.watch` and `permissionOf`. */
      readonly holder: Holder
    }
  /** Error 4, `access denied`. */
  | { readonly kind: 'denied' }
  /** Error 0 with this text. */
  | { readonly kind: 'failed'; readonly message: string }
  /** Error 0: it may be back soon. */
  | { readonly kind: 'unavailable' }

export interface AuthorizeOptions {
  readonly tokens: Pick<TokenStore, 'find'>
  readonly permissions: Pick<Permissions, 'isLoaded' | 'permissionOf'>
  /** Without it there is no JWT mode. */
  readonly verifyJwt?: VerifyJwt | undefined
  /** Outside JWT mode: whether an id that is no token is a document's, readable and writable for everybody. */
  readonly plainIds: boolean
}

/** Bytes. Neither a token nor a JWT is longer, and no such thing is hashed or parsed. */
export const MAX_TOKEN = 16_384

const denied: Grant = { kind: 'denied' }
const failed = (message: string): Grant => ({ kind: 'failed', message })
const unavailable: Grant = { kind: 'unavailable' }

/** Any number of joins share one query for their tokens; a JWT signed with our key needs none. */
export function makeAuthorize(options: AuthorizeOptions): (idField: Uint8Array) => Promise<Grant> {
  const { verifyJwt, plainIds, permissions } = options
  const findToken = makeCoalescer((tokens: readonly string[]) => options.tokens.find(tokens))

  async function authorize(idField: Uint8Array): Promise<Grant> {
    if (idField.length > MAX_TOKEN) return failed('document id is too long')
    const text = decodeText(idField)
    if (text === undefined) return failed('document id is not valid UTF-8')
    const jwt = await verifyJwt?.(text)
    if (jwt?.kind === 'valid') return ofClaims(jwt.claims)
    // Also in JWT mode, and also when it has expired: its text must never become a document id.
    const token = await findToken(text)
    if (token) return ofToken(token)
    if (jwt) return ofRefusal(jwt)
    return plainIds ? grant(text, { user: '', permission: readAndWrite, since: {} }) : denied
  }

  function ofClaims(claims: JwtClaims): Grant {
    const [documentId, user, letters] = ['sub', 'u', 'p'].map((name) => textClaim(claims, name))
    if (documentId === undefined || user === undefined || letters === undefined) {
      return failed('token is malformed')
    }
    const permission = parsePermission(letters)
    return grant(documentId, { user, permission, since: { issuedAt: issuedAt(claims) } })
  }

  function ofToken({ isExpired, documentId, user, letters, change }: Token): Grant {
    if (isExpired || !documentId.startsWith(PREFIX)) return denied
    const permission = parsePermission(letters)
    return grant(documentId.slice(PREFIX.length), { user, permission, since: { change } })
  }

  function grant(documentId: string, holder: Holder): Grant {
    const problem = problemOf(documentId)
    if (problem !== undefined) return failed(`document id ${problem}`)
    // Somebody who was thrown out may not come in because this node has not yet heard of it.
    if (holder.user !== '' && !permissions.isLoaded) return unavailable
    const permission = permissions.permissionOf(holder)
    if (!permission.read) return denied
    return { kind: 'granted', documentId, user: holder.user, permission, holder }
  }

  return async (idField) => {
    try {
      return await authorize(idField)
    } catch (error) {
      // Its text may name hosts and is for the log of whoever failed, not for clients (spec 18.21).
      if (error instanceof StoreError) return unavailable
      throw error
    }
  }
}

function ofRefusal(outcome: Exclude<JwtOutcome, { kind: 'valid' }>): Grant {
  return outcome.kind === 'denied' ? denied : failed(outcome.message)
}
