/** Watches this thread's event loop and heap, and agrees with other nodes on who may be unready for it. */
import { getHeapStatistics } from 'node:v8'
import { makeClaims, type Claim } from '../core/claims.ts'
import { makeOverloadJudge, type OverloadLimits } from '../core/overload.ts'
import type { Bus } from '../core/ports.ts'

const SAMPLE_MS = 250
const CLAIM_MS = 1_000
/** Others that became overloaded at the same time have claimed by then. */
const AGREE_MS = 1_500
const CHANNEL = 'overload'

export interface OverloadOptions {
  readonly limits: OverloadLimits
  /** The same for all threads of a process. */
  readonly process: string
  readonly bus: Bus
  /** How many other processes there are. */
  readonly others: () => number
}

export interface Overload {
  /** `out`: it is to get no new connections. `kept`: it should not, but enough others do not either. */
  readonly state: 'none' | 'out' | 'kept'
  stop(): void
}

export function watchOverload({ limits, process, bus, others }: OverloadOptions): Overload {
  const judge = makeOverloadJudge(limits)
  const claims = makeClaims()
  let own: Claim | undefined
  let last = performance.now()
  let claimedAt = -Infinity

  const sample = (): void => {
    const now = performance.now()
    const delayMs = Math.max(0, now - last - SAMPLE_MS)
    last = now
    const isOverloaded = judge({ now, delayMs, heapRatio: heapUsedRatio() })
    own = isOverloaded ? (own ?? { node: process, since: Date.now() }) : undefined
    if (own && now - claimedAt >= CLAIM_MS) {
      claimedAt = now
      bus.publish(CHANNEL, Buffer.from(JSON.stringify(own)))
    }
  }
  const hear = (message: Uint8Array): void => {
    const claim = claimIn(message)
    if (claim) claims.heard(claim, performance.now())
  }
  void bus.subscribe(CHANNEL, hear) // never rejects
  const timer = setInterval(sample, SAMPLE_MS)

  const mayLeave = (claim: Claim): boolean => {
    const nodes = others() + 1
    if (nodes === 1) return true
    // Whoever cannot hear the others' claims might leave together with them.
    if (bus.status !== 'up' || Date.now() - claim.since < AGREE_MS) return false
    return claims.mayLeave(claim, nodes, performance.now())
  }

  return {
    get state() {
      return own === undefined ? 'none' : mayLeave(own) ? 'out' : 'kept'
    },
    stop() {
      clearInterval(timer)
      bus.unsubscribe(CHANNEL, hear)
    },
  }
}

/** Of this thread, from 0 to 1. */
export function heapUsedRatio(): number {
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics()
  return used / limit
}

function claimIn(message: Uint8Array): Claim | undefined {
  try {
    const { node, since } = JSON.parse(Buffer.from(message).toString()) as Partial<Claim>
    return typeof node === 'string' && typeof since === 'number' ? { node, since } : undefined
  } catch {
    return undefined
  }
}
