/**
 * Who is here, and where they point. Each person is one key that ends with their connection: a leave needs no message, and
 * somebody who joins is told of everybody at once.
 */
import type { Connection, Key } from '../../client/index.ts'
import { freeColours, isName, randomColour } from '../common/crowd.ts'
import type { Face } from '../common/crowd.ts'
import { make, throttle } from '../common/dom.ts'
import { shade } from '../common/palette.ts'
import { isColour, randomText } from './records.ts'
import type { Point } from './view.ts'

export interface Person extends Face {
  /** On the board; undefined when the pointer is elsewhere. */
  readonly at: Point | undefined
}

const PREFIX = 'person/'
const SHARE_MS = 50
/** Behind a slow network the newest place is worth more than all of them. */
const MAX_BUFFERED = 32_768
const GIVE_WAY_MS = 300

function readPerson(value: Uint8Array): Person | undefined {
  try {
    const { n, c, x, y } = JSON.parse(new TextDecoder().decode(value)) as {
      readonly [key: string]: unknown
    }
    if (!isName(n) || !isColour(c)) return undefined
    const isHere = typeof x === 'number' && typeof y === 'number'
    return { name: n, colour: c, at: isHere ? { x, y } : undefined }
  } catch {
    return undefined
  }
}

interface Options {
  readonly connection: Connection
  readonly layer: HTMLElement
  readonly toScreen: (at: Point) => Point
  readonly me: { name: string; colour: number }
  readonly changed: (others: readonly Person[]) => void
  readonly came: (name: string) => void
  readonly left: (name: string) => void
}

export type People = ReturnType<typeof makePeople>

export function makePeople({ connection, layer, toScreen, me, changed, came, left }: Options) {
  const id = randomText(12)
  const own = PREFIX + id
  const others = new Map<string, Person>()
  const pointers = new Map<string, HTMLElement>()
  let at: Point | undefined

  const share = throttle(SHARE_MS, () => {
    if (connection.buffered > MAX_BUFFERED) return
    const place = at ? { x: Math.round(at.x), y: Math.round(at.y) } : {}
    const value = JSON.stringify({ n: me.name, c: me.colour, ...place })
    connection.keys.share(own, new TextEncoder().encode(value))
  })

  function pointerOf(key: string): HTMLElement {
    const known = pointers.get(key)
    if (known) return known
    const pointer = make('div', 'pointer')
    const arrow = document.getElementById('arrow') as HTMLTemplateElement
    pointer.append(arrow.content.cloneNode(true), make('span', 'pointer-name'))
    layer.append(pointer)
    pointers.set(key, pointer)
    return pointer
  }

  function place(key: string, person: Person): void {
    const pointer = pointerOf(key)
    pointer.hidden = person.at === undefined
    pointer.style.setProperty('--colour', shade(person.colour))
    pointer.lastElementChild!.textContent = person.name
    if (!person.at) return
    const { x, y } = toScreen(person.at)
    pointer.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`
  }

  function forget(key: string): void {
    const person = others.get(key)
    pointers.get(key)?.remove()
    pointers.delete(key)
    others.delete(key)
    if (person) left(person.name)
  }

  function learn(key: Key): void {
    if (!key.name.startsWith(PREFIX) || key.name === own) return
    const person = readPerson(key.value)
    if (!person) forget(key.name)
    else {
      if (!others.has(key.name)) came(person.name)
      others.set(key.name, person)
      place(key.name, person)
    }
    changed([...others.values()])
  }

  /** Who comes later gives way. */
  function giveWay(): void {
    const free = freeColours([...others.values()])
    if (free.includes(me.colour) || free.length === 0) return
    me.colour = randomColour(free)
    share()
    changed([...others.values()])
  }

  connection.on('key', learn)
  // The server tells who is here right after the join.
  void connection.joined().then(
    () => setTimeout(giveWay, GIVE_WAY_MS),
    () => undefined,
  )
  share()

  return {
    id,
    get others() {
      return [...others.values()]
    },
    point(to: Point | undefined): void {
      at = to
      share()
    },
    rename(name: string): void {
      me.name = name
      share()
    },
    /** Somebody's pointer is where they draw; that comes by another way. */
    moved(personId: string, to: Point): void {
      const person = others.get(PREFIX + personId)
      if (!person) return
      others.set(PREFIX + personId, { ...person, at: to })
      place(PREFIX + personId, { ...person, at: to })
    },
    /** The view or the theme has changed. */
    placeAll(): void {
      for (const [key, person] of others) place(key, person)
    },
  }
}
