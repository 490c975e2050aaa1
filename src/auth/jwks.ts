/** JSON Web Tokens signed with a private key whose public half is at a URL (JWKS). */
import { compactVerify, createRemoteJWKSet, customFetch, errors } from 'jose'
import type { CompactJWSHeaderParameters, CryptoKey, FlattenedJWSInput } from 'jose'
import type { Meter } from '../core/meter.ts'
import { textOf, withoutUser } from './http.ts'
import { algorithmOf, judgeClaims, malformed } from './jwt.ts'
import type { JwtOutcome } from './jwt.ts'

/** `unavailable`: the keys cannot be had now. */
export type JwksOutcome = JwtOutcome | { readonly kind: 'unavailable'; readonly error: unknown }

export interface JwksOptions {
  readonly timeoutMs?: number
  readonly now?: () => number
  readonly meter?: Pick<Meter, 'authRequest'> | undefined
}

/** No algorithm with a shared secret among them: a public key must never serve as one. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]
const MAX_KEYS_BYTES = 1 << 20
const KEPT_MS = 600_000
/** Between two fetches for an unknown key; tokens with invented key ids must not become a flood of requests. */
const COOL_DOWN_MS = 30_000
/** The same after a fetch that failed. */
const PAUSE_MS = 2_000

class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable'
}

/** Fetches the keys when the first token comes, then keeps them. */
export function makeJwksVerifier(
  jwksUrl: string,
  { timeoutMs = 5_000, now = Date.now, meter }: JwksOptions = {},
): (token: string) => Promise<JwksOutcome> {
  const { url, headers } = withoutUser(jwksUrl)
  const keys = createRemoteJWKSet(new URL(url), {
    timeoutDuration: timeoutMs,
    cooldownDuration: COOL_DOWN_MS,
    cacheMaxAge: KEPT_MS,
    headers,
    [customFetch]: makePausingFetch((result, seconds) =>
      meter?.authRequest('jwks', result, seconds),
    ),
  })

  async function keyOf(header: CompactJWSHeaderParameters, jws: FlattenedJWSInput) {
    try {
      return await keys(header, jws)
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) throw error
      if (error instanceof errors.JWKSMultipleMatchingKeys) throw error
      throw new KeysUnavailable('the keys of tokens cannot be had', { cause: error })
    }
  }

  return async (token) => {
    if (token.split('.').length !== 3) {
      return malformed('token contains an invalid number of segments')
    }
    const algorithm = algorithmOf(token)
    if (algorithm === undefined) return malformed('token is malformed')
    if (!ALGORITHMS.includes(algorithm)) return malformed('unexpected signing method')
    try {
      const { payload } = await compactVerify(token, keyOf, { algorithms: ALGORITHMS })
      return judgeClaims(payload, now() / 1_000)
    } catch (error) {
      if (error instanceof errors.JWKSMultipleMatchingKeys) {
        const payload = await verifiedByAny(token, error)
        return payload ? judgeClaims(payload, now() / 1_000) : { kind: 'denied' }
      }
      return refusalOf(error)
    }
  }
}

/** A token without a key id may be of any key of its kind. */
async function verifiedByAny(
  token: string,
  candidates: AsyncIterable<CryptoKey>,
): Promise<Uint8Array | undefined> {
  for await (const key of candidates) {
    try {
      return (await compactVerify(token, key, { algorithms: ALGORITHMS })).payload
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error
    }
  }
  return undefined
}

function refusalOf(error: unknown): JwksOutcome {
  if (error instanceof KeysUnavailable) return { kind: 'unavailable', error: error.cause }
  if (error instanceof errors.JWSSignatureVerificationFailed) return { kind: 'denied' }
  if (error instanceof errors.JWKSNoMatchingKey) return { kind: 'denied' }
  if (error instanceof errors.JOSEError) return malformed('token is malformed')
  throw error
}

type Fetch = (url: string, options: RequestInit) => Promise<Response>

function makePausingFetch(
  onFetched: (result: 'answered' | 'failed', seconds: number) => void,
): Fetch {
  let failedAt = -Infinity
  return async (url, options) => {
    if (performance.now() < failedAt + PAUSE_MS) throw new Error('the last try has just failed')
    const began = performance.now()
    const fetched = (result: 'answered' | 'failed') =>
      onFetched(result, (performance.now() - began) / 1000)
    try {
      const response = await fetch(url, options)
      if (response.status !== 200) {
        await response.body?.cancel()
        throw new Error(`status ${response.status}`)
      }
      const keys = new Response(await textOf(response, MAX_KEYS_BYTES))
      fetched('answered')
      return keys
    } catch (error) {
      failedAt = performance.now()
      fetched('failed')
      throw error
    }
  }
}
