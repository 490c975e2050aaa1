/** The people button and its list: who is here, and one's own name. */
import { always, byId, element, make, remember } from './dom.ts'
import { shade } from './palette.ts'

/** Somebody as others see them; the colour is an index into the palette. */
export interface Face {
  readonly name: string
  readonly colour: number
}

const MAX_FACES = 4
const MAX_NAME = 40
/** Of the palette; not ink and slate: those are for drawing and writing. */
export const COLOURS = [2, 3, 4, 5, 6, 7]

export const isName = (value: unknown): value is string =>
  typeof value === 'string' && value.trim().length > 0 && value.length <= MAX_NAME

/** One of `colours`. */
export const randomColour = (colours: readonly number[] = COLOURS): number =>
  colours[crypto.getRandomValues(new Uint8Array(1))[0]! % colours.length]!

/** Two of one colour are hard to tell apart. */
export function freeColours(others: readonly Face[]): number[] {
  const taken = new Set(others.map(({ colour }) => colour))
  return COLOURS.filter((colour) => !taken.has(colour))
}

const initials = (name: string) =>
  name
    .trim()
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => Array.from(word)[0] ?? '')
    .join('')

function face({ name, colour }: Face): HTMLElement {
  const made = make('span', 'face', initials(name))
  made.style.setProperty('--colour', shade(colour))
  made.setAttribute('aria-hidden', 'true')
  return made
}

export function showCrowd(me: Face, others: readonly Face[]): void {
  const all = [me, ...others]
  element('faces').replaceChildren(...all.slice(0, MAX_FACES).map(face))
  element('people-count').textContent = String(all.length)
  byId('people-button', HTMLButtonElement).setAttribute(
    'aria-label',
    all.length === 1 ? 'People: only you' : `People: you and ${all.length - 1} more`,
  )
  const items = others.map((person) => {
    const item = make('li', 'person')
    item.append(face(person), make('span', 'person-name', person.name))
    return item
  })
  element('people-list').replaceChildren(...items)
  element('alone').hidden = others.length > 0
}

export function listenToName(me: { name: string }, rename: (name: string) => void): void {
  const input = byId('my-name', HTMLInputElement)
  input.value = me.name
  input.addEventListener('change', () => {
    const name = input.value.trim()
    if (isName(name)) {
      remember(always, 'name', name)
      rename(name)
    } else input.value = me.name
  })
}
