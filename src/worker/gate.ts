/** The settings of authentication, as the gate of a surface needs them. */
import { makeGate } from '../auth/gate.ts'
import type { Gate } from '../auth/gate.ts'
import { readJwtKey } from '../auth/jwt.ts'
import type { JwtOptions } from '../auth/jwt-gate.ts'
import type { Permissions } from '../auth/permissions.ts'
import type { Config } from '../config.ts'
import type { Log } from '../core/log.ts'
import type { Meter } from '../core/meter.ts'

export interface GateParts {
  readonly log: Log
  readonly meter: Meter
  readonly permissions: Permissions
}

/** @param mode the surface's own choice, such as `YJS_AUTH` */
export function gateFor(config: Config, mode: 'none' | 'jwt' | 'hook', parts: GateParts): Gate {
  const { log, meter, permissions } = parts
  switch (mode) {
    case 'none':
      return makeGate({ mode, log, meter })
    case 'jwt':
      return makeGate({ mode, jwt: jwtOf(config), permissions, log, meter })
    case 'hook':
      return makeGate({
        mode,
        hook: {
          url: needed(config.AUTH_HOOK_URL),
          timeoutMs: config.AUTH_HOOK_TIMEOUT_MS,
          cacheMs: config.AUTH_CACHE_SECONDS * 1_000,
          recheckMs: config.AUTH_RECHECK_SECONDS * 1_000,
        },
        log,
        meter,
      })
  }
}

function jwtOf(config: Config): JwtOptions {
  const { AUTH_JWT_KEY, AUTH_JWT_KEY_IS_BASE64, AUTH_JWKS_URL } = config
  return {
    key:
      AUTH_JWT_KEY === undefined
        ? { jwksUrl: needed(AUTH_JWKS_URL) }
        : { secret: readJwtKey(AUTH_JWT_KEY, AUTH_JWT_KEY_IS_BASE64) },
    issuer: config.AUTH_JWT_ISSUER,
    audience: config.AUTH_JWT_AUDIENCE,
    cookie: config.AUTH_JWT_COOKIE,
    allRooms: config.AUTH_JWT_ALL_ROOMS,
  }
}

/** `findConflicts` has refused configurations without it. */
function needed(url: string | undefined): string {
  if (url === undefined) throw new Error('a mode of authentication without its settings')
  return url
}
