/** Many clients of one node, of every kind there is, that remember what they were promised and how they were closed. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { checkHistory, contentOf } from './history.ts'
import type { Attempt, History } from './history.ts'
import type { TestNode } from './nodes.ts'
import { readStored } from './stored.ts'
import { sleep, until } from './wait.ts'
import { connectYjs, roomsOf, stepOne, updateOf } from './yjs.ts'
import { connectZwibbler } from './zwibbler.ts'
import type { ZwibblerClient } from './zwibbler.ts'
import { encodeInit } from './zwibblerFrames.ts'

export interface CrowdOptions {
  node: TestNode
  sockets: number
  /** Those who share documents and a room. */
  company?: number
  /** Pause between two changes of one client. */
  thinkMs?: number
}

/** How one connection ended, by the test's clock. */
export interface Farewell {
  at: number
  code: number
}

export interface Crowd {
  readonly size: number
  readonly farewells: readonly Farewell[]
  /** Appends and updates that were acknowledged so far. */
  acknowledged(): number
  /** Everybody is gone; what was promised is compared with what is stored. */
  violations(databaseUrl: string, other: TestNode): Promise<string[]>
  dispose(): void
}

/** Of ten: four write to Zwibbler documents, one only listens, three write to rooms, two only listen there. */
const ROLES = 'wwwwleeeoo'
const AT_ONCE = 100
const PIPELINE = 3

export async function gatherCrowd(options: CrowdOptions): Promise<Crowd> {
  const { node, sockets, company = 50, thinkMs = 500 } = options
  const farewells: Farewell[] = []
  const history: History = { attempts: [], streams: [], final: new Map(), complaints: [] }
  const promised = new Map<string, string[]>()
  const members: { isClosed: boolean; socket: { terminate(): void } }[] = []
  const state = { acknowledged: 0, isOver: false }
  const left = (code: number): void => void farewells.push({ at: performance.now(), code })

  async function write(client: ZwibblerClient, document: string, name: string): Promise<void> {
    for (let turn = 0; !client.isClosed && !state.isOver; turn++) {
      let offset = client.position
      const answers = Array.from({ length: PIPELINE }, async (_, i) => {
        const tag = `${name}.${turn}.${i}`
        const bytes = contentOf(tag, 60)
        const attempt: Attempt = { document, tag, offset, bytes, outcome: 'unanswered' }
        history.attempts.push(attempt)
        offset += bytes.length
        const { kind } = await client.append(bytes, attempt.offset)
        if (kind === 'unanswered') return
        attempt.outcome = kind === 'stored' ? 'acknowledged' : 'refused'
        if (kind === 'stored') state.acknowledged++
      })
      await Promise.all(answers)
      await sleep(thinkMs * (0.5 + Math.random()))
    }
  }

  async function edit(client: Editor, room: string, name: string): Promise<void> {
    const doc = new Y.Doc()
    const text = doc.getText('t')
    for (let turn = 0; !client.isClosed && !state.isOver; turn++) {
      const before = Y.encodeStateVector(doc)
      const tag = `<${name}.${turn}>`
      text.insert(text.length, tag)
      if (await client.stores(updateOf(Y.encodeStateAsUpdate(doc, before)))) {
        promised.set(room, [...(promised.get(room) ?? []), tag])
        state.acknowledged++
      }
      await sleep(thinkMs * (0.5 + Math.random()))
    }
  }

  async function enter(index: number): Promise<() => void> {
    const role = ROLES[index % ROLES.length]!
    const place = Math.floor(index / company)
    const name = `${role}${index}`
    if (role === 'w' || role === 'l') {
      const document = `crowd-${place}-${index % 4}`
      const client = connectZwibbler(node.url, document, { record: false })
      members.push(client)
      await client.joined()
      void client.closed.then(left)
      return () => void (role === 'w' && write(client, document, name))
    }
    const room = `crowd-${place}`
    const client = await connectEditor(`${roomsOf(node)}/${room}`)
    members.push(client)
    void client.closed.then(left)
    return () => void (role === 'e' && edit(client, room, name))
  }

  const rest = Array.from({ length: sockets }, (_, index) => index)
  const begins: (() => void)[] = []
  const enterRest = async (): Promise<void> => {
    for (let next = rest.shift(); next !== undefined; next = rest.shift())
      begins.push(await enter(next))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, enterRest))
  for (const begin of begins) begin()

  return {
    size: sockets,
    farewells,
    acknowledged: () => state.acknowledged,
    async violations(databaseUrl, other) {
      state.isOver = true
      const documents = new Set(history.attempts.map(({ document }) => document))
      for (const document of documents)
        history.final.set(document, await readStored(databaseUrl, document))
      const lost: string[] = []
      for (const [room, tags] of promised) {
        await using client = await connectYjs(roomsOf(other), room).opened()
        await client.asks()
        const has = client.doc().getText('t').toJSON()
        for (const tag of tags)
          if (has.split(tag).length !== 2) lost.push(`[I2] ${room}: ${tag} is not there once`)
      }
      return [...checkHistory(history), ...lost]
    },
    dispose() {
      state.isOver = true
      for (const { socket } of members) socket.terminate()
    },
  }
}

