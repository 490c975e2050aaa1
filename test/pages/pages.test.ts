import { describe, expect, test } from 'vitest'
import { pages } from '../../src/pages/index.ts'

/** The files that the build made: `npm test` builds first. */
const surfaces = { zwibbler: '/socket', yjs: '/yjs' }
const all = pages({ whiteboard: true, editor: true, ...surfaces })
const text = (path: string, from = all) => String(from.get(path)?.body)

/** What a page or module names, as absolute paths. */
function references(path: string): string[] {
  const base = new URL(path, 'http://node')
  // An example of code names nothing.
  const body = text(path).replace(/<pre>.*<\/pre>/s, '')
  const isPage = all.get(path)?.contentType.startsWith('text/html')
  const names = isPage
    ? /(?:src|href|action)="([^"#]+)"/g
    : /\b(?:from|import)\s*['"](\.[^'"]+)['"]/g
  return [...body.matchAll(names)].map((match) => new URL(match[1]!, base).pathname)
}

describe('what is served', () => {
  test.each(['/', '/whiteboard', '/editor'])(
    'everything that %s names is there, and what that names too',
    (start) => {
      const seen = new Set<string>()
      const open = [start]
      for (let path = open.pop(); path !== undefined; path = open.pop()) {
        if (seen.has(path)) continue
        seen.add(path)
        expect(all.has(path), path).toBe(true)
        open.push(...references(path))
      }
      expect(seen.size).toBeGreaterThan(4)
    },
  )

  test('nothing comes from elsewhere', () => {
    for (const [path, { body }] of all) {
      const outside = String(body).match(
        /(?:src|href|url\()\s*=?\s*["']?(?:https?:)?\/\/[^"')\s]+/g,
      )
      expect(outside, path).toBeNull()
    }
  })

  test('no page has an inline script, style or handler, which the policy would refuse', () => {
    for (const path of ['/', '/whiteboard', '/editor']) {
      expect(text(path)).not.toMatch(/<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)/)
    }
  })

  test('every answer has the headers that keep a browser strict', () => {
    for (const [path, { headers }] of all) {
      expect(headers, path).toMatchObject({
        'X-Content-Type-Options': 'nosniff',
        'Referrer-Policy': 'no-referrer',
      })
      expect(headers?.['Content-Security-Policy']).toContain("default-src 'none'")
      expect(headers?.['Content-Security-Policy']).toContain("connect-src 'self' ws: wss:")
      expect(headers?.['Content-Security-Policy']).not.toContain('unsafe')
    }
  })

  test('modules are JavaScript without a trace of their maps', () => {
    const modules = [...all].filter(([path]) => path.endsWith('.js'))
    expect(modules.length).toBeGreaterThan(20)
    for (const [path, { contentType, body }] of modules) {
      expect(contentType, path).toBe('text/javascript; charset=utf-8')
      expect(String(body)).not.toContain('sourceMappingURL')
      expect(String(body), path).not.toMatch(/from ["'](node:|[a-z])/)
    }
  })
})

test('the editor is one minified module, with its rooms where the surface is', () => {
  const modules = [...all.keys()].filter((path) => /editor.*\.js$/.test(path))
  expect(modules).toEqual(['/assets/pages/editor/main.js'])
  expect(text(modules[0]!).split('\n').length).toBeLessThan(text(modules[0]!).length / 1_000)
  const elsewhere = pages({ whiteboard: false, editor: true, yjs: '/apps/rooms' })
  expect(text('/editor', elsewhere)).toContain('data-rooms="apps/rooms"')
  expect(text('/', elsewhere)).toContain('data-socket="apps/rooms"')
})

describe.each([
  ['switched off', pages({ whiteboard: false, editor: false, ...surfaces })],
  ['without their surfaces', pages({ whiteboard: true, editor: true })],
])('whiteboard and editor %s', (_, few) => {
  test('the start page says that it works and promises nothing that is off', () => {
    expect(text('/', few)).toContain('It works')
    expect(text('/', few)).not.toMatch(/whiteboard|draw|editor|write/i)
    expect(text('/')).toContain('action="whiteboard"')
    expect(text('/')).toContain('action="editor"')
  })

  test('nothing of them is served', () => {
    const paths = [...few.keys()].sort()
    expect(paths.filter((path) => /whiteboard|client|editor/.test(path))).toEqual([])
    expect(paths).toContain('/favicon.ico')
  })
})

test('the start page shows the clients of the surfaces that are served', () => {
  const only = (name: 'zwibbler' | 'yjs') =>
    text('/', pages({ whiteboard: false, editor: false, [name]: surfaces[name] }))
  expect(text('/')).toMatch(/lengthwise\/client[^]*y-websocket/)
  expect(only('zwibbler')).toContain('lengthwise/client')
  expect(only('zwibbler')).not.toContain('y-websocket')
  expect(only('yjs')).toContain('y-websocket')
  expect(only('yjs')).not.toMatch(/lengthwise\/client|socket\?ping/)
})
