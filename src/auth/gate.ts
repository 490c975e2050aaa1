/** Who may open which document, for every surface: asked once at the upgrade, watched while the connection lasts. */
import type { Log } from '../core/log.ts'
import type { Meter } from '../core/meter.ts'
import { protocolFor } from './credentials.ts'
import { makeHookGate } from './hook-gate.ts'
import type { HookOptions } from './hook.ts'
import { makeJwtGate } from './jwt-gate.ts'
import type { JwtOptions } from './jwt-gate.ts'
import { readAndWrite } from './permission.ts'
import type { Permission } from './permission.ts'
import type { Holder, Permissions } from './permissions.ts'

/** What a client brings with its upgrade request. */
export interface GateRequest {
  /** The document or room as the URL has it, not percent-decoded, without a surface's prefix. */
  readonly document: string
  readonly surface: string
  readonly query: URLSearchParams
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>
  /** Subprotocols that the client offers. */
  readonly protocols: readonly string[]
  /** For log lines. */
  readonly about?: object
}

export interface Granted {
  readonly kind: 'granted'
  readonly user?: string
  /** What holds now; `read` always among it. */
  readonly permission: Permission
  /** Milliseconds since 1970. */
  readonly expiresAt?: number
  /** The subprotocol to answer, one of those offered. */
  readonly protocol?: string
  /** What the token itself says, for `watch`. */
  readonly holder?: Holder
}

export interface Denied {
  readonly kind: 'denied'
  /** `unauthenticated`: who are you? `forbidden`: we know, and no. */
  readonly reason: 'unauthenticated' | 'forbidden'
  /** May be told to the client. */
  readonly text: string
}

/** `unavailable`: whoever knows cannot be asked now, so nobody is let in; the client may come back. */
export type Admission = Granted | Denied | { readonly kind: 'unavailable' }

/**
 * What became of a permission. A word is final and nothing follows: `revoked`, the credential holds no more; `forbidden`, its
 * bearer may no longer read this document; `unavailable`, the hook could not be asked for too long: the client may come back.
 */
export type Change = 'revoked' | 'forbidden' | 'unavailable' | Permission

export interface Gate {
  /** Never rejects. */
  admit(request: GateRequest): Promise<Admission>
  /**
   * Tells of changes from now on, and, in a later turn, of one since `admit`. The listener is never called before this returns.
   * @returns ends it
   */
  watch(request: GateRequest, admission: Granted, listener: (change: Change) => void): () => void
}

export type AuthMeter = Pick<
  Meter,
  'admission' | 'permissionChange' | 'authQuestion' | 'authRequest'
>

export interface Surroundings {
  readonly log: Log
  readonly meter?: AuthMeter
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

export type GateOptions = Surroundings &
  (
    | { readonly mode: 'none' }
    | {
        readonly mode: 'jwt'
        readonly jwt: JwtOptions
        /** Changes of users' permissions: they take away from what a JWT says, and give it back. */
        readonly permissions?: Pick<Permissions, 'isLoaded' | 'permissionOf' | 'watch'>
      }
    | { readonly mode: 'hook'; readonly hook: HookOptions }
  )

export function makeGate(options: GateOptions): Gate {
  const gate = gateOf(options)

  async function attempt(request: GateRequest): Promise<Admission> {
    try {
      return await gate.admit(request)
    } catch (error) {
      options.log.error(
        { ...request.about, err: error },
        'a client could not be judged, and is not let in',
      )
      return { kind: 'unavailable' }
    }
  }

  return {
    async admit(request) {
      const admission = await attempt(request)
      const { kind } = admission
      options.meter?.admission(request.surface, kind === 'denied' ? admission.reason : kind)
      const protocol = protocolFor(request.protocols)
      if (admission.kind !== 'granted' || protocol === undefined) return admission
      return { ...admission, protocol }
    },
    watch(request, admission, listener) {
      return gate.watch(request, admission, (change) => {
        const told = typeof change === 'string' ? change : 'changed'
        options.meter?.permissionChange(request.surface, told)
        try {
          listener(change)
        } catch (error) {
          // One connection's failure must not keep the others from hearing of theirs.
          const fields = { ...request.about, err: error }
          options.log.error(fields, 'a connection could not be told of its permission')
        }
      })
    },
  }
}

function gateOf(options: GateOptions): Gate {
  switch (options.mode) {
    case 'none':
      return openGate
    case 'jwt':
      return makeJwtGate(options)
    case 'hook':
      return makeHookGate(options)
  }
}

const openGate: Gate = {
  admit: () => Promise.resolve({ kind: 'granted', permission: readAndWrite }),
  watch: () => () => undefined,
}
