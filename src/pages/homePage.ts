import { mark } from './icons.ts'

export interface Home {
  readonly version: string
  readonly script: string
  readonly whiteboard: boolean
  readonly editor: boolean
  /** Where the surfaces are that are served, seen from the page. */
  readonly zwibbler: string | undefined
  readonly yjs: string | undefined
}

const way = (page: string, name: string, label: string, verb: string) => `
  <form class="open" action="${page}"><label class="visually-hidden" for="${name}">${label}</label>
    <input class="field" id="${name}" name="${name}" maxlength="80" placeholder="${label}" value="welcome" autocomplete="off"><button class="primary">${verb}</button></form>`

const sample = (text: string) => `<pre><code>${text}</code></pre>`

/** @param path of the surface; the page's script writes the whole address */
const address = (path: string) => `<span data-socket="${path}">wss://…/${path}</span>`

const ownClient = (path: string) =>
  sample(`import { connect } from 'lengthwise/client'

const doc = connect({
  url: '${address(path)}',
  document: 'my-document',
})`)

const yjsClient = (path: string) =>
  sample(`import { WebsocketProvider } from 'y-websocket'

const url = '${address(path)}'
new WebsocketProvider(url, 'my-room', doc)`)

/** What a browser is shown at `/`: that it works, and what there is to see. */
export const homePage = (home: Home): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Lengthwise</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="assets/home.css">
<script type="module" src="${home.script}"></script>
</head>
<body>
<main>
  <div class="brand">${mark}<div><h1>Lengthwise</h1><p class="version">Version ${home.version}</p></div></div>
  <p class="state" id="state" role="status"${home.zwibbler === undefined ? '' : ` data-health="${home.zwibbler}?ping"`}><span class="state-dot"></span><span id="state-word">It works.</span></p>
  <p class="lead">This server keeps documents that many people change at once. Every change is appended where its author believed the document ended; whoever was slower gets what was missed and tries again.</p>${home.whiteboard ? way('whiteboard', 'board', 'Name of a board', 'Draw together') : ''}${home.editor ? way('editor', 'document', 'Name of a document', 'Write together') : ''}
  <div><h2>Connect a client</h2>${home.zwibbler === undefined ? '' : ownClient(home.zwibbler)}${home.yjs === undefined ? '' : yjsClient(home.yjs)}</div>
</main>
</body>
</html>
`
