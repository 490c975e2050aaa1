/**
 * One connection on one document, from its init to its end.
 *
 *   joining ──the first append, empty or not, is here──▶ joined ──▶ ended
 *   joining or joined ──error 0──▶ leaving ──its close code, or none in time──▶ ended
 */
import type { makeAppends } from './appends.ts'
import { creation, writeAppend, writeBroadcast, writeInit, writeSetKey } from './codec.ts'
import type { Append, Creation, SetKey } from './codec.ts'
import { ConnectionError, frameError } from './errors.ts'
import type { Arrival } from './fragments.ts'
import type { makeKeys } from './keys.ts'
import { openLink } from './link.ts'
import { socketUrl } from './options.ts'
import type { Settings } from './options.ts'

/** What outlives a connection. */
export interface Memory {
  /** Low 32 bits of the document's epoch; 0 when the server has not told. */
  epoch: number
  create: Creation
}

export interface SessionOptions {
  readonly settings: Settings
  readonly id: string
  readonly memory: Memory
  readonly appends: ReturnType<typeof makeAppends>
  readonly keys: ReturnType<typeof makeKeys>
  readonly joined: () => void
  readonly heardBroadcast: (data: Uint8Array) => void
  /** Called once, unless `close` was called first. */
  readonly ended: (error: ConnectionError) => void
}

export interface Session {
  readonly isJoined: boolean
  readonly buffered: number
  /** Sends the next append if one may be sent now. */
  flush(): void
  /** Asks for a sign of life. */
  probe(): void
  setKey(message: SetKey): void
  broadcast(data: Uint8Array): void
  close(): void
}

const empty = new Uint8Array()
/** After error 0 the close code, if one comes, says more. */
const FAREWELL_MS = 1_000

export function openSession(options: SessionOptions): Session {
  const { settings, memory, appends, keys } = options
  /** In the order sent; the document was at least `length` bytes long when it was sent. */
  const awaited: { readonly what: 'append' | 'probe'; readonly length: number }[] = []
  let state: 'joining' | 'joined' | 'leaving' | 'ended' = 'joining'
  let farewell: { error: ConnectionError; timer: ReturnType<typeof setTimeout> } | undefined
  /** Whether parts of an append are to come. */
  let isMidAppend = false
  /** The length the document has been said to have. */
  let saidLength = 0

  const init = writeInit({
    type: 'init',
    largest: 0,
    mode: creation[memory.create],
    generation: 0,
    offset: appends.position,
    id: options.id,
    data: memory.create === 'never' ? empty : settings.initialData,
  })
  const link = openLink({
    ...settings,
    url: socketUrl(settings.url, memory.epoch),
    init,
    isOwed: () => awaited.length > 0 || appends.received < saidLength,
    probe,
    arrived,
    ended(error) {
      state = 'ended'
      clearTimeout(farewell?.timer)
      options.ended(error.code === 'too-large' ? error : (farewell?.error ?? error))
    },
  })

  function end(error: ConnectionError): void {
    if (state === 'ended') return
    state = 'ended'
    link.close()
    options.ended(error)
  }

  function arrived(message: Arrival): void {
    if (state === 'ended' || state === 'leaving') return
    switch (message.type) {
      case 'append':
        append(message, message.last)
        break
      case 'answer':
        answer(message.result, message.length)
        break
      case 'keys':
        keys.entries(message.entries)
        break
      case 'key-answer':
        keys.answer(message.result, message.request)
        break
      case 'broadcast':
        options.heardBroadcast(message.data)
        break
      case 'error':
        refused(frameError(message.code, message.text))
        break
      case 'unknown':
    }
  }

  function refused(error: ConnectionError): void {
    if (error.code !== 'server') {
      end(error)
      return
    }
    state = 'leaving'
    farewell = { error, timer: setTimeout(() => end(error), FAREWELL_MS) }
  }

  function append(message: Append, last: boolean): void {
    if (message.generation !== 0) {
      if (memory.epoch !== 0 && memory.epoch !== message.generation) {
        end(recreated())
        return
      }
      memory.epoch = message.generation
    }
    if (state === 'joining' && !isMidAppend && !begin(message.offset)) {
      end(recreated())
      return
    }
    isMidAppend = !last
    judge(appends.receive(message.offset, message.data))
    if (state === 'joining' && last) {
      state = 'joined'
      memory.create = 'never'
      keys.joined()
      options.joined()
    }
    flush()
  }

  /** @returns false when the stream begins before what we have: this is another document */
  function begin(offset: number): boolean {
    const { initialData } = settings
    if (appends.position === 0 && memory.create !== 'never' && offset === initialData.length) {
      // Created by our init, so its contents do not come back to us (spec section 5, point 6).
      judge(appends.receive(0, initialData))
    }
    return offset >= appends.position
  }

  function answer(result: number, length: number): void {
    const asked = awaited.shift()
    if (!asked) throw new RangeError('an answer to nothing')
    // It may be shorter than what we have by now: the answer was decided before the latest bytes came.
    if (length < asked.length) {
      end(recreated())
      return
    }
    saidLength = Math.max(saidLength, length)
    if (asked.what === 'append') judge(appends.answer(result, length))
    flush()
  }

  function judge(verdict: 'ok' | 'broken'): void {
    if (verdict === 'broken') throw new RangeError('the stream has a gap, or an answer is wrong')
  }

  function flush(): void {
    if (state !== 'joined' || isMidAppend) return
    const next = appends.next()
    if (!next) return
    const { offset, bytes: data } = next
    awaited.push({ what: 'append', length: offset })
    link.send(writeAppend({ type: 'append', generation: 0, offset, data }))
  }

  /** An empty append where the document does not end is always refused, with its length: does it live, have we everything? */
  function probe(): void {
    if (state !== 'joined' || awaited.length > 0) return
    awaited.push({ what: 'probe', length: appends.received })
    const offset = appends.position > 0 ? 0 : 1
    link.send(writeAppend({ type: 'append', generation: 0, offset, data: empty }))
  }

  return {
    get isJoined() {
      return state === 'joined'
    },
    get buffered() {
      return link.buffered
    },
    flush,
    probe,
    setKey: (message) => link.send(writeSetKey(message)),
    broadcast: (data) => link.send(writeBroadcast({ type: 'broadcast', data })),
    close() {
      state = 'ended'
      clearTimeout(farewell?.timer)
      link.close()
    },
  }
}

const recreated = () =>
  new ConnectionError('recreated', 'another document has this name now: it was made again')
