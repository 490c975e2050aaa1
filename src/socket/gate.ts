/** Who is let in at the moment: draining, the origin, connections and handshakes of an address and of all. */
import { TokenBucket } from '../core/limits.ts'
import { limitNames } from './limits.ts'
import type { Sockets } from './sockets.ts'
import { busy, isWellFormed, refusals, type Handshake, type Refusal } from './upgrade.ts'

export interface Gate {
  isDraining: boolean
  /** @returns undefined to let it in */
  judge(handshake: Handshake): Refusal | undefined
  /** Whether one that was let in, and kept waiting since, still may come. */
  judgeAgain(address: string): Refusal | undefined
}

export function makeGate({
  sockets,
  isAllowedOrigin,
}: {
  sockets: Sockets
  isAllowedOrigin: (origin: string, host: string) => boolean
}): Gate {
  const { limits, meter, log, addresses } = sockets
  const handshakes = limits.handshakes && new TokenBucket(limits.handshakes, performance.now())

  const isFull = (): boolean => sockets.count >= limits.maxConnections
  const crossed = (address: string): string | undefined => {
    if (isFull()) return limitNames.maxConnections
    const now = performance.now()
    // Before what all share, of which one address must not take more than its part.
    const own = addresses.crossed(address, now)
    if (own !== undefined) return own
    const hasRoom = handshakes?.take(1, now) ?? true
    return hasRoom ? undefined : limitNames.handshakes
  }
  const full = (address: string): string | undefined => {
    if (isFull()) return limitNames.maxConnections
    return addresses.isFull(address) ? limitNames.connectionsPerAddress : undefined
  }
  const refuse = (limit: string, address: string): Refusal => {
    meter.limit(limit)
    log.debug({ limit, address }, 'a handshake was refused at a limit')
    return busy(limit)
  }

  return {
    isDraining: false,
    judge(handshake) {
      if (!isWellFormed(handshake)) return refusals.malformed
      if (this.isDraining) return busy('draining')
      const { origin, host, address } = handshake
      if (!isAllowedOrigin(origin, host)) {
        log.debug({ origin, host, address }, 'a page of another origin was refused')
        return refusals.origin
      }
      const limit = crossed(address)
      return limit === undefined ? undefined : refuse(limit, address)
    },
    judgeAgain(address) {
      if (this.isDraining) return busy('draining')
      const limit = full(address)
      return limit === undefined ? undefined : refuse(limit, address)
    },
  }
}
