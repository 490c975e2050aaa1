/** Shortcuts, and drawing without a pointer: arrows move a cross over the board, space puts the pen down and lifts it. */
import type { Point, Size } from './view.ts'

export interface Actions {
  readonly undo: () => void
  readonly redo: () => void
  readonly pen: () => void
  readonly eraser: () => void
  readonly hand: () => void
  readonly colour: (index: number) => void
  readonly wider: (step: number) => void
  readonly zoomIn: () => void
  readonly zoomOut: () => void
  readonly fit: () => void
  readonly dismiss: () => void
}

export function listenToKeys(actions: Actions): void {
  const plain: Partial<Record<string, () => void>> = {
    p: actions.pen,
    e: actions.eraser,
    h: actions.hand,
    '[': () => actions.wider(-1),
    ']': () => actions.wider(1),
    '+': actions.zoomIn,
    '=': actions.zoomIn,
    '-': actions.zoomOut,
    '0': actions.fit,
    escape: actions.dismiss,
  }
  addEventListener('keydown', (event) => {
    const isTyping = event.target instanceof HTMLInputElement
    if (isTyping || event.altKey) return
    const key = event.key.toLowerCase()
    if (event.ctrlKey || event.metaKey) {
      if (key !== 'z' && key !== 'y') return
      event.preventDefault()
      if (key === 'y' || event.shiftKey) actions.redo()
      else actions.undo()
      return
    }
    if (key >= '1' && key <= '8') actions.colour(Number(key) - 1)
    else plain[key]?.()
  })
}

export interface KeyPen {
  begin(at: Point): void
  move(at: Point): void
  end(): void
}

/** Pixels a key press moves the cross; more with Shift. */
const STEP = 8
const BIG_STEP = 40

export function listenToKeyPen(
  stage: HTMLElement,
  cross: HTMLElement,
  size: () => Size,
  pen: KeyPen,
): void {
  let at: Point | undefined
  let isDown = false

  const place = (to: Point) => {
    at = to
    cross.hidden = false
    cross.style.transform = `translate(${to.x}px, ${to.y}px)`
  }
  const lift = () => {
    if (isDown) pen.end()
    isDown = false
    cross.classList.remove('down')
  }

  stage.addEventListener('keydown', (event) => {
    const big = event.shiftKey ? BIG_STEP : STEP
    const steps: Partial<Record<string, Point>> = {
      ArrowLeft: { x: -big, y: 0 },
      ArrowRight: { x: big, y: 0 },
      ArrowUp: { x: 0, y: -big },
      ArrowDown: { x: 0, y: big },
    }
    const step = steps[event.key]
    if (!step && event.key !== ' ') return
    event.preventDefault()
    const { width, height } = size()
    const from = at ?? { x: width / 2, y: height / 2 }
    if (step) {
      const clamp = (value: number, most: number) => Math.min(most, Math.max(0, value))
      place({ x: clamp(from.x + step.x, width), y: clamp(from.y + step.y, height) })
      if (isDown) pen.move(at!)
      return
    }
    place(from)
    if (isDown) lift()
    else if (!event.repeat) {
      isDown = true
      cross.classList.add('down')
      pen.begin(from)
    }
  })
  stage.addEventListener('blur', () => {
    lift()
    cross.hidden = true
  })
  stage.addEventListener('pointerdown', () => {
    lift()
    cross.hidden = true
  })
}
