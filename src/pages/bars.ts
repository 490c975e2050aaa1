/** What lies over a whiteboard and over a document alike; common/ brings it to life. */
import { icon, mark } from './icons.ts'

export const tool = (
  id: string,
  name: Parameters<typeof icon>[0],
  label: string,
  role = '',
): string =>
  `<button type="button" class="tool" id="${id}" ${role} aria-label="${label}" title="${label}">${icon(name)}</button>`

/** @param names of what has titles, such as `board` and `Boards` */
export const titleBar = ({ one, many }: { one: string; many: string }): string => `
<header class="card bar top-left">
  <a class="home" href="./" aria-label="Lengthwise: start page">${mark}</a>
  <button type="button" class="chip title-button" popovertarget="titles" title="${many}"><span class="visually-hidden">${many}:</span><span class="title" id="title"></span>${icon('down')}</button>
  <span class="divider"></span>
  ${tool('share', 'share', `Share the link to this ${one}`)}
</header>
<section class="card panel left" id="titles" popover="auto" aria-label="${many}">
  <form class="row" id="title-form"><label class="visually-hidden" for="title-input">Name of a ${one}</label>
    <input class="field" id="title-input" maxlength="80" placeholder="Another ${one} …" autocomplete="off"><button class="primary">Open</button></form>
  <h2>Visited from here</h2><ul id="title-list"></ul>
</section>`

export const peopleChip =
  '<button type="button" class="chip" id="people-button" popovertarget="people" title="People"><span class="faces" id="faces"></span><span id="people-count">1</span></button>'

export const peoplePanel = `<section class="card panel right" id="people" popover="auto" aria-label="People">
  <label class="me"><span class="visually-hidden">Your name</span><input class="field" id="my-name" maxlength="40" autocomplete="nickname"></label>
  <ul id="people-list"></ul>
  <p class="quiet" id="alone">Only you are here. Open this page in a second window, or share the link.</p>
</section>`

export const state = '<span class="state-dot"></span><span id="state-word" role="status"></span>'

export const offlineChip = `<button type="button" class="chip" id="offline" aria-pressed="false" title="Try what happens without a connection">${icon('offline')}<span id="offline-word">Go offline</span></button>`
