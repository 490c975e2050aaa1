/** Strokes as points: encoding, smoothing, hitting. Pure. */
import type { Box, Point } from './view.ts'

/** Tenths of a unit, each after the one before: small numbers make short records. */
export function encodePoints(points: readonly Point[]): number[] {
  let [x, y] = [0, 0]
  return points.flatMap((point) => {
    const [dx, dy] = [Math.round(point.x * 10) - x, Math.round(point.y * 10) - y]
    x += dx
    y += dy
    return [dx, dy]
  })
}

export function decodePoints(numbers: readonly number[]): Point[] {
  const points: Point[] = []
  let [x, y] = [0, 0]
  for (let i = 0; i + 1 < numbers.length; i += 2) {
    x += numbers[i]!
    y += numbers[i + 1]!
    points.push({ x: x / 10, y: y / 10 })
  }
  return points
}

function distanceToSegment(p: Point, a: Point, b: Point): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y]
  const squared = dx * dx + dy * dy
  const along = squared === 0 ? 0 : ((p.x - a.x) * dx + (p.y - a.y) * dy) / squared
  const t = Math.min(1, Math.max(0, along))
  return Math.hypot(p.x - a.x - t * dx, p.y - a.y - t * dy)
}

/** Leaves out points that lie on the line between their neighbours, within `tolerance` (Douglas and Peucker). */
export function simplify(points: readonly Point[], tolerance: number): Point[] {
  const kept = new Set([0, points.length - 1])
  const open: [number, number][] = [[0, points.length - 1]]
  for (let range = open.pop(); range; range = open.pop()) {
    const [from, to] = range
    let [farthest, distance] = [-1, tolerance]
    for (let i = from + 1; i < to; i++) {
      const off = distanceToSegment(points[i]!, points[from]!, points[to]!)
      if (off > distance) [farthest, distance] = [i, off]
    }
    if (farthest < 0) continue
    kept.add(farthest)
    open.push([from, farthest], [farthest, to])
  }
  return points.filter((_, i) => kept.has(i))
}

export function hits(points: readonly Point[], at: Point, radius: number): boolean {
  if (points.length === 1) return Math.hypot(points[0]!.x - at.x, points[0]!.y - at.y) <= radius
  return points.some((p, i) => i > 0 && distanceToSegment(at, points[i - 1]!, p) <= radius)
}

export function boxOf(points: readonly Point[], margin: number): Box {
  const xs = points.map(({ x }) => x)
  const ys = points.map(({ y }) => y)
  return {
    left: Math.min(...xs) - margin,
    top: Math.min(...ys) - margin,
    right: Math.max(...xs) + margin,
    bottom: Math.max(...ys) + margin,
  }
}

export const unite = (a: Box, b: Box): Box => ({
  left: Math.min(a.left, b.left),
  top: Math.min(a.top, b.top),
  right: Math.max(a.right, b.right),
  bottom: Math.max(a.bottom, b.bottom),
})
