/** The people button and its list: who is here, and one's own name. */
import { always, byId, element, make, remember } from './dom.ts'
import { isName } from './people.ts'
import type { Person } from './people.ts'
import { shade } from './palette.ts'

const MAX_FACES = 4

const initials = (name: string) =>
  name
    .trim()
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => Array.from(word)[0] ?? '')
    .join('')

function face({ name, colour }: { name: string; colour: number }): HTMLElement {
  const made = make('span', 'face', initials(name))
  made.style.setProperty('--colour', shade(colour))
  made.setAttribute('aria-hidden', 'true')
  return made
}

export function showCrowd(me: { name: string; colour: number }, others: readonly Person[]): void {
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
