import { offlineChip, peopleChip, peoplePanel, state, titleBar, tool } from './bars.ts'
import { sheet } from './sheet.ts'

const toggle = (id: Parameters<typeof tool>[1], label: string) =>
  tool(id, id, label, 'aria-pressed="false"')

const topRight = `
<div class="card bar top-right">
  ${peopleChip}
  <span class="divider"></span>
  <span class="chip" id="status">${state}</span>
  ${offlineChip}
</div>
${peoplePanel}`

const toolbar = `
<div class="card bar bottom" id="toolbar" role="toolbar" aria-label="Format">
  ${tool('undo', 'undo', 'Undo (Ctrl+Z)')}${tool('redo', 'redo', 'Redo (Ctrl+Shift+Z)')}
  <span class="divider"></span>
  ${toggle('bold', 'Bold (Ctrl+B)')}${toggle('italic', 'Italic (Ctrl+I)')}${toggle('strike', 'Strike through')}${toggle('code', 'Code (Ctrl+E)')}
  <span class="divider"></span>
  ${toggle('title1', 'Title')}${toggle('title2', 'Smaller title')}${toggle('bullets', 'List')}${toggle('numbers', 'Numbered list')}${toggle('quote', 'Quotation')}${toggle('block', 'Block of code')}
</div>`

/**
 * @param script address of the bundle
 * @param rooms where the yjs surface is, seen from the page
 */
export const editorPage = (script: string, rooms: string): string =>
  sheet({
    title: 'Editor',
    description: 'Write together: an editor whose text Lengthwise keeps',
    style: 'assets/editor.css',
    scripts: [script],
    body: `<main class="page" id="page" data-rooms="${rooms}">
  <p class="sentence" id="sentence" role="alert" hidden></p>
  <div class="text" id="text"></div>
</main>${titleBar({ one: 'document', many: 'Documents' })}${topRight}${toolbar}`,
  })
