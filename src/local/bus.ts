/** The bus of a node that has no Redis: the same port, inside one process. Its twin: `redis/bus.ts`. */
import { makeChannels } from '../core/channels.ts'
import type { Log } from '../core/log.ts'
import type { Bus } from '../core/ports.ts'

/** Messages are copied and arrive after the turn of the event loop in which they were published, in order. */
export function makeLocalBus({ log }: { log: Log }): Bus {
  const channels = makeChannels(log)
  let published: (readonly [channel: string, message: Uint8Array])[] = []
  let isClosed = false

  function deliver(): void {
    const messages = published
    published = []
    if (isClosed) return
    for (const [channel, message] of messages) channels.deliver(channel, message)
  }

  return {
    subscribe(channel, hear) {
      if (!isClosed) channels.add(channel, hear)
      return Promise.resolve()
    },
    unsubscribe: (channel, hear) => void channels.remove(channel, hear),
    publish(channel, message) {
      if (published.length === 0) setImmediate(deliver)
      published.push([channel, new Uint8Array(message)])
    },
    status: 'solo',
    // There is nothing that could get lost, and nothing that could change.
    onGap: () => undefined,
    onStatus: () => undefined,
    close() {
      isClosed = true
      return Promise.resolve()
    },
  }
}
