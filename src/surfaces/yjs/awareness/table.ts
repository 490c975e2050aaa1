/**
 * Who is present in a room, as one node knows it (6). Pure: time comes in as an argument, what is to be sent goes out.
 *
 * Each client is at one node, its home, and there has one connection that owns it: the one that announced it, or else
 * the one that brought the newest clock. Only that connection removes it, and its end begins a grace.
 */
import {
  type AwarenessEntry,
  checkState,
  decodeAwareness,
  type EntryLimits,
  isSame,
} from './codec.ts'
import { type Connection, type Held, makeClients, type Times } from './clients.ts'
import { decodeMessage, encodeMessage, type MessageKind } from './messages.ts'

export interface AwarenessLimits extends EntryLimits {
  /** Clients that one connection may own: tabs of one browser bring each other's. */
  readonly owned: number
  readonly tombstones: number
}

export const DEFAULT_LIMITS: AwarenessLimits = {
  entries: 10_000,
  stateBytes: 16 * 1024,
  stateDepth: 32,
  owned: 8,
  tombstones: 1_000,
}

export interface Out {
  /** To all connections of this node, the sender's and the client's own among them (6.5). */
  readonly fanOut: readonly AwarenessEntry[]
  /** To the other nodes. */
  readonly publish: Uint8Array | undefined
}

export interface AwarenessOptions extends Partial<Times> {
  /** A name of this node, kept for its life; at most 255 ASCII characters. */
  readonly node: string
  readonly limits?: AwarenessLimits
}

export type AwarenessTable = ReturnType<typeof makeAwarenessTable>