interface Editor {
  readonly socket: WebSocket
  readonly isClosed: boolean
  readonly closed: Promise<number>
  /** An update comes back to its author when it is stored. @returns false when the connection ended first */
  stores(frame: Uint8Array): Promise<boolean>
}

/** Of a room; it keeps nothing. */
async function connectEditor(url: string): Promise<Editor> {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  let isClosed = false
  let waiting: { frame: Uint8Array; settle: (isStored: boolean) => void } | undefined
  socket.on('message', (data: Buffer) => {
    if (waiting && data.equals(waiting.frame)) waiting.settle(true)
  })
  socket.on('error', () => undefined)
  const closed = new Promise<number>((resolve) => {
    socket.once('close', (code) => {
      isClosed = true
      waiting?.settle(false)
      resolve(code)
    })
  })
  await until('it is open', () => isClosed || socket.readyState === WebSocket.OPEN)
  socket.send(stepOne(Uint8Array.of(0)))
  return {
    socket,
    closed,
    get isClosed() {
      return isClosed
    },
    stores(frame) {
      if (isClosed) return Promise.resolve(false)
      socket.send(frame)
      return new Promise((settle) => (waiting = { frame, settle }))
    },
  }
}

/** How many connections ended in each tenth of a second, from the first to the last. */
export function tenths(farewells: readonly Farewell[]): number[] {
  const first = Math.min(...farewells.map(({ at }) => at))
  const tenthOf = (at: number): number => Math.floor((at - first) / 100)
  const counts = new Array<number>(Math.max(...farewells.map(({ at }) => tenthOf(at))) + 1).fill(0)
  for (const { at } of farewells) counts[tenthOf(at)]! += 1
  return counts
}

/** A peer that joins and then answers nothing, not even the end of the connection. */
export async function connectStubborn(
  node: TestNode,
  document: string,
): Promise<{ readonly heard: Buffer; readonly socket: Socket }> {
  const { hostname, port, pathname } = new URL(node.url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  const peer = { heard: Buffer.alloc(0), socket }
  socket.on('error', () => undefined)
  socket.on('data', (bytes: Buffer) => (peer.heard = Buffer.concat([peer.heard, bytes])))
  const head = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
  const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='
  socket.write([`GET ${pathname} HTTP/1.1`, `Host: ${hostname}`, ...head, key, '', ''].join('\r\n'))
  await until('it is upgraded', () => peer.heard.includes('\r\n\r\n'))
  const init = encodeInit({ version: 3, document })
  // Masked with zeros.
  socket.write(Buffer.concat([Buffer.from([0x82, 0x80 | init.length, 0, 0, 0, 0]), init]))
  return peer
}
