/**
 * JSON Web Tokens signed with a shared secret (HS256, HS384, HS512). Texts of refusals are those that clients of the
 * reference server know.
 */
import { createSecretKey } from 'node:crypto'
import { compactVerify, decodeProtectedHeader, errors } from 'jose'

export type JwtClaims = Readonly<Record<string, unknown>>

export type JwtOutcome =
  /** Signed with our key and in force. */
  | { readonly kind: 'valid'; readonly claims: JwtClaims }
  /** Expired, without expiry, or signed with another key. */
  | { readonly kind: 'denied' }
  /** Not a token that could ever be good here; the text may be told to the client. */
  | { readonly kind: 'malformed'; readonly message: string }

export type VerifyJwt = (token: string) => Promise<JwtOutcome>

const ALGORITHMS = ['HS256', 'HS384', 'HS512']
/** The issuer's clock may be this far ahead of ours. Never applied to `exp`. */
const LEEWAY_S = 5

/**
 * The key's bytes from its setting: the text itself, or what it is the base64 of (either alphabet, padded or not).
 * @throws Error when it is empty or not base64
 */
export function readJwtKey(text: string, isBase64: boolean): Uint8Array {
  const bytes = isBase64 ? decodeBase64(text.trim()) : Buffer.from(text, 'utf8')
  if (bytes === undefined) throw new Error('the JWT key is not base64')
  if (bytes.length === 0) throw new Error('the JWT key is empty')
  return bytes
}

function decodeBase64(text: string): Uint8Array | undefined {
  const isBase64 = /^[\w+/-]*={0,2}$/.test(text) && text.replace(/=+$/, '').length % 4 !== 1
  return isBase64 ? Buffer.from(text, 'base64') : undefined
}

/** @param now milliseconds since 1970 */
export function makeJwtVerifier(key: Uint8Array, now: () => number = Date.now): VerifyJwt {
  const secret = createSecretKey(key)
  return async (token) => {
    if (token.split('.').length !== 3) {
      return malformed('token contains an invalid number of segments')
    }
    const algorithm = algorithmOf(token)
    if (algorithm === undefined) return malformed('token is malformed')
    if (!ALGORITHMS.includes(algorithm)) return malformed('unexpected signing method')
    const payload = await verified(token, secret)
    if (payload === 'malformed') return malformed('token is malformed')
    if (payload === 'denied') return { kind: 'denied' }
    return judgeClaims(payload, now() / 1_000)
  }
}

export function malformed(message: string): JwtOutcome {
  return { kind: 'malformed', message }
}

export function algorithmOf(token: string): string | undefined {
  try {
    const { alg } = decodeProtectedHeader(token)
    return typeof alg === 'string' ? alg : undefined
  } catch {
    return undefined
  }
}

type Secret = ReturnType<typeof createSecretKey>

async function verified(
  token: string,
  secret: Secret,
): Promise<Uint8Array | 'denied' | 'malformed'> {
  try {
    const { payload } = await compactVerify(token, secret, { algorithms: ALGORITHMS })
    return payload
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed) return 'denied'
    if (error instanceof errors.JOSEError) return 'malformed'
    throw error
  }
}

/** Whether the claims of a token whose signature is good are in force. */
export function judgeClaims(payload: Uint8Array, nowS: number): JwtOutcome {
  const claims = readClaims(payload)
  const exp = dateOf(claims?.exp)
  const nbf = dateOf(claims?.nbf)
  const iat = dateOf(claims?.iat)
  if (!claims || exp === 'bad' || nbf === 'bad' || iat === 'bad') {
    return malformed('token is malformed')
  }
  // A token that never expires could not be taken back: it is refused like one that has.
  if (exp === undefined || exp <= nowS) return { kind: 'denied' }
  if (nbf !== undefined && nbf > nowS + LEEWAY_S) return malformed('token is not valid yet')
  if (iat !== undefined && iat > nowS + LEEWAY_S) return malformed('token used before issued')
  return { kind: 'valid', claims }
}

function readClaims(payload: Uint8Array): JwtClaims | undefined {
  try {
    const claims: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
    const isObject = typeof claims === 'object' && claims !== null && !Array.isArray(claims)
    return isObject ? (claims as JwtClaims) : undefined
  } catch {
    return undefined
  }
}

/** Seconds since 1970; absent and null are the same. */
function dateOf(claim: unknown): number | undefined | 'bad' {
  if (claim === undefined || claim === null) return undefined
  return typeof claim === 'number' && Number.isFinite(claim) ? claim : 'bad'
}

/** A claim that is a text, '' when it is absent. @returns undefined when it is something else */
export function textClaim(claims: JwtClaims, name: string): string | undefined {
  const claim = claims[name] ?? ''
  return typeof claim === 'string' ? claim : undefined
}

/** When the token was issued, in seconds since 1970. */
export function issuedAt(claims: JwtClaims): number | undefined {
  return typeof claims.iat === 'number' ? claims.iat : undefined
}
