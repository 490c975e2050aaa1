/** Settings that are each right and wrong together. What could not be read is absent, and not judged. */
import { isIPv4 } from 'node:net'
import type { Known } from '../config.ts'

/** Whether only this machine can reach a server that listens there. */
export function isLoopback(host: string): boolean {
  if (isIPv4(host)) return host.startsWith('127.')
  return host === '::1' || host.toLowerCase() === 'localhost'
}

/** One sentence for each conflict. */
export function findConflicts(known: Known): string[] {
  const found = [openDoor(known), ...halves(known), ...samePorts(known), badBase64(known)]
  return found.filter((sentence) => sentence !== undefined)
}

/** Authentication of each surface: what lets strangers in, and what would not. */
const authentication = {
  zwibbler: {
    admitsAnybody: (known: Known) =>
      known.ZWIBBLER_JWT_KEY === undefined && known.ZWIBBLER_PLAIN_IDS === true,
    remedy: 'set ZWIBBLER_JWT_KEY, or ZWIBBLER_PLAIN_IDS=0 for registered tokens only',
  },
} as const

function openDoor(known: Known): string | undefined {
  const { HOST, SURFACES, ALLOW_ANONYMOUS } = known
  if (HOST === undefined || isLoopback(HOST) || ALLOW_ANONYMOUS !== false) return undefined
  const open = (SURFACES ?? []).filter((name) => authentication[name].admitsAnybody(known))
  if (open.length === 0) return undefined
  const remedies = open.map((name) => authentication[name].remedy).join('; ')
  return (
    `HOST ${HOST} can be reached by others, and ${open.join(', ')} would let anybody in: ` +
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

const ports = ['PORT', 'ADMIN_PORT', 'ZWIBBLER_PORT'] as const

function samePorts(known: Known): string[] {
  return ports.flatMap((one, at) =>
    ports
      .slice(at + 1)
      .filter((other) => known[one] === known[other])
      .filter(() => known[one] !== undefined && known[one] !== 0)
      .map((other) => `${one} and ${other} are both ${known[one] ?? ''}`),
  )
}

function badBase64({ ZWIBBLER_JWT_KEY, ZWIBBLER_JWT_KEY_IS_BASE64 }: Known): string | undefined {
  if (ZWIBBLER_JWT_KEY === undefined || ZWIBBLER_JWT_KEY_IS_BASE64 !== true) return undefined
  const digits = ZWIBBLER_JWT_KEY.trim().replace(/={0,2}$/, '')
  const isBase64 = /^([A-Za-z0-9+/]+|[A-Za-z0-9_-]+)$/.test(digits) && digits.length % 4 !== 1
  return isBase64 ? undefined : 'ZWIBBLER_JWT_KEY is not base64, as ZWIBBLER_JWT_KEY_IS_BASE64 says'
}
