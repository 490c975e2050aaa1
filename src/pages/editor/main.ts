/** The editor page: puts the parts together. */
import { Doc } from 'yjs'
import { freeColours, listenToName, randomColour, showCrowd } from '../common/crowd.ts'
import { always, button, element, onceAFrame, recall } from '../common/dom.ts'
import { randomName } from '../common/names.ts'
import { notify } from '../common/notices.ts'
import { onThemeChange } from '../common/palette.ts'
import { showTitles, titleFrom } from '../common/titles.ts'
import { makeLink } from './link.ts'
import { describe } from './state.ts'
import { makeText } from './text.ts'
import { showToolbar } from './toolbar.ts'
import { othersIn, userOf } from './writers.ts'

const titles = {
  page: 'Editor',
  parameter: 'document',
  memory: 'documents',
  shared: 'Link copied: whoever opens it writes with you.',
  // Lets somebody in who shows it, where the server asks for one.
  kept: ['token'],
}
const title = titleFrom(titles)
const token = new URLSearchParams(location.search).get('token')
const rooms = new URL(element('page').dataset.rooms!, location.href)
rooms.protocol = rooms.protocol.replace('http', 'ws')

const doc = new Doc()
const me = { name: recall(always, 'name') ?? randomName(), colour: randomColour() }
const link = makeLink(doc, {
  url: rooms.href,
  room: `editor/${encodeURIComponent(title)}`,
  params: token === null ? {} : { token },
  changed: onceAFrame(showState),
})
const { awareness } = link.provider
const text = makeText({
  place: element('text'),
  doc,
  provider: link.provider,
  user: userOf(me),
})

function showState(): void {
  const { state, canWrite } = link
  const { word, sentence, isGrave } = describe(link)
  document.documentElement.dataset.state = state.kind
  element('state-word').textContent = word
  element('status').title = sentence
  element('sentence').textContent = sentence
  element('sentence').hidden = !isGrave
  const isOffline = state.kind === 'suspended'
  button('offline').disabled = state.kind === 'closed'
  button('offline').setAttribute('aria-pressed', String(isOffline))
  element('offline-word').textContent = isOffline ? 'Go online' : 'Go offline'
  const isEditable = canWrite && state.kind !== 'closed'
  if (text.isEditable !== isEditable) text.setEditable(isEditable)
}

function sayWho(): void {
  awareness.setLocalStateField('user', userOf(me))
}
const showOthers = onceAFrame(() => showCrowd(me, othersIn(awareness)))

/** Who comes later gives way. */
function giveWay(): void {
  const free = freeColours(othersIn(awareness))
  if (free.includes(me.colour) || free.length === 0) return
  me.colour = randomColour(free)
  sayWho()
}
// The server tells who is here before it says that all is there.
link.provider.once('sync', giveWay)
awareness.on('change', showOthers)
onThemeChange(showOthers)
listenToName(me, (name) => {
  me.name = name
  sayWho()
})
button('offline').addEventListener('click', () => {
  if (link.state.kind === 'suspended') link.resume()
  else link.suspend()
})
addEventListener('beforeunload', (event) => {
  // What waits lives in this page only.
  if (link.hasUnsent) event.preventDefault()
})
showTitles(titles, title, notify)
showToolbar(text)
showOthers()
showState()
link.connect()
