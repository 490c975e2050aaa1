/** What goes on below: the connection's state and counters, a journal of events, and short notices. */
import type { Connection, Status } from '../../client/index.ts'
import { button, element, make } from '../common/dom.ts'
import { notify } from '../common/notices.ts'

const MAX_ENTRIES = 60
const number = new Intl.NumberFormat()
export const bytes = (count: number) => `${number.format(count)} byte${count === 1 ? '' : 's'}`
export const things = (count: number, thing: string) =>
  `${number.format(count)} ${thing}${count === 1 ? '' : 's'}`

const reasons: Partial<Record<string, string>> = {
  missing: 'This board was deleted.',
  denied: 'You may not open this board.',
  exists: 'This board exists already.',
}

/** A word for the state, and a sentence about it. */
export function describe(status: Status, pending: number): { word: string; sentence: string } {
  const waiting = pending > 0 ? ` · ${number.format(pending)} waiting` : ''
  switch (status.state) {
    case 'joined':
      return { word: 'Live', sentence: 'Connected: everybody sees what you draw.' }
    case 'connecting':
      return { word: `Connecting${waiting}`, sentence: 'Connecting …' }
    case 'waiting':
      return {
        word: `Reconnecting${waiting}`,
        sentence: `No connection (${status.error.message}). Trying again; what you draw is kept.`,
      }
    case 'suspended':
      return { word: `Offline${waiting}`, sentence: 'Offline: what you draw arrives later.' }
    case 'closed':
      return {
        word: 'Closed',
        sentence: reasons[status.error?.code ?? ''] ?? `Closed: ${status.error?.message ?? ''}`,
      }
  }
}

export type Activity = ReturnType<typeof makeActivity>

export function makeActivity(connection: Connection) {
  const journal = element('journal')
  const stage = element('stage')
  let lastSentence = ''

  function write(text: string, kind = 'plain'): void {
    const entry = make('li', `entry ${kind}`)
    const time = new Date().toLocaleTimeString([], { hour12: false })
    entry.append(make('time', 'entry-time', time), make('span', 'entry-text', text))
    journal.prepend(entry)
    while (journal.childElementCount > MAX_ENTRIES) journal.lastElementChild!.remove()
  }

  function facts(): void {
    const { conflicts, rebases, joins } = connection.counters
    element('fact-length').textContent = bytes(connection.length)
    element('fact-pending').textContent = number.format(connection.pending)
    element('fact-conflicts').textContent = number.format(conflicts)
    element('fact-rebases').textContent = number.format(rebases)
    element('fact-joins').textContent = number.format(joins)
    element('rebase-count').textContent = number.format(rebases)
    button('rebases').title = `${things(rebases, 'change')} rebased over what others drew first`
  }

  function state(): void {
    const { status, pending } = connection
    const { word, sentence } = describe(status, pending)
    document.documentElement.dataset.state = status.state
    stage.dataset.pending = String(pending)
    element('state-word').textContent = word
    element('fact-state').textContent = sentence
    const isOffline = status.state === 'suspended'
    button('offline').setAttribute('aria-pressed', String(isOffline))
    element('offline-word').textContent = isOffline ? 'Go online' : 'Go offline'
    if (sentence === lastSentence) return
    lastSentence = sentence
    write(sentence, status.state)
  }

  function flash(): void {
    for (const { classList } of [button('rebases')]) {
      classList.remove('flash')
      // The animation begins anew only if the class was seen to be gone.
      requestAnimationFrame(() => requestAnimationFrame(() => classList.add('flash')))
    }
  }

  function update(): void {
    state()
    facts()
  }

  connection.on('status', update)
  connection.on('conflict', ({ expected, actual }) => {
    const text = `Conflict: appended at ${number.format(expected)}, but the board was ${bytes(actual)} long already.`
    write(text, 'conflict')
  })
  connection.on('rebase', ({ changes, missed }) => {
    const text = `${things(changes, 'change')} rebased over ${bytes(missed)} by others, and sent again.`
    write(text, 'rebase')
    notify(`Somebody was first: ${text}`)
    flash()
    facts()
  })
  connection.on('reset', () => {
    write('The board was deleted and made again: it begins anew.', 'conflict')
    notify('This board was made anew.')
  })
  update()

  return { write, update }
}
