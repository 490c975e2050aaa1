/** What part of the board the screen shows; moves it, and moves the dots of the paper with it. */
import type { VisibleStroke } from './board.ts'
import { element } from '../common/dom.ts'
import { unite } from './geometry.ts'
import type { Paint } from './paint.ts'
import { centred, fit, pan, toBoard, toScreen, zoom } from './view.ts'
import type { Box, Point, View } from './view.ts'

const MARGIN = 90
const GRID = 24

/** @param moved called when the view has changed */
export function makeCamera(stage: HTMLElement, paint: Paint, moved: () => void) {
  const rect = stage.getBoundingClientRect()
  const isSmall = rect.width < 640
  let view: View = centred(rect, { x: 0, y: 0 }, isSmall ? 0.7 : 1)
  /** Until somebody moves it or draws, the view follows what arrives. */
  let isUntouched = true

  function show(next: View): void {
    view = next
    // Coarser dots when far away: a grid of fog helps nobody.
    const step = GRID * view.scale * (view.scale < 0.45 ? 4 : 1)
    stage.style.setProperty('--grid', `${step}px`)
    stage.style.setProperty('--grid-x', `${-view.x * view.scale}px`)
    stage.style.setProperty('--grid-y', `${-view.y * view.scale}px`)
    element('zoom-word').textContent = `${Math.round(view.scale * 100)}%`
    moved()
  }

  function change(next: View): void {
    isUntouched = false
    show(next)
  }

  function boxAround(strokes: readonly VisibleStroke[]): Box | undefined {
    const boxes = strokes.map(({ stroke }) => paint.drawn(stroke).box)
    return boxes.length > 0 ? boxes.reduce(unite) : undefined
  }

  function isSeen(box: Box): boolean {
    const from = toScreen(view, { x: box.left, y: box.top })
    const to = toScreen(view, { x: box.right, y: box.bottom })
    const { width, height } = paint.size
    return from.x >= 0 && from.y >= 0 && to.x <= width && to.y <= height
  }

  const middle = () => ({ x: paint.size.width / 2, y: paint.size.height / 2 })

  new ResizeObserver(() => {
    const { width, height } = stage.getBoundingClientRect()
    paint.resize({ width, height })
    show(view)
  }).observe(stage)
  paint.resize({ width: rect.width, height: rect.height })
  stage.addEventListener('pointerdown', () => (isUntouched = false))

  return {
    get view() {
      return view
    },
    toBoard: (at: Point) => toBoard(view, at),
    toScreen: (at: Point) => toScreen(view, at),
    pan: (dx: number, dy: number) => change(pan(view, dx, dy)),
    zoom: (factor: number, at: Point) => change(zoom(view, factor, at)),
    zoomBy: (factor: number) => change(zoom(view, factor, middle())),
    fit(strokes: readonly VisibleStroke[]): void {
      const box = boxAround(strokes)
      change(box ? fit(paint.size, box, MARGIN) : centred(paint.size, { x: 0, y: 0 }, 1))
    },
    /** Brings into sight what the first look would miss. */
    look(strokes: readonly VisibleStroke[]): void {
      const box = isUntouched ? boxAround(strokes) : undefined
      if (box && !isSeen(box)) show(fit(paint.size, box, MARGIN))
    },
  }
}
