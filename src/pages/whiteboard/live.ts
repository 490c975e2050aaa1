/**
 * Strokes while they are being drawn: sent as broadcasts, to whoever is here, and kept nowhere. The record that is stored
 * at a stroke's end replaces what was shown of it; one that never comes is forgotten after a while.
 */
import type { Connection } from '../../client/index.ts'
import { throttle } from '../common/dom.ts'
import { decodePoints, encodePoints } from './geometry.ts'
import type { LiveStroke } from './paint.ts'
import { isColour, isPoints, isWidth } from './records.ts'
import type { Point } from './view.ts'

const SEND_MS = 40
const FORGET_MS = 10_000
const MAX_BUFFERED = 65_536
const MAX_STROKES = 200

interface Heard extends LiveStroke {
  readonly points: Point[]
  at: number
}
export interface OwnStroke {
  readonly id: string
  readonly c: number
  readonly w: number
  readonly points: readonly Point[]
}
interface Options {
  readonly connection: Connection
  readonly personId: string
  readonly changed: () => void
  readonly moved: (personId: string, to: Point) => void
}

export type Live = ReturnType<typeof makeLive>

export function makeLive({ connection, personId, changed, moved }: Options) {
  const heard = new Map<string, Heard>()
  let own: OwnStroke | undefined
  let sent = 0

  const say = (message: object) =>
    connection.broadcast(new TextEncoder().encode(JSON.stringify(message)))

  const send = throttle(SEND_MS, () => {
    if (!own || own.points.length === sent || connection.buffered > MAX_BUFFERED) return
    const { id, c, w, points } = own
    if (say({ t: 'l', by: personId, id, c, w, p: encodePoints(points.slice(sent)) })) {
      sent = points.length
    }
  })

  function drop(id: string): void {
    if (heard.delete(id)) changed()
  }

  function forgetOld(): void {
    const old = Date.now() - FORGET_MS
    for (const [id, stroke] of heard) if (stroke.at < old) drop(id)
  }

  function hear(bytes: Uint8Array): void {
    const { t, by, id, c, w, p } = JSON.parse(new TextDecoder().decode(bytes)) as {
      readonly [key: string]: unknown
    }
    if (typeof id !== 'string' || typeof by !== 'string') return
    if (t === 'x') drop(id)
    if (t !== 'l' || !isColour(c) || !isWidth(w) || !isPoints(p)) return
    const known = heard.get(id)
    if (!known && heard.size >= MAX_STROKES) return
    const points = decodePoints(p)
    heard.set(id, { c, w, points: [...(known?.points ?? []), ...points], at: Date.now() })
    moved(by, points.at(-1)!)
    changed()
  }

  connection.on('broadcast', (bytes) => {
    try {
      hear(bytes)
    } catch {
      // Not one of ours: anybody may broadcast anything.
    }
  })
  setInterval(forgetOld, FORGET_MS / 4)

  return {
    strokes: (): Iterable<LiveStroke> => heard.values(),
    /** The record is here, or will never be. */
    drop,
    begin(stroke: OwnStroke): void {
      own = stroke
      sent = 0
      send()
    },
    grow: send,
    end(): void {
      own = undefined
    },
    cancel(): void {
      if (own && sent > 0) say({ t: 'x', by: personId, id: own.id })
      own = undefined
    },
  }
}
