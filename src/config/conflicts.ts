/** Settings that are each right and wrong together. What could not be read is absent, and not judged. */
import { isIPv4 } from 'node:net'
import type { Known, SurfaceName } from '../config.ts'

/** Whether only this machine can reach a server that listens there. */
export function isLoopback(host: string): boolean {
  if (isIPv4(host)) return host.startsWith('127.')
  return host === '::1' || host.toLowerCase() === 'localhost'
}

/** One sentence for each conflict. */
export function findConflicts(known: Known): string[] {
  const found = [
    openDoor(known),
    ...halves(known),
    ...samePorts(known),
    ...base64Keys.map((key) => badBase64(known, key)),
    ...misfitAuth(known),
    ...badYjs(known),
  ]
  return found.filter((sentence) => sentence !== undefined)
}

/** Authentication of each surface: what lets strangers in, and what would not. */
const authentication = {
  zwibbler: {
    admitsAnybody: (known: Known) =>
      known.ZWIBBLER_JWT_KEY === undefined && known.ZWIBBLER_PLAIN_IDS === true,
    remedy: 'set ZWIBBLER_JWT_KEY, or ZWIBBLER_PLAIN_IDS=0 for registered tokens only',
  },
  yjs: {
    admitsAnybody: (known: Known) => known.YJS_AUTH === 'none',
    remedy: 'set YJS_AUTH to jwt or hook',
  },
} as const

/** Surfaces that would let strangers in without this being meant. */
export function openSurfaces(known: Known): SurfaceName[] {
  const { HOST, SURFACES, ALLOW_ANONYMOUS } = known
  if (HOST === undefined || isLoopback(HOST) || ALLOW_ANONYMOUS !== false) return []
  return (SURFACES ?? []).filter((name) => authentication[name].admitsAnybody(known))
}

/** Whether clients of some surface have to say who they are. */
export function isGuarded(known: Known): boolean {
  return (known.SURFACES ?? []).some((name) => !authentication[name].admitsAnybody(known))
}

function openDoor(known: Known): string | undefined {
  const open = openSurfaces(known)
  if (open.length === 0) return undefined
  const remedies = open.map((name) => authentication[name].remedy).join('; ')
  return (
    `HOST ${known.HOST ?? ''} can be reached by others, and ${open.join(', ')} would let anybody in: ` +
    `${remedies}; or ALLOW_ANONYMOUS=1 if that is meant`
  )
}

const pairs = [
  ['TLS_CERT_FILE', 'TLS_KEY_FILE'],
  ['TLS_KEY_FILE', 'TLS_CERT_FILE'],
  ['ZWIBBLER_SECRET_USER', 'ZWIBBLER_SECRET_PASSWORD'],
  ['ZWIBBLER_SECRET_PASSWORD', 'ZWIBBLER_SECRET_USER'],
] as const

function halves(known: Known): string[] {
  return pairs
    .filter(([one, other]) => known[one] !== undefined && known[other] === undefined)
    .map(([one, other]) => `${one} is of no use without ${other}`)
}

const ports = ['PORT', 'ADMIN_PORT', 'ZWIBBLER_PORT', 'YJS_PORT'] as const

function samePorts(known: Known): string[] {
  return ports.flatMap((one, at) =>
    ports
      .slice(at + 1)
      .filter((other) => known[one] === known[other])
      .filter(() => known[one] !== undefined && known[one] !== 0)
      .map((other) => `${one} and ${other} are both ${known[one] ?? ''}`),
  )
}

const base64Keys = ['ZWIBBLER_JWT_KEY', 'AUTH_JWT_KEY'] as const

function badBase64(known: Known, name: (typeof base64Keys)[number]): string | undefined {
  const key = known[name]
  if (key === undefined || known[`${name}_IS_BASE64`] !== true) return undefined
  const digits = key.trim().replace(/={0,2}$/, '')
  const isBase64 = /^([A-Za-z0-9+/]+|[A-Za-z0-9_-]+)$/.test(digits) && digits.length % 4 !== 1
  return isBase64 ? undefined : `${name} is not base64, as ${name}_IS_BASE64 says`
}

/** What each way of authentication is of no use without, and what is of no use without it. */
const ways = {
  jwt: {
    needs: ['AUTH_JWT_KEY', 'AUTH_JWKS_URL'],
    servedBy: ['AUTH_JWT_KEY', 'AUTH_JWKS_URL', 'AUTH_JWT_ISSUER', 'AUTH_JWT_AUDIENCE'],
  },
  hook: { needs: ['AUTH_HOOK_URL'], servedBy: ['AUTH_HOOK_URL'] },
} as const

/** Surfaces' choices among them. */
const choices = ['YJS_AUTH'] as const

function misfitAuth(known: Known): string[] {
  const both = known.AUTH_JWT_KEY !== undefined && known.AUTH_JWKS_URL !== undefined
  return [
    ...(both ? ['AUTH_JWT_KEY and AUTH_JWKS_URL exclude each other'] : []),
    ...misfit(known, 'jwt'),
    ...misfit(known, 'hook'),
  ]
}

function misfit(known: Known, way: keyof typeof ways): string[] {
  const { needs, servedBy } = ways[way]
  const users = choices.filter((choice) => known[choice] === way)
  if (users.length > 0 && needs.every((name) => isUnset(known, name))) {
    return users.map((choice) => `${choice}=${way} needs ${needs.join(' or ')}`)
  }
  // Somebody who sets a key and forgets to say who uses it would have open doors without knowing.
  if (users.length > 0 || choices.some((choice) => known[choice] === undefined)) return []
  return servedBy
    .filter((name) => known[name] !== undefined)
    .map((name) => `${name} is of no use without ${choices.map((c) => `${c}=${way}`).join(' or ')}`)
}

/** Neither given nor misread. */
function isUnset(known: Known, name: keyof Known): boolean {
  return name in known && known[name] === undefined
}

function badYjs(known: Known): string[] {
  const { YJS_CALLBACK_OBJECTS = {}, YJS_CALLBACK_URL, YJS_PATH, SURFACES = [] } = known
  const { YJS_CALLBACK_DEBOUNCE_MS = 0, YJS_CALLBACK_MAX_WAIT_MS = Infinity } = known
  const isIdle = YJS_CALLBACK_URL === undefined && Object.keys(YJS_CALLBACK_OBJECTS).length > 0
  return [
    ...(isIdle ? ['YJS_CALLBACK_OBJECTS is of no use without YJS_CALLBACK_URL'] : []),
    ...(YJS_CALLBACK_DEBOUNCE_MS > YJS_CALLBACK_MAX_WAIT_MS
      ? ['YJS_CALLBACK_DEBOUNCE_MS is above YJS_CALLBACK_MAX_WAIT_MS']
      : []),
    ...(YJS_PATH === '/' && SURFACES.some((name) => name !== 'yjs')
      ? ['YJS_PATH / leaves no path to other surfaces: set SURFACES=yjs, or use YJS_PORT instead']
      : []),
    ...(YJS_PATH === '/socket' ? ["YJS_PATH /socket is the zwibbler surface's"] : []),
  ]
}
