/** The whiteboard page on a stand-in server that fails where the test wants it to. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Browser, CDPSession } from 'playwright-core'
import { pages } from '../../src/pages/index.ts'
import { encode, hex, makeTinyServer } from '../client/support.ts'
import type { TinyServer } from '../client/support.ts'
import { until } from '../support/wait.ts'
import { expectRoom, nameless, sizes } from './layout.ts'
import { chromiumPath, launchBrowser, open } from './support.ts'
import type { Visitor, VisitOptions } from './support.ts'

const DOCUMENT = 'whiteboard/test'
const HEALTHY = { contentType: 'text/plain', body: 'OK', headers: {} }
const phone = { viewport: { width: 375, height: 667 }, hasTouch: true }

describe.skipIf(!chromiumPath)('the whiteboard', () => {
  let browser: Browser
  let server: TinyServer
  let visitors: Visitor[]

  beforeAll(async () => {
    browser = await launchBrowser()
  })
  afterAll(() => browser.close())
  beforeEach(async () => {
    visitors = []
    const site = pages({ whiteboard: true, editor: false, zwibbler: '/socket' })
    server = await makeTinyServer((request, response) => {
      const { pathname } = new URL(request.url ?? '', 'http://node')
      const page = pathname === '/socket' ? HEALTHY : site.get(pathname)
      if (page) response.setHeader('Content-Type', page.contentType)
      response.writeHead(page ? 200 : 404, page?.headers).end(page?.body)
    })
  })
  afterEach(async () => {
    for (const visitor of visitors) {
      // That a server is away is logged by the browser itself.
      expect(visitor.complaints.filter((text) => !text.includes('WebSocket'))).toEqual([])
      await visitor[Symbol.asyncDispose]()
    }
    await server[Symbol.asyncDispose]()
  })

  async function come(options: VisitOptions = {}, board = 'test'): Promise<Visitor> {
    const visitor = await open(browser, server.origin, board, options)
    visitors.push(visitor)
    return visitor
  }
  const notice = (visitor: Visitor) => visitor.page.locator('.notice').last().textContent()

  test('[zwibbler 8] a conflict is shown: refused, rebased over what was missed, and stored', async () => {
    const ann = await come()
    let isFirst = true
    server.fault = (message) => {
      if (message.type === 'append' && isFirst) {
        isFirst = false
        server.append(DOCUMENT, encode('{"t":"s","id":"x.1","c":2,"w":9,"p":[0,0,900,900]}\n'))
      }
      return 'none'
    }
    await ann.line([200, 200], [400, 300])
    await ann.sees(2)
    await until('stored', async () => (await ann.number('fact-pending')) === 0)
    expect(await ann.number('fact-conflicts')).toBe(1)
    expect(await ann.number('rebase-count')).toBe(1)
    expect(await notice(ann)).toContain('rebased over 51 bytes')
    await ann.page.click('#status')
    expect(await ann.page.locator('.entry.conflict').isVisible()).toBe(true)
  })

  test('of two who clear at once only one clears, so one undo brings all back', async () => {
    server.append(DOCUMENT, encode('{"t":"s","id":"x.1","c":2,"w":9,"p":[0,0,900,900]}\n'))
    const ann = await come()
    await ann.sees(1)
    server.fault = (message) => {
      if (message.type === 'append') server.append(DOCUMENT, encode('{"t":"c","id":"x.2"}\n'))
      server.fault = () => 'none'
      return 'none'
    }
    await ann.page.click('#clear')
    await until('hers is withdrawn', async () => (await notice(ann))?.includes('did the same'))
    server.append(DOCUMENT, encode('{"t":"u","id":"x.3","of":"x.2"}\n'))
    await ann.sees(1)
    expect(server.text(DOCUMENT).match(/"t":"c"/g)?.length).toBe(1)
  })

  test('a server that goes away and comes back: what was drawn meanwhile is stored once', async () => {
    const ann = await come()
    server.fault = (message) => (message.type === 'init' ? 'drop' : 'none')
    server.cut()
    await until('it notices', async () => (await ann.state()) === 'waiting')
    await ann.line([200, 200], [400, 300])
    await until('it waits', async () => (await ann.number('fact-pending')) === 1)
    server.fault = () => 'none'
    await until('live again', async () => (await ann.state()) === 'joined')
    await until('stored', () => server.text(DOCUMENT).split('\n').length === 2)
    expect(await ann.strokes()).toBe(1)
  })

  test('an append cut off before its answer is not drawn twice', async () => {
    const ann = await come()
    server.fault = (message) => (message.type === 'append' ? 'drop after' : 'none')
    await ann.line([200, 200], [400, 300])
    await until('live again', async () => (await ann.number('fact-joins')) > 1)
    await until('settled', async () => (await ann.number('fact-pending')) === 0)
    expect(server.text(DOCUMENT).split('\n').length).toBe(2)
    expect(await ann.strokes()).toBe(1)
  })

  test('who may only look is told so, and keeps looking', async () => {
    const ann = await come()
    server.fault = (message) => {
      if (message.type !== 'append') return 'none'
      server.sendRaw(DOCUMENT, hex('81 00 0002 0000000000000000'))
      return 'ignore'
    }
    await ann.line([200, 200], [400, 300])
    await until('told', async () => (await notice(ann))?.includes('not draw'))
    await ann.sees(0)
    expect(await ann.state()).toBe('joined')
  })

  test('[zwibbler 7] a board that is deleted says so and stays as it was', async () => {
    const ann = await come()
    await ann.line([200, 200], [400, 300])
    await until('stored', async () => (await ann.number('fact-pending')) === 0)
    server.sendRaw(DOCUMENT, hex('80 00 0001 646f6573206e6f74206578697374'))
    await until('closed', async () => (await ann.state()) === 'closed')
    expect(await ann.page.locator('#fact-state').textContent()).toBe('This board was deleted.')
    expect(await ann.strokes()).toBe(1)
  })

  test('a board that was made again begins anew', async () => {
    const ann = await come()
    await ann.line([200, 200], [400, 300])
    await until('stored', async () => (await ann.number('fact-pending')) === 0)
    server.recreate(DOCUMENT)
    await ann.sees(0)
    expect(await notice(ann)).toContain('anew')
  })

  test('what others wrote into the document, or broadcast, cannot break the page', async () => {
    const ann = await come()
    const rubbish = ['nonsense', '{"t":"s","id":"x.1","c":99,"w":1,"p":[0,0]}', '{"t":"?"}', '']
    server.append(DOCUMENT, encode(`${rubbish.join('\n')}\n`))
    server.append(DOCUMENT, Uint8Array.of(0xff, 0xfe, 0x0a))
    server.sendRaw(DOCUMENT, hex('04 00 00000003 7b7d7b'))
    server.sendRaw(DOCUMENT, hex('82 00 00000001 00000008 706572736f6e2f78 00000002 5b5d'))
    server.append(DOCUMENT, encode('{"t":"s","id":"x.2","c":1,"w":1,"p":[0,0]}\n'))
    await ann.sees(1)
    expect(await ann.number('people-count')).toBe(1)
  })

  test('a name is shown to the others, is text and nothing else, and is remembered', async () => {
    const [ann, bob] = [await come(), await come()]
    await ann.page.click('#people-button')
    await ann.page.fill('#my-name', '<b>Ann</b>')
    await ann.page.keyboard.press('Enter')
    const list = bob.page.locator('.person-name')
    await until('bob reads it', async () => (await list.textContent()) === '<b>Ann</b>')
    await ann.page.reload()
    expect(await ann.page.locator('#my-name').inputValue()).toBe('<b>Ann</b>')
  })

  test('undo still works after a reload', async () => {
    const ann = await come()
    await ann.line([200, 200], [400, 300])
    await until('stored', async () => (await ann.number('fact-pending')) === 0)
    await ann.page.reload()
    await ann.sees(1)
    await ann.page.keyboard.press('Control+z')
    await ann.sees(0)
  })

  test('it can be drawn on with the keyboard alone', async () => {
    const ann = await come()
    await ann.page.focus('#stage')
    for (const key of ['7', 'ArrowUp', ' ', 'ArrowRight', 'ArrowDown', 'Shift+ArrowRight', ' ']) {
      await ann.page.keyboard.press(key)
    }
    await ann.sees(1)
    await until('stored in blue, with its corner', () =>
      /"c":6,"w":\d+,"p":\[-?\d+,-?\d+,80,0,0,80,400,0\]/.test(server.text(DOCUMENT)),
    )
  })

  test('a finger draws, two fingers zoom and draw nothing', async () => {
    const ann = await come(phone)
    await ann.page.touchscreen.tap(150, 300)
    await ann.sees(1)
    const touch = await ann.page.context().newCDPSession(ann.page)
    const zoom = () => ann.page.locator('#zoom-word').textContent()
    const before = await zoom()
    await pinch(touch)
    expect(await zoom()).not.toBe(before)
    expect([await ann.strokes(), await ann.seesInk()]).toEqual([1, false])
  })

  test.each(sizes)(
    'at %i by %i nothing hangs over the edge, nothing overlaps',
    async (width, height) => {
      const options = { viewport: { width, height }, hasTouch: true }
      const { page } = await come(options, 'a-board-with-a-rather-long-name')
      await expectRoom(page)
      await page.goto(server.origin)
      const overhang = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      expect(overhang).toBeLessThanOrEqual(0)
    },
  )

  test('on a phone colour and width are chosen from a card of their own', async () => {
    const { page } = await come(phone)
    expect(await page.locator('#colours').isVisible()).toBe(false)
    await page.click('#style')
    await page.click('[aria-label="Red (3)"]')
    await page.touchscreen.tap(150, 200)
    await until('stored in red', () => server.text(DOCUMENT).includes('"c":2'))
  })

  test('every control has a name for those who do not see it', async () => {
    const ann = await come()
    expect(await nameless(ann.page)).toEqual([])
  })

  test('leaving with something that is not stored asks first', async () => {
    const ann = await come()
    await ann.page.click('#offline')
    await ann.line([200, 200], [400, 300])
    let asked = 0
    ann.page.on('dialog', (dialog) => {
      asked += 1
      void dialog.dismiss()
    })
    await ann.page.evaluate(() => location.reload())
    await until('asked', () => asked === 1)
    await ann.page.click('#offline')
    await until('stored', () => server.text(DOCUMENT).length > 0)
  })
})

async function pinch(touch: CDPSession): Promise<void> {
  const send = (type: 'touchStart' | 'touchMove' | 'touchEnd', points: [number, number][]) =>
    touch.send('Input.dispatchTouchEvent', {
      type,
      touchPoints: points.map(([x, y], id) => ({ x, y, id })),
    })
  await send('touchStart', [[150, 300]])
  await send('touchStart', [
    [150, 300],
    [220, 300],
  ])
  for (let i = 1; i <= 8; i++) {
    await send('touchMove', [
      [150 - 10 * i, 300],
      [220 + 10 * i, 300],
    ])
  }
  await send('touchEnd', [])
}
