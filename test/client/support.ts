/**
 * A small server of the protocol, in memory: one log per document, and faults on request. It stands in for a real node
 * where a test needs to choose what goes wrong and when.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import { concat } from '../../src/client/bytes.ts'
import type { Bytes } from '../../src/client/bytes.ts'
import {
  code,
  readClientMessage,
  writeAnswer,
  writeAppend,
  writeError,
  writeKeyAnswer,
  writeKeys,
} from '../../src/client/codec.ts'
import type { Append, ClientMessage, Init, KeyEntry, SetKey } from '../../src/client/codec.ts'
import { splitFrames } from '../../src/client/fragments.ts'
import { connect } from '../../src/client/index.ts'
import type { ConnectOptions } from '../../src/client/index.ts'

interface StoredKey extends KeyEntry {
  readonly owner: Peer | undefined
}
interface Log {
  readonly epoch: number
  bytes: Bytes
  readonly keys: Map<string, StoredKey>
  readonly peers: Set<Peer>
}
interface Peer {
  readonly socket: WebSocket
  readonly wantsEpoch: boolean
  log?: Log
  unfinished: Uint8Array[]
  /** Nothing reaches it any more. */
  isCut: boolean
}

/** What may go wrong with one message from a client: called with it, acts by what it returns. */
export type Fault = (
  message: ClientMessage,
) => 'none' | 'drop' | 'drop after' | 'commit late' | 'refuse late' | 'ignore'

export interface TinyServer extends AsyncDisposable {
  readonly url: string
  readonly origin: string
  /** What clients sent, whole messages, in the order they came. */
  readonly heard: ClientMessage[]
  fault: Fault
  /** How often each fault happened. */
  readonly faults: Map<string, number>
  /** Frames larger than this are cut. */
  largestFrame: number
  /** An original server: knows no epoch. */
  isOriginal: boolean
  text(document: string): string
  bytes(document: string): Uint8Array
  /** Appends as somebody else. */
  append(document: string, bytes: Uint8Array): void
  /** The same, with the fan-out lost. */
  appendQuietly(document: string, bytes: Uint8Array): void
  /** The database went back: the document is as short as it once was, and nobody is told. */
  shorten(document: string, length: number): void
  /** Deletes the document under its clients and makes it again. */
  recreate(document: string, bytes?: Uint8Array): void
  /** Ends all connections. */
  cut(code?: number): void
  connections(document: string): number
  /** Sends raw bytes to all clients of a document. */
  sendRaw(document: string, bytes: Bytes): void
}

const utf8 = new TextEncoder()
export const encode = (text: string) => utf8.encode(text)
export const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
export const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))

