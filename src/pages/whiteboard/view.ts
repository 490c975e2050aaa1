/** Where on the endless board the screen is: screen = (board - origin) × scale. Pure. */
export interface Point {
  readonly x: number
  readonly y: number
}
export interface View extends Point {
  readonly scale: number
}
export interface Size {
  readonly width: number
  readonly height: number
}
export interface Box {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

const MIN_SCALE = 0.1
const MAX_SCALE = 6

export const toBoard = (view: View, { x, y }: Point): Point => ({
  x: view.x + x / view.scale,
  y: view.y + y / view.scale,
})
export const toScreen = (view: View, { x, y }: Point): Point => ({
  x: (x - view.x) * view.scale,
  y: (y - view.y) * view.scale,
})
/** By screen pixels. */
export const pan = (view: View, dx: number, dy: number): View => ({
  ...view,
  x: view.x - dx / view.scale,
  y: view.y - dy / view.scale,
})

/** Keeps the board's point under `at` where it is. */
export function zoom(view: View, factor: number, at: Point): View {
  const scale = Math.min(MAX_SCALE, Math.max(MIN_SCALE, view.scale * factor))
  const fixed = toBoard(view, at)
  return { scale, x: fixed.x - at.x / scale, y: fixed.y - at.y / scale }
}

export function centred(size: Size, at: Point, scale: number): View {
  return { scale, x: at.x - size.width / scale / 2, y: at.y - size.height / scale / 2 }
}

/** Shows all of the box, never larger than life. */
export function fit(size: Size, box: Box, margin: number): View {
  const width = Math.max(1, box.right - box.left)
  const height = Math.max(1, box.bottom - box.top)
  const room = { width: size.width - 2 * margin, height: size.height - 2 * margin }
  const wanted = Math.min(1, room.width / width, room.height / height)
  const middle = { x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2 }
  return centred(size, middle, Math.max(MIN_SCALE, wanted))
}
