/** What one client address may have, so that it cannot take what all share. Memory: see `Rates`. */
import { makeQuota } from '../core/quota.ts'
import { type Rate, TokenBucket } from '../core/limits.ts'
import { groupOf } from './client-address.ts'
import { limitNames } from './limits.ts'

export interface AddressLimits {
  /** @returns the name of the limit that a further connection would cross */
  crossed(address: string, now: number): string | undefined
  isFull(address: string): boolean
  add(address: string): void
  remove(address: string): void
  /** Addresses that something is known of. */
  readonly size: number
}

export interface AddressLimitOptions {
  /** Infinity for no limit. */
  readonly connectionsPerAddress: number
  readonly handshakesPerAddress: Rate | undefined
}

export function makeAddressLimits(options: AddressLimitOptions): AddressLimits {
  const connections = makeQuota(options.connectionsPerAddress)
  const { handshakesPerAddress: rate } = options
  const handshakes = rate && makeRates(rate)
  return {
    crossed(address, now) {
      const group = groupOf(address)
      if (connections.isFull(group)) return limitNames.connectionsPerAddress
      const hasRoom = handshakes?.take(group, now) ?? true
      return hasRoom ? undefined : limitNames.handshakesPerAddress
    },
    isFull: (address) => connections.isFull(groupOf(address)),
    add: (address) => connections.add(groupOf(address)),
    remove: (address) => connections.remove(groupOf(address)),
    get size() {
      return connections.names + (handshakes?.size ?? 0)
    },
  }
}

/** Against more addresses than a node can be asked by in that time: then some are forgotten early. */
const MOST_REMEMBERED = 50_000

/**
 * A bucket that has not been touched for as long as it takes to fill is as good as a new one. So there are two generations:
 * whoever comes moves into the younger, and the older is forgotten when the younger is that old.
 */
function makeRates(rate: Rate) {
  const fullAfterMs = (rate.burst / rate.perSecond) * 1_000
  let young = new Map<string, TokenBucket>()
  let old = new Map<string, TokenBucket>()
  let since = 0
  return {
    take(group: string, now: number): boolean {
      if (now - since >= fullAfterMs || young.size >= MOST_REMEMBERED) {
        old = now - since >= fullAfterMs * 2 ? new Map<string, TokenBucket>() : young
        young = new Map()
        since = now
      }
      const bucket = young.get(group) ?? old.get(group) ?? new TokenBucket(rate, now)
      young.set(group, bucket)
      return bucket.take(1, now)
    },
    get size() {
      return young.size + old.size
    },
  }
}