/** @param page answers plain HTTP requests */
export async function makeTinyServer(
  page?: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<TinyServer> {
  const logs = new Map<string, Log>()
  const http = createServer(page)
  const sockets = new WebSocketServer({ server: http, path: '/socket' })
  const heard: ClientMessage[] = []
  const faults = new Map<string, number>()
  let lastEpoch = 0
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`

  const makeLog = (bytes: Bytes = concat([])): Log => ({
    epoch: ++lastEpoch,
    bytes,
    keys: new Map(),
    peers: new Set(),
  })
  const send = (peer: Peer, message: Bytes) => {
    if (peer.isCut) return
    for (const frame of splitFrames(message, server.largestFrame)) peer.socket.send(frame)
  }
  const others = (peer: Peer) => [...(peer.log?.peers ?? [])].filter((other) => other !== peer)
  const sendAppend = (peer: Peer, log: Log, offset: number, data: Uint8Array) => {
    const generation = peer.wantsEpoch && !server.isOriginal ? log.epoch : 0
    send(peer, writeAppend({ type: 'append', generation, offset, data }))
  }
  const refuse = (peer: Peer, errorCode: number, text: string) => {
    send(peer, writeError({ type: 'error', code: errorCode, text }))
    peer.socket.close()
  }

  function join(peer: Peer, init: Init, epoch: number): void {
    let log = logs.get(init.id)
    let { offset } = init
    if (log && init.mode === 2) {
      refuse(peer, 2, 'already exists')
      return
    }
    if (!log && init.mode === 1) {
      refuse(peer, 1, 'does not exist')
      return
    }
    if (!log) {
      log = makeLog(concat([init.data]))
      logs.set(init.id, log)
      offset = log.bytes.length
    } else if (offset > log.bytes.length || (epoch > 0 && epoch !== log.epoch)) {
      refuse(peer, 3, 'invalid offset')
      return
    }
    peer.log = log
    sendAppend(peer, log, offset, log.bytes.slice(offset))
    log.peers.add(peer)
    const entries = [...log.keys.values()]
    if (entries.length > 0) send(peer, writeKeys({ type: 'keys', entries }))
  }

  /** @returns whether it was stored */
  function store(log: Log, { offset, data }: Append, author?: Peer): boolean {
    if (offset !== log.bytes.length) return false
    log.bytes = concat([log.bytes, data])
    for (const peer of log.peers) if (peer !== author) sendAppend(peer, log, offset, data)
    return true
  }

  /** @param lateMs a refusal, unlike an acknowledgement, may be passed by bytes that were stored after it was decided */
  function append(peer: Peer, log: Log, message: Append, lateMs: number): void {
    const result = store(log, message, peer) ? 1 : 0
    const answer = writeAnswer({ type: 'answer', result, length: log.bytes.length })
    if (result === 0 && lateMs > 0) setTimeout(() => send(peer, answer), lateMs)
    else send(peer, answer)
  }

  function setKey(peer: Peer, log: Log, m: SetKey): void {
    const present = log.keys.get(m.name)
    const isStored = m.oldVersion === (present?.version ?? 0) && !m.name.startsWith('admin:')
    const answer = writeKeyAnswer({
      type: 'key-answer',
      result: isStored ? 1 : 0,
      request: m.request,
    })
    if (!isStored || m.oldVersion !== m.newVersion) send(peer, answer)
    if (!isStored) return
    const entry = { version: m.newVersion, name: m.name, value: m.value }
    log.keys.set(m.name, { ...entry, owner: m.lifetime === 0 ? peer : undefined })
    for (const other of others(peer)) send(other, writeKeys({ type: 'keys', entries: [entry] }))
  }

  function leave(peer: Peer): void {
    const log = peer.log
    if (!log?.peers.delete(peer)) return
    const gone = [...log.keys.values()].filter((key) => key.owner === peer)
    for (const key of gone) log.keys.delete(key.name)
    const entries = gone.map((key) => ({
      ...key,
      version: key.version + 1,
      value: new Uint8Array(),
    }))
    if (gone.length === 0) return
    for (const other of log.peers) send(other, writeKeys({ type: 'keys', entries }))
  }

  function handle(peer: Peer, message: ClientMessage, raw: Bytes, lateMs: number): void {
    const { log } = peer
    if (!log) return
    if (message.type === 'append') append(peer, log, message, lateMs)
    if (message.type === 'set-key') setKey(peer, log, message)
    if (message.type === 'broadcast') for (const other of others(peer)) send(other, raw)
  }

  function receive(peer: Peer, epoch: number, raw: Bytes): void {
    const message = readClientMessage(raw)
    if (message.type === 'unknown') return
    heard.push(message)
    const fault = server.fault(message)
    faults.set(fault, (faults.get(fault) ?? 0) + 1)
    if (fault === 'ignore') return
    if (fault === 'drop') {
      peer.socket.terminate()
      return
    }
    if (fault === 'commit late' && peer.log && message.type === 'append') {
      // The client is back before its append commits: what a node that was cut off from it does.
      const { log } = peer
      leave(peer)
      peer.socket.terminate()
      setTimeout(() => store(log, message), 5)
      return
    }
    // Cut before the answer gets out, so that the client cannot know.
    if (fault === 'drop after') peer.isCut = true
    if (message.type === 'init') join(peer, message, epoch)
    else handle(peer, message, raw, fault === 'refuse late' ? 8 : 0)
    if (fault === 'drop after') peer.socket.terminate()
  }

  sockets.on('connection', (socket, request) => {
    const epoch = new URL(request.url ?? '', origin).searchParams.get('epoch')
    const peer: Peer = { socket, wantsEpoch: epoch !== null, unfinished: [], isCut: false }
    socket.on('error', () => undefined)
    socket.on('close', () => leave(peer))
    socket.on('message', (data: Buffer) => {
      const isFirst = data[0] !== code.continuation
      peer.unfinished.push(isFirst ? data : data.subarray(2))
      if (data[1] !== 0) return
      const raw = concat(peer.unfinished)
      peer.unfinished = []
      receive(peer, Number(epoch), raw)
    })
  })

  const server: TinyServer = {
    url: `${origin.replace('http', 'ws')}/socket`,
    origin,
    heard,
    fault: () => 'none',
    faults,
    largestFrame: 102_400,
    isOriginal: false,
    text: (document) => decode(logs.get(document)?.bytes ?? new Uint8Array()),
    bytes: (document) => logs.get(document)?.bytes ?? new Uint8Array(),
    append(document, data) {
      const log = logs.get(document) ?? makeLog()
      logs.set(document, log)
      store(log, { type: 'append', generation: 0, offset: log.bytes.length, data })
    },
    appendQuietly(document, data) {
      const log = logs.get(document)!
      log.bytes = concat([log.bytes, data])
    },
    shorten(document, length) {
      const log = logs.get(document)!
      log.bytes = log.bytes.slice(0, length)
    },
    recreate(document, bytes = new Uint8Array()) {
      const old = logs.get(document)
      logs.set(document, makeLog(concat([bytes])))
      for (const peer of old?.peers ?? []) peer.socket.terminate()
    },
    cut(closeCode) {
      for (const socket of sockets.clients) {
        if (closeCode) socket.close(closeCode)
        else socket.terminate()
      }
    },
    connections: (document) => logs.get(document)?.peers.size ?? 0,
    sendRaw(document, bytes) {
      for (const peer of logs.get(document)?.peers ?? []) peer.socket.send(bytes)
    },
    async [Symbol.asyncDispose]() {
      server.cut()
      await new Promise((resolve) => http.close(resolve))
    },
  }
  return server
}

/** A client that keeps what it was given, with short times. */
export function join(server: { readonly url: string }, options: Partial<ConnectOptions> = {}) {
  const connection = connect({
    url: server.url,
    document: 'doc',
    WebSocket,
    backoff: { minMs: 2, maxMs: 40 },
    settleMs: 60,
    ...options,
  })
  const parts: Uint8Array[] = []
  const own: Uint8Array[] = []
  const broadcasts: string[] = []
  const statuses: string[] = []
  const keys = new Map<string, string>()
  let resets = 0
  connection.on('data', ({ bytes, own: isOwn }) => {
    parts.push(bytes)
    if (isOwn) own.push(bytes)
  })
  connection.on('reset', () => {
    parts.length = own.length = 0
    resets += 1
  })
  connection.on('broadcast', (bytes) => broadcasts.push(decode(bytes)))
  connection.on('status', ({ state }) => statuses.push(state))
  connection.on('key', ({ name, value }) => keys.set(name, decode(value)))
  return {
    connection,
    broadcasts,
    statuses,
    keys,
    append: (text: string) => connection.append(encode(text)),
    get text() {
      return decode(concat(parts))
    },
    get ownText() {
      return decode(concat(own))
    },
    get resets() {
      return resets
    },
    [Symbol.dispose]: () => connection.close(),
  }
}
export type TestClient = ReturnType<typeof join>
