/** Tools, colours, widths; what is chosen is remembered. */
import { always, button, byId, element, make, recall, remember } from '../common/dom.ts'
import type { Tool } from './input.ts'
import { onThemeChange, palette, shade, widths } from '../common/palette.ts'

export interface Style {
  tool: Tool
  colour: number
  /** Index into `widths`. */
  width: number
}

const tools: readonly Tool[] = ['pen', 'eraser', 'hand']

function recallStyle(): Style {
  const [colour, width] = [Number(recall(always, 'colour')), Number(recall(always, 'width') ?? 1)]
  return {
    tool: 'pen',
    colour: palette[colour] ? colour : 0,
    width: widths[width] ? width : 1,
  }
}

/** A choice of one: the chosen button says so, and arrow keys go from one to the next. */
function choices(box: HTMLElement, choose: (index: number) => void): void {
  box.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
    const all = [...box.querySelectorAll('button')]
    const now = all.indexOf(document.activeElement as HTMLButtonElement)
    if (step === undefined || now < 0) return
    event.preventDefault()
    const next = (now + step + all.length) % all.length
    all[next]!.focus()
    choose(next)
  })
}

function mark(box: HTMLElement, chosen: number): void {
  box.querySelectorAll('button').forEach((choice, index) => {
    choice.setAttribute('aria-checked', String(index === chosen))
    choice.tabIndex = index === chosen ? 0 : -1
  })
}

function makeChoice(box: HTMLElement, className: string, label: string, onClick: () => void) {
  const choice = make('button', className) as HTMLButtonElement
  choice.type = 'button'
  choice.setAttribute('role', 'radio')
  choice.setAttribute('aria-label', label)
  choice.title = label
  choice.addEventListener('click', onClick)
  box.append(choice)
  return choice
}

export type Toolbar = ReturnType<typeof makeToolbar>

/** @param changed called after each choice, and once at the start */
export function makeToolbar(changed: (style: Style) => void) {
  const style = recallStyle()
  const boxes = { tools: element('tools'), colours: element('colours'), widths: element('widths') }

  function show(): void {
    mark(boxes.tools, tools.indexOf(style.tool))
    mark(boxes.colours, style.colour)
    mark(boxes.widths, style.width)
    const preview = button('style')
    preview.style.setProperty('--colour', shade(style.colour))
    preview.style.setProperty('--width', `${Math.min(widths[style.width]!.units, 16)}px`)
    byId('stage', HTMLElement).dataset.tool = style.tool
    changed(style)
  }

  const useTool = (tool: Tool) => {
    style.tool = tool
    show()
  }
  const useColour = (index: number) => {
    style.colour = index
    style.tool = 'pen'
    remember(always, 'colour', String(index))
    show()
  }
  const useWidth = (index: number) => {
    style.width = index
    remember(always, 'width', String(index))
    show()
  }

  tools.forEach((tool) => button(`tool-${tool}`).addEventListener('click', () => useTool(tool)))
  const swatches = palette.map(({ name }, index) =>
    makeChoice(boxes.colours, 'swatch', `${name} (${index + 1})`, () => useColour(index)),
  )
  widths.forEach(({ name, units }, index) => {
    const choice = makeChoice(boxes.widths, 'width', name, () => useWidth(index))
    choice.append(make('i', 'dot'))
    choice.style.setProperty('--width', `${Math.min(units, 16)}px`)
  })
  const shadeSwatches = () =>
    swatches.forEach((swatch, index) => swatch.style.setProperty('--colour', shade(index)))
  choices(boxes.tools, (index) => useTool(tools[index]!))
  choices(boxes.colours, useColour)
  choices(boxes.widths, useWidth)
  onThemeChange(() => {
    shadeSwatches()
    show()
  })
  shadeSwatches()
  show()

  return {
    style,
    useTool,
    useColour,
    /** @param step 1 wider, -1 finer */
    changeWidth: (step: number) =>
      useWidth(Math.min(widths.length - 1, Math.max(0, style.width + step))),
  }
}
