/** Who is let in at the moment: draining, the number of connections, the rate of handshakes, the origin. */
import { TokenBucket } from '../core/limits.ts'
import { limitNames } from './limits.ts'
import type { Sockets } from './sockets.ts'
import { busy, isWellFormed, refusals, type Handshake, type Refusal } from './upgrade.ts'

export interface Gate {
  isDraining: boolean
  /** @returns undefined to let it in */
  judge(handshake: Handshake): Refusal | undefined
  /** Whether one that was let in, and kept waiting since, still may come. */
  judgeAgain(): Refusal | undefined
}

export function makeGate({
  sockets,
  isAllowedOrigin,
}: {
  sockets: Sockets
  isAllowedOrigin: (origin: string, host: string) => boolean
}): Gate {
  const { limits, meter } = sockets
  const handshakes = limits.handshakes && new TokenBucket(limits.handshakes, performance.now())

  const isFull = (): boolean => sockets.count >= limits.maxConnections
  const crossed = (): string | undefined => {
    if (isFull()) return limitNames.maxConnections
    const hasRoom = handshakes?.take(1, performance.now()) ?? true
    return hasRoom ? undefined : limitNames.handshakes
  }

  return {
    isDraining: false,
    judge(handshake) {
      if (!isWellFormed(handshake)) return refusals.malformed
      if (this.isDraining) return busy('draining')
      if (!isAllowedOrigin(handshake.origin, handshake.host)) return refusals.origin
      const limit = crossed()
      if (limit === undefined) return undefined
      meter.limit(limit)
      return busy(limit)
    },
    judgeAgain() {
      if (this.isDraining) return busy('draining')
      if (!isFull()) return undefined
      meter.limit(limitNames.maxConnections)
      return busy(limitNames.maxConnections)
    },
  }
}
