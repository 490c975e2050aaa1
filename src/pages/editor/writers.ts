/** Who is here: names and colours in the form that editors with Yjs share, `user: { name, color }`. */
import type { Awareness } from 'y-protocols/awareness'
import { isName } from '../common/crowd.ts'
import type { Face } from '../common/crowd.ts'
import { make } from '../common/dom.ts'
import { palette, shade } from '../common/palette.ts'

/** What editors tell each other of a person. */
export interface User {
  readonly name: string
  readonly color: string
}

const SLATE = 1

export const userOf = ({ name, colour }: Face): User => ({
  name,
  color: palette[colour]!.light,
})

/** Of anything that others may have sent. */
export function faceOf(user: unknown): Face {
  const { name, color } = (user ?? {}) as { readonly [key: string]: unknown }
  const colour = palette.findIndex(({ light }) => light === color)
  return { name: isName(name) ? name : 'Somebody', colour: colour < 0 ? SLATE : colour }
}

/** Everybody but oneself who has said who they are. */
export function othersIn(awareness: Awareness): Face[] {
  return [...awareness.getStates()]
    .filter(([client, { user }]) => client !== awareness.clientID && user !== undefined)
    .map(([, { user }]) => faceOf(user))
}

/** What somebody's cursor looks like. */
export function caret(user: unknown): HTMLElement {
  const { name, colour } = faceOf(user)
  const made = make('span', 'caret')
  made.style.setProperty('--colour', shade(colour))
  made.append(make('span', 'caret-name', name))
  return made
}

/** And what they have selected. */
export const selection = (user: unknown): { class: string; style: string } => ({
  class: 'selected',
  style: `--colour: ${shade(faceOf(user).colour)}`,
})
