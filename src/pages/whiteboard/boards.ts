/** Boards by name: which one this page shows, those visited before, and the way to another one. */
import { always, button, byId, element, make, recall, remember } from './dom.ts'
import { randomBoard } from './names.ts'

const MAX_REMEMBERED = 12
const MAX_NAME = 80
const DEFAULT = 'welcome'

/** The board's name from the address; the address gets one if it has none. */
export function boardName(): string {
  const url = new URL(location.href)
  const name = url.searchParams.get('board')?.trim().slice(0, MAX_NAME)
  if (name) return name
  url.searchParams.set('board', DEFAULT)
  history.replaceState(null, '', url)
  return DEFAULT
}

/** The document that holds a board. A token in the address (#token=…) stands for it instead. */
export function documentOf(board: string): string {
  return new URLSearchParams(location.hash.slice(1)).get('token') ?? `whiteboard/${board}`
}

const addressOf = (board: string) => `?${new URLSearchParams({ board }).toString()}`

function visited(board: string): string[] {
  let before: unknown = []
  try {
    before = JSON.parse(recall(always, 'boards') ?? '[]')
  } catch {
    // Somebody else's value.
  }
  const names = Array.isArray(before) ? before.filter((name) => typeof name === 'string') : []
  return [board, ...names.filter((name) => name !== board)].slice(0, MAX_REMEMBERED)
}

function listBoards(board: string): void {
  const names = visited(board)
  remember(always, 'boards', JSON.stringify(names))
  const items = names.map((name) => {
    const link = make('a', 'board-link', name) as HTMLAnchorElement
    link.href = addressOf(name)
    if (name === board) link.setAttribute('aria-current', 'page')
    const item = document.createElement('li')
    item.append(link)
    return item
  })
  element('board-list').replaceChildren(...items)
}

async function share(board: string, notify: (text: string) => void): Promise<void> {
  const data = { title: `Whiteboard: ${board}`, url: location.href }
  const isPhone = matchMedia('(pointer: coarse)').matches
  try {
    // Both are missing on pages that came by plain http from another machine.
    if (isPhone && 'share' in navigator) await navigator.share(data)
    else {
      await navigator.clipboard.writeText(location.href)
      notify('Link copied: whoever opens it draws with you.')
    }
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return
    notify(`The link to this board: ${location.href}`)
  }
}

export function makeBoards(board: string, notify: (text: string) => void): void {
  document.title = `${board} · Whiteboard`
  element('board-name').textContent = board
  listBoards(board)
  const input = byId('board-input', HTMLInputElement)
  byId('board-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault()
    location.search = addressOf(input.value.trim() || randomBoard())
  })
  button('share').addEventListener('click', () => void share(board, notify)) // never rejects
}
