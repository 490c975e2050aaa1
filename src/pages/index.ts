/**
 * What the public port serves to browsers: a start page at `/`, and the whiteboard and the editor where they are switched
 * on and the surface is served that they use. Everything is read once, when the server starts; there is nothing from elsewhere and no inline script or style, so the policy is strict.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { barStyle } from './barStyle.ts'
import { baseStyle } from './baseStyle.ts'
import { editorPage } from './editorPage.ts'
import { editorStyle } from './editorStyle.ts'
import { homePage } from './homePage.ts'
import { homeStyle } from './homeStyle.ts'
import { mark } from './icons.ts'
import { whiteboardPage } from './whiteboardPage.ts'
import { whiteboardStyle } from './whiteboardStyle.ts'

export interface PublicPage {
  readonly contentType: string
  readonly body: Uint8Array | string
  readonly gzipped?: Uint8Array
  readonly etag?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface PagesOptions {
  readonly whiteboard: boolean
  readonly editor: boolean
  /** Paths of the surfaces that are served. */
  readonly zwibbler?: string | undefined
  readonly yjs?: string | undefined
  /** Where the compiled modules are; found by itself if not given. */
  readonly dist?: URL
}

/** `connect-src` names both socket schemes: older browsers do not count them as `'self'`. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self' ws: wss:",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

const types = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
} as const

function page(type: keyof typeof types, body: string): PublicPage {
  return {
    contentType: types[type],
    body,
    gzipped: gzipSync(body, { level: 9 }),
    // Weak: of the text, however it is encoded.
    etag: `W/"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
    headers: {
      'Content-Security-Policy': POLICY,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Resource-Policy': 'same-origin',
      // Nodes of two releases answer side by side during an upgrade: nothing is kept without asking.
      'Cache-Control': 'no-cache',
    },
  }
}

/** The modules of one folder, by the path they are served at. */
function modules(dist: URL, folder: string): [string, PublicPage][] {
  const place = new URL(`${folder}/`, dist)
  return readdirSync(place)
    .filter((name) => name.endsWith('.js'))
    .map((name) => {
      const source = readFileSync(new URL(name, place), 'utf8')
      // The maps are for us, not for the page.
      const body = source.replace(/^\/\/# sourceMappingURL=.*\n?/m, '')
      return [`/assets/${folder}/${name}`, page('js', body)]
    })
}

function compiled(): URL {
  const own = new URL('../', import.meta.url)
  // Run from the sources, as tests do: browsers take only what was compiled.
  return import.meta.url.endsWith('.ts') ? new URL('../dist/', own) : own
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url)
  const read = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
  return read.version
}

/** As the pages say it, which may be below a path of a proxy. */
const relative = (path: string | undefined) => path?.replace(/^\/(?=.)/, '')

/**
 * Everything that is served, by path.
 * @throws Error when the compiled modules are missing
 */
export function pages(options: PagesOptions): Map<string, PublicPage> {
  const { dist = compiled() } = options
  if (!existsSync(dist)) throw new Error(`no compiled pages at ${dist.href}: run \`npm run build\``)
  const [zwibbler, yjs] = [relative(options.zwibbler), relative(options.yjs)]
  const whiteboard = options.whiteboard && zwibbler !== undefined
  const editor = options.editor && yjs !== undefined
  const script = 'assets/pages/home/main.js'
  const home = homePage({ version: version(), script, whiteboard, editor, zwibbler, yjs })
  const favicon = page('svg', mark)
  return new Map([
    ['/', page('html', home)],
    ['/assets/home.css', page('css', baseStyle + homeStyle)],
    ...modules(dist, 'pages/home'),
    ['/favicon.svg', favicon],
    ['/favicon.ico', favicon],
    ...(whiteboard ? whiteboardPages(dist) : []),
    ...(editor ? editorPages(dist, yjs) : []),
  ])
}

function whiteboardPages(dist: URL): [string, PublicPage][] {
  const folders = ['pages/whiteboard', 'pages/common', 'client']
  const scripts = folders.flatMap((folder) => modules(dist, folder))
  const paths = scripts.map(([path]) => path.slice(1))
  const main = paths.filter((path) => path.endsWith('whiteboard/main.js'))
  const others = paths.filter((path) => !main.includes(path))
  return [
    ['/whiteboard', page('html', whiteboardPage([...main, ...others]))],
    ['/assets/whiteboard.css', page('css', baseStyle + barStyle + whiteboardStyle)],
    ...scripts,
  ]
}

/** One bundle: the editor has parts of many packages. */
const editorPages = (dist: URL, yjs: string): [string, PublicPage][] => [
  ['/editor', page('html', editorPage('assets/pages/editor/main.js', yjs))],
  ['/assets/editor.css', page('css', baseStyle + barStyle + editorStyle)],
  ...modules(dist, 'pages/editor'),
]
