/** HTTP Basic authentication of the management API (spec 13): one pair, compared in constant time. */
import { createHash, timingSafeEqual } from 'node:crypto'

export interface Credentials {
  readonly user: string
  readonly password: string
}

export type CheckLogin = (authorization: string | undefined) => Login

export interface Login {
  readonly isRight: boolean
  /** The name that was given, shortened for the log. Never the password. */
  readonly user: string | undefined
}

const MAX_LOGGED = 64

/** @param credentials without them, or with two empty ones, every login is wrong */
export function makeLogin(credentials: Credentials | undefined): CheckLogin {
  const { user, password } = credentials ?? { user: '', password: '' }
  const isConfigured = user !== '' || password !== ''
  return (authorization) => {
    const given = parseBasic(authorization)
    // Both are always compared: how long it takes says nothing about either.
    const isUser = isEqual(given?.user ?? '', user)
    const isPassword = isEqual(given?.password ?? '', password)
    const isRight = isConfigured && given !== undefined && isUser && isPassword
    return { isRight, user: given?.user.slice(0, MAX_LOGGED) }
  }
}

function parseBasic(authorization = ''): Credentials | undefined {
  const [, base64] = /^basic ([a-z0-9+/]+=*)$/i.exec(authorization) ?? []
  if (base64 === undefined) return undefined
  const text = Buffer.from(base64, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0) return undefined
  return { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** Hashes first, because only equal lengths can be compared in constant time. */
function isEqual(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest()
}
