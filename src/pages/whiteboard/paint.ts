/**
 * Two canvases: strokes that stand, and above them what is being drawn at this moment. A stroke that comes on top of the
 * others is painted over them; everything else paints the lower canvas anew.
 */
import type { VisibleStroke } from './board.ts'
import { boxOf, decodePoints } from './geometry.ts'
import { shade } from '../common/palette.ts'
import type { Stroke } from './records.ts'
import type { Box, Point, Size, View } from './view.ts'

export interface Drawn {
  readonly points: readonly Point[]
  readonly path: Path2D
  readonly box: Box
}
export interface LiveStroke {
  readonly c: number
  readonly w: number
  readonly points: readonly Point[]
}

/** A smooth line: through the middles of its segments, bent by their ends. */
export function pathThrough(points: readonly Point[]): Path2D {
  const path = new Path2D()
  const first = points[0]!
  path.moveTo(first.x, first.y)
  if (points.length === 1) path.lineTo(first.x, first.y + 0.01)
  for (let i = 1; i < points.length - 1; i++) {
    const [at, next] = [points[i]!, points[i + 1]!]
    path.quadraticCurveTo(at.x, at.y, (at.x + next.x) / 2, (at.y + next.y) / 2)
  }
  const last = points.at(-1)!
  path.lineTo(last.x, last.y + (points.length === 1 ? 0.01 : 0))
  return path
}

const overlaps = (a: Box, b: Box) =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom

export type Paint = ReturnType<typeof makePaint>

export function makePaint(lower: HTMLCanvasElement, upper: HTMLCanvasElement) {
  const below = lower.getContext('2d')!
  const above = upper.getContext('2d')!
  const cache = new Map<string, Drawn>()
  let painted: string[] = []
  let last: { strokes: readonly VisibleStroke[]; fades: boolean } | undefined
  let paintedView: View | undefined
  let size: Size = { width: 0, height: 0 }

  function drawn(stroke: Stroke): Drawn {
    const known = cache.get(stroke.id)
    if (known) return known
    const points = decodePoints(stroke.p)
    const made = { points, path: pathThrough(points), box: boxOf(points, stroke.w) }
    cache.set(stroke.id, made)
    return made
  }

  function use(context: CanvasRenderingContext2D, view: View): void {
    const ratio = devicePixelRatio
    const scale = view.scale * ratio
    context.setTransform(scale, 0, 0, scale, -view.x * scale, -view.y * scale)
    context.lineCap = 'round'
    context.lineJoin = 'round'
  }

  function clear(context: CanvasRenderingContext2D): void {
    context.setTransform(1, 0, 0, 1, 0, 0)
    context.clearRect(0, 0, lower.width, lower.height)
  }

  function stroke({ stroke, isStored }: VisibleStroke, seen: Box, fades: boolean): void {
    const { path, box } = drawn(stroke)
    if (!overlaps(box, seen)) return
    below.globalAlpha = fades && !isStored ? 0.45 : 1
    below.strokeStyle = shade(stroke.c)
    below.lineWidth = stroke.w
    below.stroke(path)
  }

  function keyOf({ stroke, isStored }: VisibleStroke, fades: boolean): string {
    return fades && !isStored ? `${stroke.id} waits` : stroke.id
  }

  return {
    drawn,
    get size() {
      return size
    },
    resize(next: Size): void {
      size = next
      for (const canvas of [lower, upper]) {
        canvas.width = Math.round(next.width * devicePixelRatio)
        canvas.height = Math.round(next.height * devicePixelRatio)
      }
      painted = []
      paintedView = undefined
    },
    /** @param fades whether strokes that are not stored yet are to look like it */
    strokes(view: View, strokes: readonly VisibleStroke[], fades: boolean): void {
      if (view === paintedView && last?.strokes === strokes && last.fades === fades) return
      last = { strokes, fades }
      const keys = strokes.map((visible) => keyOf(visible, fades))
      const isMoreOfTheSame =
        view === paintedView && painted.every((key, index) => key === keys[index])
      const fresh = isMoreOfTheSame ? strokes.slice(painted.length) : strokes
      if (!isMoreOfTheSame) clear(below)
      use(below, view)
      const [right, bottom] = [view.x + size.width / view.scale, view.y + size.height / view.scale]
      for (const visible of fresh)
        stroke(visible, { left: view.x, top: view.y, right, bottom }, fades)
      painted = keys
      paintedView = view
    },
    live(view: View, strokes: Iterable<LiveStroke>): void {
      clear(above)
      use(above, view)
      for (const { c, w, points } of strokes) {
        if (points.length === 0) continue
        above.strokeStyle = shade(c)
        above.lineWidth = w
        above.stroke(pathThrough(points))
      }
    },
    /** Colours have changed. */
    forget(): void {
      paintedView = undefined
    },
  }
}
