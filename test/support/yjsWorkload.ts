import { createDecoder, readVarUint, readVarUint8Array } from 'lib0/decoding'
import * as Y from 'yjs'
import type { TestNode } from './nodes.ts'
import type { Random } from './random.ts'
import { sleep, until } from './wait.ts'
import { roomsOf } from './yjs.ts'
import { edit } from './yjsEdits.ts'
import { makePeer } from './yjsPeers.ts'
import type { YjsPeer } from './yjsPeers.ts'
import { addIds, missing, noIds, readRoom } from './yjsStored.ts'
import type { Ids } from './yjsStored.ts'

export interface YjsWorkloadOptions {
  nodes: readonly TestNode[]
  databaseUrl: string
  random: Random
  rooms?: readonly string[]
  /** Of each room, spread over the nodes. */
  writers?: number
  /** Pause between two edits of one writer. */
  thinkMs?: [number, number]
}

export interface YjsWorkload {
  /** How often an author was told its own edit so far. */
  echoed(): number
  /** @returns a sentence for all that anybody has been told and that is not stored */
  check(): Promise<string[]>
  /** Ends the writers, waits until all have the same, and says what is not as it must be. */
  finish(options?: { withinMs?: number }): Promise<string[]>
}

/** Somebody with a page open: while its node is down it goes to another. */
interface Person {
  readonly name: string
  readonly room: string
  readonly peer: YjsPeer
}

/** Writers with unmodified clients, and all that the server has ever told them. */
export function startYjsWorkload(options: YjsWorkloadOptions): YjsWorkload {
  const { nodes, random, databaseUrl, rooms = ['one'] } = options
  const { writers = 4, thinkMs = [20, 150] } = options
  /** Of each room: what some client was told. It was stored before that. */
  const told = new Map<string, Ids>(rooms.map((room) => [room, noIds()]))
  const isWriting = new AbortController()
  let echoes = 0

  function makePerson(room: string, index: number): Person {
    const nodeOf = (): TestNode | undefined => {
      const home = nodes[index % nodes.length]
      return home?.isRunning ? home : nodes.find((node) => node.isRunning)
    }
    const peer = makePeer(roomsOf(nodes[index % nodes.length]!), room)
    peer.provider.on('connection-close', () => {
      const node = nodeOf()
      if (node) peer.provider.serverUrl = roomsOf(node)
    })
    return { name: `${room}.${index}`, room, peer }
  }

  /** Takes the frames that came since the last time. */
  function listen({ room, peer }: Person): void {
    for (const frame of peer.traffic.heard.splice(0)) {
      const update = updateIn(frame)
      if (!update) continue
      addIds(told.get(room)!, update.bytes)
      if (!update.isAnswer && mentions(update.bytes, peer.doc.clientID)) echoes++
    }
    peer.traffic.sent.length = 0
  }

  async function write(person: Person, own: Random): Promise<void> {
    while (!isWriting.signal.aborted) {
      edit(person.peer.doc, own)
      if (own.chance(0.002)) person.peer.drop()
      await sleep(own.between(...thinkMs))
    }
  }

  async function check(): Promise<string[]> {
    people.forEach(listen)
    const wanted = new Map([...told].map(([room, ids]) => [room, copyOf(ids)]))
    const found = await Promise.all(
      [...wanted].map(async ([room, ids]) => {
        const stored = await readRoom(databaseUrl, room)
        return missing(stored.ids, ids).map((what) => `${room}: ${what}`)
      }),
    )
    return found.flat()
  }

  async function finish({ withinMs = 40_000 } = {}): Promise<string[]> {
    isWriting.abort()
    await writing
    const complaints: string[] = []
    for (const room of rooms) {
      const peers = people.filter((person) => person.room === room)
      const fresh = nodes.map((node) => makePeer(roomsOf(node), room))
      const docs = [...peers.map(({ peer }) => peer), ...fresh]
      const differing = (): string[] => {
        const states = docs.map(({ doc }) => stateOf(doc))
        return states.filter((state) => state !== states[0])
      }
      await until(
        `${room} is the same everywhere`,
        () => docs.every(({ provider }) => provider.synced) && differing().length === 0,
        { withinMs, everyMs: 100 },
      ).catch(() => complaints.push(`${room}: ${differing().length} of ${docs.length} differ`))
      const stored = await readRoom(databaseUrl, room)
      if (stateOf(stored.doc()) !== stateOf(docs[0]!.doc))
        complaints.push(`${room}: another state is stored than ${peers[0]!.name} has`)
      for (const { doc } of docs) if (doc.store.pendingStructs) complaints.push(`${room}: pending`)
      for (const each of fresh) await each[Symbol.asyncDispose]()
    }
    complaints.push(...(await check()))
    await Promise.all(people.map(({ peer }) => peer[Symbol.asyncDispose]()))
    return complaints
  }

  const people = rooms.flatMap((room) =>
    Array.from({ length: writers }, (_, index) => makePerson(room, index)),
  )
  const writing = Promise.all(people.map((person) => write(person, random.fork())))

  return {
    echoed() {
      people.forEach(listen)
      return echoes
    },
    check,
    finish,
  }
}

const stateOf = (doc: Y.Doc): string => Buffer.from(Y.encodeStateAsUpdate(doc)).toString('latin1')

function copyOf({ structs, deletes }: Ids): Ids {
  const copy = noIds()
  copy.structs.addAll(structs)
  copy.deletes.addAll(deletes)
  return copy
}

function updateIn(frame: Uint8Array): { isAnswer: boolean; bytes: Uint8Array } | undefined {
  const decoder = createDecoder(frame)
  if (readVarUint(decoder) !== 0) return undefined
  const kind = readVarUint(decoder)
  return kind === 0 ? undefined : { isAnswer: kind === 1, bytes: readVarUint8Array(decoder) }
}

const mentions = (update: Uint8Array, client: number): boolean =>
  Y.decodeUpdate(update).structs.some(({ id }) => id.client === client)
