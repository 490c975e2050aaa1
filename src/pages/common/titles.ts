/** Boards and documents by name: which one a page shows, those visited before, and the way to another one. */
import { always, button, byId, element, make, recall, remember } from './dom.ts'
import { randomTitle } from './names.ts'

const MAX_REMEMBERED = 12
const MAX_NAME = 80
const DEFAULT = 'welcome'

export interface Titles {
  /** The name of the page, for the window's title. */
  readonly page: string
  /** The parameter of the address that names one. */
  readonly parameter: string
  /** Where the visited ones are remembered. */
  readonly memory: string
  /** Said when the link has been copied. */
  readonly shared: string
  /** What else of the address stays when another one is opened. */
  readonly kept?: readonly string[]
}

/** The name from the address; the address gets one if it has none. */
export function titleFrom({ parameter }: Titles): string {
  const url = new URL(location.href)
  const given = url.searchParams.get(parameter)?.trim() ?? ''
  const name = Array.from(given).slice(0, MAX_NAME).join('')
  // Dots alone have a meaning of their own in a path.
  if (name !== '' && !/^\.+$/.test(name)) return name
  url.searchParams.set(parameter, DEFAULT)
  history.replaceState(null, '', url)
  return DEFAULT
}

function addressOf({ parameter, kept = [] }: Titles, title: string): string {
  const here = new URLSearchParams(location.search)
  const query = new URLSearchParams({ [parameter]: title })
  for (const name of kept) for (const value of here.getAll(name)) query.append(name, value)
  return `?${query.toString()}`
}

function visited({ memory }: Titles, title: string): string[] {
  let before: unknown = []
  try {
    before = JSON.parse(recall(always, memory) ?? '[]')
  } catch {
    // Somebody else's value.
  }
  const names = Array.isArray(before) ? before.filter((name) => typeof name === 'string') : []
  return [title, ...names.filter((name) => name !== title)].slice(0, MAX_REMEMBERED)
}

function listVisited(titles: Titles, title: string): void {
  const names = visited(titles, title)
  remember(always, titles.memory, JSON.stringify(names))
  const items = names.map((name) => {
    const link = make('a', 'title-link', name) as HTMLAnchorElement
    link.href = addressOf(titles, name)
    if (name === title) link.setAttribute('aria-current', 'page')
    const item = document.createElement('li')
    item.append(link)
    return item
  })
  element('title-list').replaceChildren(...items)
}

/** The address without what is kept: that may be somebody's own way in. */
function linkTo({ kept = [] }: Titles): string {
  const url = new URL(location.href)
  for (const name of kept) url.searchParams.delete(name)
  return url.href
}

async function share(titles: Titles, title: string, notify: (text: string) => void): Promise<void> {
  const url = linkTo(titles)
  const isPhone = matchMedia('(pointer: coarse)').matches
  try {
    // Both are missing on pages that came by plain http from another machine.
    if (isPhone && 'share' in navigator)
      await navigator.share({ title: `${titles.page}: ${title}`, url })
    else {
      await navigator.clipboard.writeText(url)
      notify(titles.shared)
    }
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return
    notify(`The link: ${url}`)
  }
}

export function showTitles(titles: Titles, title: string, notify: (text: string) => void): void {
  document.title = `${title} · ${titles.page}`
  element('title').textContent = title
  listVisited(titles, title)
  const input = byId('title-input', HTMLInputElement)
  byId('title-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault()
    location.search = addressOf(titles, input.value.trim() || randomTitle())
  })
  button('share').addEventListener('click', () => void share(titles, title, notify)) // never rejects
}
