/**
 * Mouse, pen and finger on the board.
 *
 *   one finger, pen, left button   draws or erases (with the hand tool: moves the board)
 *   two fingers                    move and zoom; a stroke just begun is given up
 *   wheel, middle or right button  move; wheel with Ctrl (a trackpad's pinch) zooms
 *   once a pen was seen            fingers move the board: a resting palm draws nothing
 */
import type { Point } from './view.ts'

export type Tool = 'pen' | 'eraser' | 'hand'

export interface Gestures {
  readonly tool: () => Tool
  begin(tool: 'pen' | 'eraser', at: Point): void
  /** All points since the last call, those between two frames included. */
  move(points: readonly Point[]): void
  end(): void
  /** It was not meant as a stroke. */
  cancel(): void
  pan(dx: number, dy: number): void
  zoom(factor: number, at: Point): void
  /** Where the pointer is, whatever it does; undefined when it has left. */
  hover(at: Point | undefined): void
}

/** Bit of `buttons` for a pen's eraser end. */
const PEN_ERASER = 32

export function listenTo(stage: HTMLElement, gestures: Gestures): void {
  const down = new Map<number, Point>()
  let drawing: number | undefined
  let panning: number | undefined
  let hasPen = false

  const place = ({ clientX, clientY }: { clientX: number; clientY: number }): Point => {
    const { left, top } = stage.getBoundingClientRect()
    return { x: clientX - left, y: clientY - top }
  }

  function meaning(event: PointerEvent): 'pen' | 'eraser' | 'pan' {
    if (event.pointerType === 'touch' && hasPen) return 'pan'
    if (event.buttons & PEN_ERASER) return 'eraser'
    if (event.pointerType === 'mouse' && event.button !== 0) return 'pan'
    const tool = gestures.tool()
    return tool === 'hand' ? 'pan' : tool
  }

  /** A second finger: both together move and zoom. */
  function pinch(): void {
    if (drawing !== undefined) gestures.cancel()
    drawing = panning = undefined
  }

  function pinchTo(id: number, to: Point): void {
    const other = [...down].find(([key]) => key !== id)?.[1]
    const from = down.get(id)
    if (!other || !from) return
    const length = (a: Point) => Math.max(10, Math.hypot(a.x - other.x, a.y - other.y))
    const middle = { x: (to.x + other.x) / 2, y: (to.y + other.y) / 2 }
    gestures.pan((to.x - from.x) / 2, (to.y - from.y) / 2)
    gestures.zoom(length(to) / length(from), middle)
  }

  stage.addEventListener('pointerdown', (event) => {
    // The first touch beside an open list closes it.
    if (document.querySelector('[popover=auto].panel:popover-open')) return
    if (event.pointerType === 'pen') hasPen = true
    if (event.pointerType !== 'touch' && down.size > 0) return
    const at = place(event)
    stage.setPointerCapture(event.pointerId)
    down.set(event.pointerId, at)
    if (down.size > 1) {
      pinch()
      return
    }
    const what = meaning(event)
    if (what === 'pan') panning = event.pointerId
    else {
      drawing = event.pointerId
      gestures.begin(what, at)
    }
    gestures.hover(at)
  })

  stage.addEventListener('pointermove', (event) => {
    const at = place(event)
    if (down.size === 2 && down.has(event.pointerId)) pinchTo(event.pointerId, at)
    else if (event.pointerId === panning) {
      const from = down.get(event.pointerId)!
      gestures.pan(at.x - from.x, at.y - from.y)
    } else if (event.pointerId === drawing) {
      const all = event.getCoalescedEvents().map(place)
      gestures.move(all.length > 0 ? all : [at])
    }
    if (down.has(event.pointerId)) down.set(event.pointerId, at)
    if (down.size < 2) gestures.hover(at)
  })

  function up(event: PointerEvent): void {
    if (!down.delete(event.pointerId)) return
    if (event.pointerId === drawing) {
      drawing = undefined
      if (event.type === 'pointerup') gestures.end()
      else gestures.cancel()
    }
    if (event.pointerId === panning) panning = undefined
    if (event.pointerType === 'touch') gestures.hover(undefined)
  }
  stage.addEventListener('pointerup', up)
  stage.addEventListener('pointercancel', up)
  stage.addEventListener('pointerleave', () => gestures.hover(undefined))
  stage.addEventListener('contextmenu', (event) => event.preventDefault())
  stage.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault()
      const line = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1
      if (event.ctrlKey || event.metaKey) {
        gestures.zoom(Math.exp((-event.deltaY * line) / 200), place(event))
      } else if (event.shiftKey && event.deltaX === 0) gestures.pan(-event.deltaY * line, 0)
      else gestures.pan(-event.deltaX * line, -event.deltaY * line)
    },
    { passive: false },
  )
}
