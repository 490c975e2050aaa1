import { mark } from './icons.ts'

const whiteboard = `
  <form class="open" action="whiteboard"><label class="visually-hidden" for="board">Name of a board</label>
    <input class="field" id="board" name="board" maxlength="80" placeholder="Name of a board" value="welcome" autocomplete="off"><button class="primary">Draw together</button></form>`

/** What a browser is shown at `/`: that it works, and what there is to see. */
export const homePage = (options: {
  version: string
  whiteboard: boolean
  script: string
}) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Lengthwise</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="assets/home.css">
<script type="module" src="${options.script}"></script>
</head>
<body>
<main>
  <div class="brand">${mark}<div><h1>Lengthwise</h1><p class="version">Version ${options.version}</p></div></div>
  <p class="state" id="state" role="status"><span class="state-dot"></span><span id="state-word">It works.</span></p>
  <p class="lead">This server keeps documents that many people change at once. Every change is appended where its author believed the document ended; whoever was slower gets what was missed and tries again.</p>${options.whiteboard ? whiteboard : ''}
  <div><h2>Connect a client</h2><pre><code>import { connect } from 'lengthwise/client'

const doc = connect({
  url: '<span id="url">wss://…/socket</span>',
  document: 'my-document',
})</code></pre></div>
</main>
</body>
</html>
`
