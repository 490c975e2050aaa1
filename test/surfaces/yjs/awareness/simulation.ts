/** Nodes with tables, clients with the library's Awareness, and lines between them, in simulated time (ms). */
import {
  applyAwarenessUpdate,
  Awareness,
  encodeAwarenessUpdate,
  removeAwarenessStates,
} from 'y-protocols/awareness'
import * as Y from 'yjs'
import { encodeAwareness } from '../../../../src/surfaces/yjs/awareness/codec.ts'
import {
  type AwarenessTable,
  makeAwarenessTable,
  type Out,
} from '../../../../src/surfaces/yjs/awareness/table.ts'
import type { Random } from '../../../support/random.ts'

export interface Faults {
  /** Of messages between nodes: probabilities, and the longest delay in ms. */
  loss: number
  duplicates: number
  delay: number
}

interface Line {
  isOpen: boolean
  isJoined: boolean
  readonly toClient: (update: Uint8Array) => void
}

export interface Node {
  readonly name: string
  readonly table: AwarenessTable
  readonly lines: Set<Line>
  isAlive: boolean
}

export type World = ReturnType<typeof makeWorld>
export type Client = ReturnType<World['addClient']>

export function makeWorld(random: Random, names: readonly string[], faults: Faults) {
  const events: { at: number; run: () => void }[] = []
  let now = 0
  const nodes = names.map((name): Node => ({
    name,
    table: makeAwarenessTable({ node: name }),
    lines: new Set(),
    isAlive: true,
  }))

  const after = (ms: number, run: () => void): void => {
    events.push({ at: now + ms, run })
  }

  function run(ms: number): void {
    const end = now + ms
    for (;;) {
      const next = events.reduce((a, b) => (b.at < a.at ? b : a), { at: end, run: () => undefined })
      now = next.at
      if (now >= end) return
      events.splice(events.indexOf(next), 1)
      next.run()
    }
  }

  /** What a surface does with what the table gives out. */
  function carry(node: Node, out: Out): void {
    if (out.fanOut.length > 0) {
      const update = encodeAwareness(out.fanOut)
      for (const line of node.lines) if (line.isJoined) line.toClient(update)
    }
    const at = node.table.nextAt()
    if (at !== undefined) {
      after(Math.max(0, at - now), () => {
        if (node.isAlive && (node.table.nextAt() ?? Infinity) <= now)
          carry(node, node.table.tick(now))
      })
    }
    const { publish } = out
    if (publish) for (const other of nodes) send(other, publish)
  }

  function send(node: Node, message: Uint8Array): void {
    if (random.chance(faults.loss)) return
    const copies = random.chance(faults.duplicates) ? 2 : 1
    for (let i = 0; i < copies; i++) {
      after(random.between(1, faults.delay), () => {
        if (node.isAlive) carry(node, node.table.hear(message, now))
      })
    }
  }

  function addClient(isWatcher = false) {
    const doc = new Y.Doc()
    const awareness = new Awareness(doc)
    clearInterval(awareness._checkInterval as NodeJS.Timeout)
    const { clientID } = awareness
    if (isWatcher) awareness.setLocalState(null)
    else awareness.setLocalState({ n: 0 })
    let toServer: ((update: Uint8Array) => void) | undefined
    let hangUp: (() => void) | undefined
    let cut: () => void = () => undefined
    /** Removals of others that came over the line. */
    const lost: { id: number; at: number }[] = []

    awareness.on(
      'update',
      (change: Record<'added' | 'updated' | 'removed', number[]>, from: unknown) => {
        if (from === 'line') lost.push(...change.removed.map((id) => ({ id, at: now })))
        if (from === 'cut') return
        const changed = [...change.added, ...change.updated, ...change.removed]
        toServer?.(encodeAwarenessUpdate(awareness, changed))
      },
    )
    const renew = (): void => {
      if (awareness.getLocalState()) awareness.setLocalState(awareness.getLocalState())
      after(15_000, renew)
    }
    after(random.between(1, 15_000), renew)

    return {
      id: clientID,
      awareness,
      lost,
      isWatcher,
      get isConnected() {
        return toServer !== undefined
      },
      change: (n: number): void => awareness.setLocalState({ n }),
      sees: (): number[] => [...awareness.getStates().keys()].sort((a, b) => a - b),

      connect(node: Node): void {
        const delay = random.between(1, 40)
        const key: Line = {
          isOpen: true,
          isJoined: false,
          toClient: (update) =>
            after(delay, () => {
              if (key.isOpen) applyAwarenessUpdate(awareness, update, 'line')
            }),
        }
        const join = (): void => {
          if (key.isJoined || !node.lines.has(key)) return
          key.isJoined = true
          const present = node.table.present(key)
          if (present.length > 0) key.toClient(encodeAwareness(present))
        }
        node.lines.add(key)
        toServer = (update) =>
          after(delay, () => {
            if (!node.lines.has(key) || !node.isAlive) return
            carry(node, node.table.receive(key, update, now))
            join()
          })
        // Nobody to wait for if there is no state to be announced.
        after(2 * delay + 10, join)
        if (awareness.getLocalState()) toServer(encodeAwarenessUpdate(awareness, [clientID]))
        hangUp = () => {
          node.lines.delete(key)
          if (node.isAlive) carry(node, node.table.left(key, now))
        }
        cut = () => (key.isOpen = false)
      },

      /** The line breaks; the node notices `late` ms later. */
      drop(late: number): void {
        cut()
        if (hangUp) after(late, hangUp)
        toServer = undefined
        const others = [...awareness.getStates().keys()].filter((id) => id !== clientID)
        removeAwarenessStates(awareness, others, 'cut')
      },
    }
  }
  return {
    nodes,
    run,
    after,
    addClient,
    get now() {
      return now
    },
    kill(node: Node): void {
      node.isAlive = false
      for (const other of nodes) {
        if (other.isAlive)
          carry(
            other,
            other.table.nodesGone((name) => name !== node.name, now),
          )
      }
    },
    follow(node: Node): void {
      for (const other of nodes) if (other !== node) send(other, node.table.query())
    },
  }
}