export function makeAwarenessTable({
  node,
  limits = DEFAULT_LIMITS,
  graceMs = 2_500,
  expiryMs = 30_000,
  tombstoneMs = 60_000,
}: AwarenessOptions) {
  const clients = makeClients({ graceMs, expiryMs, tombstoneMs }, limits.tombstones)
  const connections = new Map<object, Connection>()
  /** Counts fan-outs and joins, so that it is known what a connection has been sent. */
  let turn = 0
  let fanOut: AwarenessEntry[] = []
  let published: AwarenessEntry[] = []

  function flush(kind: MessageKind = 'update', home = node): Out {
    const message = published.length > 0 ? { kind, home, entries: published } : undefined
    const out = { fanOut, publish: message && encodeMessage(message) }
    fanOut = []
    published = []
    return out
  }

  const clockOf = (id: number): number =>
    clients.held.get(id)?.clock ?? clients.gone.get(id)?.clock ?? 0

  const publish = (id: number, clock: number, state: Uint8Array | null): void => {
    published.push({ id, clock, state })
  }

  function put({ id, clock, state }: Present, place: Place, now: number): void {
    const before = clients.held.get(id)
    if (before?.connection !== place.connection) before?.connection?.owned.delete(id)
    place.connection?.owned.add(id)
    const { home, connection, isAnnounced, heard } = place
    const copy = new Uint8Array(state) // the bytes are the socket's
    clients.hold({
      ...{ id, clock, state: copy, home, connection, isAnnounced, heard },
      ...{ renewedAt: now, grace: undefined, told: ++turn },
    })
    fanOut.push({ id, clock, state: copy })
  }

  function remove(id: number, clock: number, home: string, now: number): void {
    clients.drop({ id, clock, home, at: now, told: ++turn })
    fanOut.push({ id, clock, state: null })
  }

  /** Kept, but nobody has to be told (6.2). */
  function remember(id: number, clock: number, home: string, now: number): void {
    if (clock <= clockOf(id)) return
    clients.drop({ id, clock, home, at: now, told: clients.gone.get(id)?.told ?? 0 })
  }

  function connectionOf(key: object): Connection {
    const known = connections.get(key)
    if (known) return known
    const owned = new Set<number>()
    const connection = { announced: undefined, hasSpoken: false, joined: undefined, owned }
    connections.set(key, connection)
    return connection
  }

  /** What a connection has been sent it sends back (6.4); that announces nobody. */
  function wasTold({ joined }: Connection, id: number): boolean {
    const held = clients.held.get(id)
    const known = held ?? clients.gone.get(id)
    if (joined === undefined || !known) return false
    if (known.told > joined || !held) return known.told > joined
    return held.grace ? held.grace.since > joined : true
  }

  function announce(connection: Connection, entry: Present, now: number): void {
    const { id, clock, state } = entry
    connection.announced = id
    const held = clients.held.get(id)
    const known = clockOf(id)
    const here = { home: node, connection, isAnnounced: true, heard: clock }
    const isBehind = held ? held.grace && clock < known : clients.gone.has(id)
    if (clock > known) put(entry, here, now)
    else if (isBehind) put({ id, clock: raised(known), state }, here, now)
    else if (held?.clock === clock) move(held, here, now)
    else return
    const { clock: current, state: shown } = clients.held.get(id)!
    publish(id, current, shown)
  }

  /** The same state at another place. Those who joined during a grace have not been told of the client. */
  function move(held: Held, place: Place, now: number): void {
    if (held.grace) return put(held, place, now)
    held.connection?.owned.delete(held.id)
    place.connection?.owned.add(held.id)
    Object.assign(held, place, { renewedAt: now })
  }

  function changeHere(connection: Connection, entry: AwarenessEntry, now: number): void {
    if (entry.state === null) return removeHere(connection, entry, now)
    const { id, clock, state } = entry
    const held = clients.held.get(id)
    if (clock > clockOf(id)) {
      const place = placeHere(connection, id, clock)
      if (!place) return
      put({ id, clock, state }, place, now)
      publish(id, clock, state)
    } else if (held?.connection === connection && clock > held.heard) {
      // Its own change, made before it heard that the node had raised its clock.
      Object.assign(held, { heard: clock, renewedAt: now })
      if (isSame(state, held.state)) return
      put({ id, clock: raised(held.clock), state }, held, now)
      publish(id, raised(held.clock), state)
    }
  }

  /** @returns undefined if the connection owns too many */
  function placeHere(connection: Connection, id: number, clock: number): Place | undefined {
    const isAnnounced = connection.announced === id
    const held = clients.held.get(id)
    if (held?.isAnnounced && !held.grace && !isAnnounced) return held
    if (!connection.owned.has(id) && connection.owned.size >= limits.owned) return undefined
    return { home: node, connection, isAnnounced, heard: clock }
  }

  function removeHere(connection: Connection, { id, clock }: AwarenessEntry, now: number): void {
    const held = clients.held.get(id)
    if (!held) return remember(id, clock, node, now)
    const isAnnouncer = connection.announced === id && held.home === node
    if ((held.connection !== connection && !isAnnouncer) || clock < held.clock) return
    remove(id, clock, node, now)
    publish(id, clock, null)
  }

  function hearPresent(kind: MessageKind, home: string, entry: Present, now: number): string {
    const { id, clock, state } = entry
    const held = clients.held.get(id)
    const gone = clients.gone.get(id)
    const known = clockOf(id)
    if (clock > known) {
      put(entry, placeHeard(kind, home, entry), now)
      const client = clients.held.get(id)!
      // Another node believes it to be here.
      if (client.home === node && !client.connection) clients.beginGrace(client, now, ++turn)
    } else if (home === node) return node
    else if (gone && kind === 'announce' && clock === known && gone.home !== home) {
      const place = { home, connection: undefined, isAnnounced: true, heard: clock }
      put({ id, clock: raised(known), state }, place, now)
      publish(id, raised(known), state)
      return home
    } else if (gone) publish(id, known, null)
    else if (held?.clock === clock && kind === 'announce')
      move(held, { home, connection: undefined, isAnnounced: true, heard: clock }, now)
    return node
  }

  function placeHeard(kind: MessageKind, home: string, { id, clock }: Present): Place {
    const held = clients.held.get(id)
    if (held && home === node) return held
    const wasThere = held?.home === home && held.isAnnounced
    const isCertain = kind === 'announce' || kind === 'update'
    if (held?.isAnnounced && !held.grace && !wasThere && !isCertain) return held
    const isAnnounced = wasThere || kind !== 'relayed'
    return { home, connection: undefined, isAnnounced, heard: clock }
  }

  function hearGone(home: string, { id, clock }: AwarenessEntry, now: number): void {
    const held = clients.held.get(id)
    if (!held) return remember(id, clock, home, now)
    if (clock < held.clock) return
    if (clock === held.clock && held.connection?.announced === id && clock < raised(clock)) {
      // It has come here, which the other node did not hear.
      put({ id, clock: raised(clock), state: held.state }, held, now)
      publish(id, raised(clock), held.state)
    } else remove(id, clock, home, now)
  }

  function hearLeaving(home: string, id: number): void {
    const held = clients.held.get(id)
    if (held?.home === home && home !== node && !held.grace) clients.beginRemoteGrace(held, ++turn)
  }

  function answer(): Out {
    for (const { id, clock, state, home } of clients.held.values())
      if (home === node) publish(id, clock, state)
    for (const { id, clock, home } of clients.gone.values())
      if (home === node) publish(id, clock, null)
    return flush('state')
  }

  function tick(now: number): Out {
    for (const { id, clock, home } of clients.due(now)) {
      remove(id, clock, node, now)
      if (home === node) publish(id, clock, null)
    }
    return flush()
  }

  return {
    /**
     * A frame's awareness update, from a connection of this node.
     * @throws MalformedAwareness; nothing of the frame counts then
     */
    receive(key: object, bytes: Uint8Array, now: number): Out {
      const entries = decodeAwareness(bytes, limits)
      const connection = connectionOf(key)
      const announced = announcement(connection, entries)
      for (const { id, clock, state } of entries) {
        const held = clients.held.get(id)
        const isLate = held?.connection === connection && clock > held.heard
        if (state && (announced || isLate || clock > clockOf(id))) checkState(state, limits)
      }
      connection.hasSpoken = true
      if (announced) {
        announce(connection, announced, now)
        return flush('announce')
      }
      for (const entry of entries) changeHere(connection, entry, now)
      const isOwn = published.every(({ id }) => id === connection.announced)
      return flush(isOwn ? 'update' : 'relayed')
    },

    /** A message of another node, or an echo of one of our own. */
    hear(message: Uint8Array, now: number): Out {
      const heard = decodeMessage(message)
      if (!heard) return flush()
      const { kind, home, entries } = heard
      if (kind === 'query') return home === node ? flush() : answer()
      let about = node
      for (const { id, clock, state } of entries) {
        if (kind === 'leaving') hearLeaving(home, id)
        else if (state === null) hearGone(home, { id, clock, state }, now)
        else about = hearPresent(kind, home, { id, clock, state }, now)
      }
      return flush('update', about)
    },

    /** What asks the other nodes who is present: to be published when this node has begun to follow the room. */
    query(): Uint8Array {
      return encodeMessage({ kind: 'query', home: node, entries: [] })
    },

    /**
     * Who is present, to be sent to a connection that joins. What it has been sent it does not announce, so this is best
     * sent after its first awareness frame, or a moment after its step 1 if none comes.
     */
    present(key: object): AwarenessEntry[] {
      connectionOf(key).joined ??= ++turn
      const shown = [...clients.held.values()].filter(({ grace }) => !grace)
      return shown.map(({ id, clock, state }) => ({ id, clock, state }))
    },

    /** A connection has ended. Its clients are removed after a grace, unless they come back on any node. */
    left(key: object, now: number): Out {
      const connection = connections.get(key)
      connections.delete(key)
      for (const id of connection?.owned ?? []) {
        const client = clients.held.get(id)!
        clients.beginGrace(client, now, ++turn)
        publish(id, client.clock, null)
      }
      return flush('leaving')
    },

    /** Every node removes the clients of dead nodes for itself. */
    nodesGone(isAlive: (node: string) => boolean, now: number): Out {
      for (const client of clients.held.values()) {
        const isDue = (client.grace?.due ?? Infinity) < Infinity
        if (isDue || client.home === node || isAlive(client.home)) continue
        clients.beginGrace(client, now, ++turn)
      }
      return tick(now)
    },

    /** Removes whose time has come. */
    tick,

    /** When `tick` has something to do, at the earliest. */
    nextAt(): number | undefined {
      return clients.nextAt === Infinity ? undefined : clients.nextAt
    },

    /** No client of this node is present or in its grace: without connections, the table is not needed. */
    get isEmpty(): boolean {
      return ![...clients.held.values()].some(({ home }) => home === node)
    },
  }

  function announcement(
    connection: Connection,
    entries: readonly AwarenessEntry[],
  ): Present | undefined {
    const [first] = entries
    if (connection.hasSpoken || !first || entries.length > 1 || first.state === null)
      return undefined
    const { id, clock, state } = first
    return wasTold(connection, id) ? undefined : { id, clock, state }
  }
}

type Present = AwarenessEntry & { readonly state: Uint8Array }
type Place = Pick<Held, 'home' | 'connection' | 'isAnnounced' | 'heard'>

/** At the greatest clock there is nothing above it. */
const raised = (clock: number): number => Math.min(clock + 1, Number.MAX_SAFE_INTEGER)
