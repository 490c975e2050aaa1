/** The editor: Chromium pages on two nodes, with y-websocket as it is between them. */
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { Browser } from 'playwright-core'
import { makeDatabase } from '../support/databases.ts'
import type { Database } from '../support/databases.ts'
import { makeNode } from '../support/nodes.ts'
import type { TestNode } from '../support/nodes.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/wait.ts'
import { chromiumPath, launchBrowser } from './support.ts'
import { expectRoom, nameless, sizes } from './layout.ts'
import { openEditor, type WriteOptions, type Writer } from './writers.ts'

const { databaseUrl, redisUrl, redisPrefix } = inject('services')
const hasRedis = redisUrl !== undefined
const TWICE = { timeout: 120_000 }

describe.skipIf(!chromiumPath || !hasRedis)('the editor on two nodes', () => {
  let database: Database
  let browser: Browser
  let near: TestNode
  let far: TestNode
  let count = 0

  beforeAll(async () => {
    browser = await launchBrowser()
    database = await makeDatabase(databaseUrl)
    const options = { databaseUrl: database.url, redisUrl: redisUrl!, redisPrefix }
    // A page knows one address: its node has to come back there.
    const env = { PORT: String(await freePort()) }
    near = await makeNode({ ...options, env, name: 'near' })
    far = await makeNode({ ...options, name: 'far' })
  })
  afterAll(async () => {
    await browser.close()
    await near[Symbol.asyncDispose]()
    await far[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
  })

  const nextDocument = () => `letter ${Date.now().toString(36)}/${++count}`
  async function come(node: TestNode, document: string, options?: WriteOptions): Promise<Writer> {
    const writer = await openEditor(browser, node.httpUrl, document, options)
    await writer.isLive()
    return writer
  }
  const both = async (document = nextDocument()) =>
    await Promise.all([
      come(near, document, { name: 'Ann' }),
      come(far, document, { name: 'Bob Ö.' }),
    ])

  /** @param expected complaints of the browser itself, that a server was away */
  async function end(writers: readonly Writer[], expected = /^$/): Promise<void> {
    for (const { complaints, page } of writers) {
      expect(complaints.filter((text) => !expected.test(text))).toEqual([])
      await page.context().close()
    }
  }

  test('what one writes the other reads, with its formatting, and a third who comes later too', async () => {
    const document = nextDocument()
    const [ann, bob] = await both(document)
    await ann.write('Dear ')
    await ann.page.click('#bold')
    await ann.write('Bob')
    await ann.page.keyboard.press('Control+b')
    await ann.write('!')
    await bob.reads('<p>Dear <strong>Bob</strong>!</p>')
    await bob.text.press('Control+End')
    await bob.text.press('Enter')
    await bob.page.click('#bullets')
    await bob.write('tea')
    const whole = '<p>Dear <strong>Bob</strong>!</p><ul><li><p>tea</p></li></ul>'
    await ann.reads(whole)
    const cat = await come(far, document)
    await cat.reads(whole)
    expect(await bob.page.locator('#bullets').getAttribute('aria-pressed')).toBe('true')
    await end([ann, bob, cat])
  })

  test('each sees who is here, where they write and what they have selected', async () => {
    const [ann, bob] = await both()
    await ann.write('one two')
    await until("bob sees ann's cursor", async () => (await bob.cursors()).includes('Ann'))
    await bob.write('three ')
    await until("ann sees bob's", async () => (await ann.cursors()).includes('Bob Ö.'))
    await ann.text.press('Control+a')
    const selected = bob.page.locator('.selected')
    await until('bob sees a selection', async () => (await selected.count()) > 0)
    expect(await selected.first().evaluate((it) => getComputedStyle(it).backgroundColor)).not.toBe(
      'rgba(0, 0, 0, 0)',
    )
    expect(await ann.number('people-count')).toBe(2)
    expect(await ann.page.locator('#people-list').textContent()).toContain('Bob Ö.')
    await end([bob])
    await until('ann is alone', async () => (await ann.number('people-count')) === 1)
    expect(await ann.cursors()).toEqual([])
    await end([ann])
  })

  test('both write at once: both read the same, and nothing is lost', async () => {
    const [ann, bob] = await both()
    await Promise.all([ann.write('a'.repeat(60)), bob.write('b'.repeat(60))])
    const lettersOf = (html: string) => html.replaceAll(/<.*?>/g, '').split('').sort().join('')
    await until('both have all', async () => {
      const [here, there] = [await ann.html(), await bob.html()]
      return here === there && lettersOf(here) === 'a'.repeat(60) + 'b'.repeat(60)
    })
    await end([ann, bob])
  })

  test("undo takes back one's own words and leaves those of others", async () => {
    const [ann, bob] = await both()
    await ann.write('Ann was here')
    await bob.reads('<p>Ann was here</p>')
    await bob.write('Bob too. ')
    await ann.reads('<p>Bob too. Ann was here</p>')
    await ann.page.click('#undo')
    await bob.reads('<p>Bob too. </p>')
    await ann.page.click('#redo')
    await bob.reads('<p>Bob too. Ann was here</p>')
    await end([ann, bob])
  })

  test('what is written offline arrives later', async () => {
    const [ann, bob] = await both()
    await ann.page.click('#offline')
    await until('ann is off', async () => (await ann.state()) === 'suspended')
    await ann.write('from afar')
    await bob.write('meanwhile')
    await until('it waits', async () =>
      (await ann.page.locator('#state-word').textContent())?.includes('changes wait'),
    )
    expect(await bob.html()).toBe('<p>meanwhile</p>')
    await ann.page.click('#offline')
    await ann.isLive()
    await until('both have both', async () => {
      const [here, there] = [await ann.html(), await bob.html()]
      return here === there && here.includes('from afar') && here.includes('meanwhile')
    })
    await end([ann, bob])
  })

  test('what is pasted from other programs keeps its formatting, and no script or style of its own', async () => {
    const [ann, bob] = await both()
    await ann.text.focus()
    await ann.paste(
      '<b style="font-weight:normal"><p style="color:red">plain <span style="font-weight:700">bold</span> ' +
        '<a href="javascript:alert(1)">bad</a></p></b><script>document.title = "owned"</script>',
    )
    await bob.reads('<p>plain <strong>bold</strong> bad</p>')
    expect(await ann.page.title()).not.toBe('owned')
    await end([ann, bob])
  })

  test('documents have names: another name is another text, and one is found again', async () => {
    const [first, second, third] = [nextDocument(), 'Ünï %2F x/../y', 'y']
    const ann = await come(near, first)
    await ann.write('first')
    await ann.page.click('.title-button')
    await ann.page.fill('#title-input', second)
    await ann.page.press('#title-input', 'Enter')
    await ann.page.waitForURL((url) => url.searchParams.get('document') === second)
    await ann.isLive()
    expect(await ann.html()).toBe('<p></p>')
    await ann.write('second')
    const bob = await come(far, second)
    await bob.reads('<p>second</p>')
    const cat = await come(far, third)
    expect(await cat.html()).toBe('<p></p>')
    await ann.page.click('.title-button')
    await ann.page.click(`.title-link >> text=${first}`)
    await ann.isLive()
    await ann.reads('<p>first</p>')
    await end([ann, bob, cat])
  })

  test(
    '[I2] a node is killed: its page waits, comes back and has lost nothing',
    TWICE,
    async () => {
      const [ann, bob] = await both()
      await ann.write('before. ')
      await bob.reads('<p>before. </p>')
      await near.kill()
      await until('ann notices', async () => (await ann.state()) === 'waiting')
      await ann.write('Between.')
      await bob.text.press('Enter')
      await bob.write('Bob goes on.')
      await until('bob sees her gone', async () => (await bob.number('people-count')) === 1)
      await near.start()
      await ann.isLive()
      await until('both have all', async () => {
        const [here, there] = [await ann.html(), await bob.html()]
        const all = ['before. ', 'Between.', 'Bob goes on.']
        return here === there && all.every((words) => here.includes(words))
      })
      await until('bob sees her again', async () => (await bob.number('people-count')) === 2)
      await until('and her cursor', async () => (await bob.cursors()).includes('Ann'))
      await end([ann, bob], /WebSocket|ERR_CONNECTION/)
    },
  )
})

describe.skipIf(!chromiumPath)('the editor, where tokens say who may do what', () => {
  const secret = 'a secret of the editor, long enough'
  let database: Database
  let browser: Browser
  let node: TestNode

  beforeAll(async () => {
    browser = await launchBrowser()
    database = await makeDatabase(databaseUrl)
    const env = { YJS_AUTH: 'jwt', AUTH_JWT_KEY: secret }
    node = await makeNode({ databaseUrl: database.url, env })
  })
  afterAll(async () => {
    await browser.close()
    await node[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
  })

  const tokenFor = (rooms: Record<string, 'r' | 'rw'>) =>
    new SignJWT({ rooms })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(secret))

  test('its token lets one write, another read only, and who has none is told', async () => {
    const [rw, r] = [await tokenFor({ 'editor/*': 'rw' }), await tokenFor({ 'editor/*': 'r' })]
    const ann = await openEditor(browser, node.httpUrl, 'plan', { token: rw })
    await ann.isLive()
    await ann.write('the plan')
    const bob = await openEditor(browser, node.httpUrl, 'plan', { token: r })
    await bob.reads('<p>the plan</p>')
    await until('bob is told', async () => (await sentence(bob))?.includes('not write'))
    expect(await bob.text.getAttribute('contenteditable')).toBe('false')
    expect(await bob.page.locator('#bold').isDisabled()).toBe(true)
    const eve = await openEditor(browser, node.httpUrl, 'plan')
    await until('eve is told', async () => (await sentence(eve))?.includes('may not open'))
    expect(await eve.state()).toBe('closed')
    expect(await eve.html()).toBe('<p></p>')
    for (const { page } of [ann, bob, eve]) await page.context().close()
  })

  test.each(sizes)('at %i by %i nothing hangs over the edge, nothing overlaps', async (...size) => {
    const ann = await openEditor(browser, node.httpUrl, 'a-document-with-a-rather-long-name', {
      token: await tokenFor({ 'editor/*': 'rw' }),
      size,
    })
    await ann.isLive()
    await expectRoom(ann.page)
    expect(await nameless(ann.page)).toEqual([])
    await ann.page.context().close()
  })

  test('the token goes along to another document, and not with a shared link', async () => {
    const token = await tokenFor({ 'editor/*': 'rw' })
    const ann = await openEditor(browser, node.httpUrl, 'one', { token })
    await ann.isLive()
    await ann.page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await ann.page.click('#share')
    await until('the link is copied', async () =>
      (await ann.page.locator('.notice').textContent())?.includes('copied'),
    )
    const link = new URL(await ann.page.evaluate(() => navigator.clipboard.readText()))
    expect([...link.searchParams]).toEqual([['document', 'one']])
    await ann.page.click('.title-button')
    await ann.page.fill('#title-input', 'two')
    await ann.page.press('#title-input', 'Enter')
    await ann.page.waitForURL(/document=two/)
    await ann.isLive()
    await ann.page.context().close()
  })
})

const sentence = ({ page }: Writer) => page.locator('#sentence').textContent()
