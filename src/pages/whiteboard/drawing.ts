/** The stroke or the erasing under way, from the first touch to the record that is appended. */
import type { Board } from './board.ts'
import { encodePoints, hits, simplify } from './geometry.ts'
import type { Live } from './live.ts'
import type { LiveStroke, Paint } from './paint.ts'
import { makeId } from './records.ts'
import type { BoardRecord } from './records.ts'
import type { Point } from './view.ts'

/** A longer stroke goes on as another one: records stay small. */
const MAX_POINTS = 2_000
/** Screen pixels around the eraser's tip. */
const ERASER_RADIUS = 8

interface Options {
  readonly author: string
  readonly board: Board
  readonly live: Live
  readonly paint: Paint
  readonly scale: () => number
  readonly style: () => { colour: number; units: number }
  readonly commit: (record: BoardRecord) => void
  readonly changed: () => void
}

interface Line extends LiveStroke {
  readonly id: string
  readonly points: Point[]
}

export type Drawing = ReturnType<typeof makeDrawing>

export function makeDrawing(options: Options) {
  const { author, board, live, paint, scale, commit, changed } = options
  let line: Line | undefined
  let erased: Set<string> | undefined
  let lastAt: Point | undefined

  function beginLine(at: Point): void {
    const { colour, units } = options.style()
    line = { id: makeId(author), c: colour, w: units, points: [at] }
    live.begin(line)
  }

  function finishLine(): void {
    if (!line) return
    const { id, c, w, points } = line
    line = undefined
    live.end()
    commit({ t: 's', id, c, w, p: encodePoints(simplify(points, 0.35 / scale())) })
  }

  function extend(to: readonly Point[]): void {
    for (const point of to) {
      line!.points.push(point)
      if (line!.points.length < MAX_POINTS) continue
      finishLine()
      beginLine(point)
    }
    live.grow()
  }

  /** Along the way from the last point: a quick move must not jump over a stroke. */
  function erase(to: Point): void {
    const from = lastAt ?? to
    const radius = ERASER_RADIUS / scale()
    const steps = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / radius))
    for (const { stroke } of board.visible()) {
      if (erased!.has(stroke.id)) continue
      const { points, box } = paint.drawn(stroke)
      for (let step = 1; step <= steps; step++) {
        const x = from.x + ((to.x - from.x) * step) / steps
        const y = from.y + ((to.y - from.y) * step) / steps
        const isNear =
          x > box.left - radius &&
          x < box.right + radius &&
          y > box.top - radius &&
          y < box.bottom + radius
        if (isNear && hits(points, { x, y }, radius + stroke.w / 2)) {
          erased!.add(stroke.id)
          break
        }
      }
    }
    lastAt = to
  }

  return {
    get isErasing() {
      return erased !== undefined
    },
    /** Strokes that the eraser has touched and that are about to go. */
    isErased: (id: string) => erased?.has(id) ?? false,
    line: (): LiveStroke | undefined => line,
    begin(tool: 'pen' | 'eraser', at: Point): void {
      if (tool === 'pen') beginLine(at)
      else {
        erased = new Set()
        lastAt = undefined
        erase(at)
      }
      changed()
    },
    move(to: readonly Point[]): void {
      if (line) extend(to)
      else if (erased) for (const point of to) erase(point)
      changed()
    },
    end(): void {
      finishLine()
      if (erased && erased.size > 0) commit({ t: 'e', id: makeId(author), ids: [...erased] })
      erased = undefined
      changed()
    },
    cancel(): void {
      if (line) live.cancel()
      line = undefined
      erased = undefined
      changed()
    },
  }
}
