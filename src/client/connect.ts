/**
 * A document kept open over any number of connections.
 *
 *   connecting ──joined()──▶ joined
 *     │  ▲                     │
 *     │  └──timer, network──┐  │ ended()
 *     └──ended()──────▶ waiting ◀┘
 *   any of these ──suspend()──▶ suspended ──resume()──▶ connecting
 *   any ──close(), or an error that says not to come back──▶ closed
 */
import { makeAppends } from './appends.ts'
import { delayMs } from './backoff.ts'
import type { Connection, ConnectionEvents, Status } from './connection.ts'
import { ConnectionError } from './errors.ts'
import { makeEvents } from './events.ts'
import { makeKeys } from './keys.ts'
import { readOptions } from './options.ts'
import type { ConnectOptions } from './options.ts'
import { openSession } from './session.ts'
import type { Memory, Session } from './session.ts'

/** A connection that held this long was a good one: the next back-off begins anew. */
const STABLE_MS = 5_000

/**
 * Opens a document and keeps it open.
 *
 * ```ts
 * const board = connect({ url: 'wss://example.org/socket', document: 'board-1' })
 * board.on('data', ({ bytes }) => show(bytes))
 * const outcome = await board.append(encode(stroke)) // { kind: 'stored', offset: 512, … }
 * ```
 */
export function connect(options: ConnectOptions): Connection {
  const settings = readOptions(options)
  const events = makeEvents<ConnectionEvents>()
  const memory: Memory = { epoch: settings.from.epoch ?? 0, create: settings.create }
  const counters = { joins: 0, conflicts: 0, rebases: 0 }
  let status: Status = { state: 'suspended' }
  let session: Session | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  /** Connections tried since the last good one. */
  let tries = 0
  let joinedAt = Infinity
  let isFlushing = false

  const appends = makeAppends({
    offset: settings.from.offset,
    maxBatchBytes: settings.maxBatchBytes,
    rebase: settings.rebase,
    deliver: (delivery) => events.emit('data', delivery),
    conflict(lengths) {
      counters.conflicts += 1
      events.emit('conflict', lengths)
    },
    rebased(rebased) {
      counters.rebases += rebased.changes
      events.emit('rebase', rebased)
    },
  })
  const keys = makeKeys({
    settleMs: settings.settleMs,
    isJoined: () => session?.isJoined ?? false,
    send: (message) => session?.setKey(message),
    changed: (key) => events.emit('key', key),
  })

  function become(next: Status): void {
    status = next
    events.emit('status', next)
  }

  async function start(): Promise<void> {
    clearTimeout(timer)
    const starting: Status = { state: 'connecting' }
    become(starting)
    const id = await askId()
    // Suspended, closed or started anew while the id was asked for.
    if (status !== starting) return
    if (id instanceof ConnectionError) {
      ended(id)
      return
    }
    try {
      const heardBroadcast = (data: Uint8Array) => events.emit('broadcast', data)
      const parts = { settings, id, memory, appends, keys }
      session = openSession({ ...parts, joined, ended, heardBroadcast })
    } catch (error) {
      // For example ws: on a page that came by https:.
      ended(new ConnectionError('lost', String(error)))
    }
  }

  async function askId(): Promise<string | ConnectionError> {
    try {
      return await settings.ask()
    } catch (error) {
      return new ConnectionError('lost', `no document id: ${String(error)}`)
    }
  }

  function joined(): void {
    counters.joins += 1
    joinedAt = Date.now()
    become({ state: 'joined' })
  }

  function dropSession(): void {
    session?.close()
    session = undefined
    appends.disconnected()
    keys.disconnected()
  }

  function ended(error: ConnectionError): void {
    dropSession()
    if (error.code === 'too-large') appends.giveUpSent({ kind: 'too-large' })
    if (error.code === 'recreated') {
      // From the very beginning there is nothing that could not match: the server means something else.
      if (appends.position === 0 && memory.epoch === 0) {
        finish(error)
        return
      }
      forget(error)
    }
    if (!error.retry) {
      finish(error)
      return
    }
    wait(error)
  }

  function forget(error: ConnectionError): void {
    memory.epoch = 0
    memory.create = settings.create === 'always' ? 'if-missing' : settings.create
    keys.reset()
    appends.reset()
    events.emit('reset', { error })
  }

  function wait(error: ConnectionError): void {
    // The caller's listeners may have suspended or closed it.
    if (status.state === 'suspended' || status.state === 'closed') return
    if (Date.now() - joinedAt > STABLE_MS) tries = 0
    joinedAt = Infinity
    const ms = delayMs(settings.backoff, tries, Math.random())
    tries += 1
    timer = setTimeout(() => void start(), ms) // start never rejects
    become({ state: 'waiting', delayMs: ms, error })
  }

  function finish(error?: ConnectionError): void {
    clearTimeout(timer)
    dropSession()
    stopListening()
    become(error ? { state: 'closed', error } : { state: 'closed' })
    keys.close()
    appends.giveUp((inDoubt) => ({ kind: 'closed', inDoubt }))
  }

  /** Changes made in one turn go together. */
  function flushSoon(): void {
    if (isFlushing) return
    isFlushing = true
    queueMicrotask(() => {
      isFlushing = false
      session?.flush()
    })
  }

  const stopListening = onNetworkBack(() => {
    if (status.state === 'waiting') void start() // never rejects
    if (status.state === 'joined') session?.probe()
  })

  const connection: Connection = {
    on: events.on,
    get status() {
      return status
    },
    get counters() {
      return { ...counters }
    },
    get length() {
      return appends.position
    },
    get epoch() {
      return memory.epoch
    },
    get pending() {
      return appends.pending
    },
    get buffered() {
      return session?.buffered ?? 0
    },
    keys: keys.keys,
    append(bytes) {
      if (status.state === 'closed') return Promise.resolve({ kind: 'closed', inDoubt: false })
      const outcome = appends.add(bytes)
      flushSoon()
      return outcome
    },
    broadcast(bytes) {
      if (!session?.isJoined) return false
      session.broadcast(bytes)
      return true
    },
    joined: () => untilJoined(connection),
    suspend() {
      if (status.state === 'closed') return
      clearTimeout(timer)
      dropSession()
      become({ state: 'suspended' })
    },
    resume() {
      if (status.state !== 'suspended') return
      tries = 0
      void start() // never rejects
    },
    close() {
      if (status.state !== 'closed') finish()
    },
  }
  // In a later turn, so that the caller's listeners are there before anything happens.
  if (!settings.isSuspended) {
    const first: Status = { state: 'connecting' }
    status = first
    queueMicrotask(() => {
      if (status === first) void start() // never rejects
    })
  }
  return connection
}

function untilJoined(connection: Connection): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = (status: Status) => {
      if (status.state !== 'joined' && status.state !== 'closed') return
      stop()
      if (status.state === 'joined') resolve()
      else reject(status.error ?? new Error('the connection was closed'))
    }
    const stop = connection.on('status', look)
    look(connection.status)
  })
}

/** Calls when the browser says that the network is back. @returns a function that ends it */
function onNetworkBack(listener: () => void): () => void {
  if (!('addEventListener' in globalThis)) return () => undefined
  globalThis.addEventListener('online', listener)
  return () => globalThis.removeEventListener('online', listener)
}
