import { offlineChip, peopleChip, peoplePanel, state, titleBar, tool } from './bars.ts'
import { icon } from './icons.ts'
import { sheet } from './sheet.ts'

const fact = (id: string, label: string, className = '') =>
  `<div class="fact ${className}"><dt>${label}</dt><dd id="${id}">–</dd></div>`

const topRight = `
<div class="card bar top-right">
  ${peopleChip}
  <span class="divider"></span>
  <button type="button" class="chip" id="rebases" popovertarget="activity" aria-label="Rebases, open the activity">${icon('rebase')}<span id="rebase-count">0</span></button>
  <button type="button" class="chip" id="status" popovertarget="activity" title="What goes on below">${state}</button>
  ${offlineChip}
</div>
${peoplePanel}
<section class="card panel right" id="activity" popover="manual" aria-label="Activity">
  <dl class="facts">
    ${fact('fact-state', 'Connection', 'wide')}${fact('fact-length', 'Board', 'double')}${fact('fact-pending', 'Waiting')}
    ${fact('fact-conflicts', 'Conflicts')}${fact('fact-rebases', 'Rebases')}${fact('fact-joins', 'Joined')}
  </dl>
  <p class="quiet">Each change is appended at the length its author knows. If somebody was faster it is refused, rebased over what was missed, and sent again. To see one: go offline, draw here and in another window, go online.</p>
  <h2>Journal</h2><ol class="journal" id="journal" tabindex="0" aria-label="Journal"></ol>
</section>`

const bottom = `
<div class="card bar zoom" role="group" aria-label="Zoom">
  ${tool('zoom-out', 'minus', 'Zoom out (-)')}<span class="chip" id="zoom-word">100%</span>${tool('zoom-in', 'plus', 'Zoom in (+)')}${tool('fit', 'fit', 'Show everything (0)')}
</div>
<div class="card bar bottom" role="toolbar" aria-label="Drawing">
  <div class="tools" id="tools" role="radiogroup" aria-label="Tool">
    ${tool('tool-pen', 'pen', 'Pen (P)', 'role="radio"')}${tool('tool-eraser', 'eraser', 'Eraser (E)', 'role="radio"')}${tool('tool-hand', 'hand', 'Move the board (H)', 'role="radio"')}
  </div>
  <span class="divider"></span>
  <button type="button" class="tool" id="style" popovertarget="styles" aria-label="Colour and width" title="Colour and width"></button>
  <div class="styles" id="styles" popover>
    <div class="colours" id="colours" role="radiogroup" aria-label="Colour"></div>
    <span class="divider"></span>
    <div class="widths" id="widths" role="radiogroup" aria-label="Width"></div>
  </div>
  <span class="divider"></span>
  ${tool('undo', 'undo', 'Undo (Ctrl+Z)')}${tool('redo', 'redo', 'Redo (Ctrl+Shift+Z)')}${tool('clear', 'clear', 'Clear the board')}
</div>`

const stage = `
<main class="stage" id="stage" tabindex="0" role="application" aria-label="Whiteboard" aria-describedby="help">
  <canvas id="lower"></canvas><canvas id="upper"></canvas>
  <div class="hint" id="hint" hidden><strong>Draw anywhere</strong><span>Everybody who opens this link sees it at once.</span></div>
  <div class="pointers" id="pointers"></div>
  <div class="cross" id="cross" hidden></div>
</main>
<p class="visually-hidden" id="help">Arrow keys move a cross over the board, space puts the pen down and lifts it. P pen, E eraser, 1 to 8 colours, square brackets width, Control Z undo.</p>
<template id="arrow"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M4 3l16 7.5-7 2.3L9.8 20z"/></svg></template>`

/** @param scripts addresses of the modules, the first of them the one to run */
export const whiteboardPage = (scripts: readonly string[]): string =>
  sheet({
    title: 'Whiteboard',
    description: 'Draw together: a whiteboard kept by Lengthwise',
    style: 'assets/whiteboard.css',
    scripts,
    body: stage + titleBar({ one: 'board', many: 'Boards' }) + topRight + bottom,
  })
