/** Who on this node hears which channel of a bus. Used by both twins, `redis/bus.ts` and `local/bus.ts`. */
import type { Log } from './log.ts'

export type Hear = (message: Uint8Array) => void

export interface Channels {
  add(channel: string, hear: Hear): void
  /** @returns true when nobody hears this channel any more */
  remove(channel: string, hear: Hear): boolean
  deliver(channel: string, message: Uint8Array): void
  /** Channels that somebody hears. */
  readonly size: number
}

export function makeChannels(log: Log): Channels {
  const channels = new Map<string, Set<Hear>>()
  return {
    add(channel, hear) {
      const hearers = channels.get(channel)
      if (hearers) hearers.add(hear)
      else channels.set(channel, new Set([hear]))
    },
    remove(channel, hear) {
      const hearers = channels.get(channel)
      if (!hearers?.delete(hear) || hearers.size > 0) return false
      return channels.delete(channel)
    },
    deliver(channel, message) {
      for (const hear of channels.get(channel) ?? []) {
        try {
          hear(message)
        } catch (error) {
          // Every node hears the same message: one that cannot be digested must not end them all (invariant 10).
          log.error({ err: error, channel }, 'a message could not be handled')
        }
      }
    },
    get size() {
      return channels.size
    },
  }
}
