import { icon, mark } from './icons.ts'

const tool = (id: string, name: Parameters<typeof icon>[0], label: string, role = '') =>
  `<button type="button" class="tool" id="${id}" ${role} aria-label="${label}" title="${label}">${icon(name)}</button>`
const fact = (id: string, label: string, className = '') =>
  `<div class="fact ${className}"><dt>${label}</dt><dd id="${id}">–</dd></div>`

const topLeft = `
<header class="card bar top-left">
  <a class="home" href="./" aria-label="Lengthwise: start page">${mark}</a>
  <button type="button" class="chip board-button" popovertarget="boards" title="Boards"><span class="visually-hidden">Board:</span><span class="board-name" id="board-name"></span>${icon('down')}</button>
  <span class="divider"></span>
  <button type="button" class="tool" id="share" aria-label="Share the link to this board" title="Share the link to this board">${icon('share')}</button>
</header>
<section class="card panel left" id="boards" popover="auto" aria-label="Boards">
  <form class="row" id="board-form"><label class="visually-hidden" for="board-input">Name of a board</label>
    <input class="field" id="board-input" maxlength="80" placeholder="Another board …" autocomplete="off"><button class="primary">Open</button></form>
  <h2>Visited from here</h2><ul id="board-list"></ul>
</section>`

const topRight = `
<div class="card bar top-right">
  <button type="button" class="chip" id="people-button" popovertarget="people" title="People"><span class="faces" id="faces"></span><span id="people-count">1</span></button>
  <span class="divider"></span>
  <button type="button" class="chip" id="rebases" popovertarget="activity" aria-label="Rebases, open the activity">${icon('rebase')}<span id="rebase-count">0</span></button>
  <button type="button" class="chip" id="status" popovertarget="activity" title="What goes on below"><span class="state-dot"></span><span id="state-word" role="status"></span></button>
  <button type="button" class="chip" id="offline" aria-pressed="false" title="Try what happens without a connection">${icon('offline')}<span id="offline-word">Go offline</span></button>
</div>
<section class="card panel right" id="people" popover="auto" aria-label="People">
  <label class="me"><span class="visually-hidden">Your name</span><input class="field" id="my-name" maxlength="40" autocomplete="nickname"></label>
  <ul id="people-list"></ul>
  <p class="quiet" id="alone">Only you are here. Open this page in a second window, or share the link.</p>
</section>
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
</div>
<div class="notices" id="notices" role="status"></div>`

/** @param scripts addresses of the modules, the first of them the one to run */
export const whiteboardPage = (scripts: readonly string[]) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Whiteboard</title>
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<meta name="description" content="Draw together: a whiteboard kept by Lengthwise">
<meta name="theme-color" content="#fbfbfd" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#14171f" media="(prefers-color-scheme: dark)">
<link rel="icon" href="favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="assets/whiteboard.css">
${scripts.map((script) => `<link rel="modulepreload" href="${script}">`).join('\n')}
<script type="module" src="${scripts[0]}"></script>
</head>
<body>
<main class="stage" id="stage" tabindex="0" role="application" aria-label="Whiteboard" aria-describedby="help">
  <canvas id="lower"></canvas><canvas id="upper"></canvas>
  <div class="hint" id="hint" hidden><strong>Draw anywhere</strong><span>Everybody who opens this link sees it at once.</span></div>
  <div class="pointers" id="pointers"></div>
  <div class="cross" id="cross" hidden></div>
</main>
<p class="visually-hidden" id="help">Arrow keys move a cross over the board, space puts the pen down and lifts it. P pen, E eraser, 1 to 8 colours, square brackets width, Control Z undo.</p>
${topLeft}${topRight}${bottom}
<template id="arrow"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M4 3l16 7.5-7 2.3L9.8 20z"/></svg></template>
<noscript><p class="notice">The whiteboard needs JavaScript.</p></noscript>
</body>
</html>
`
