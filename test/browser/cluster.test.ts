/** Two Chromium pages on real nodes: on two nodes, and on two workers of one process without Redis. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { Browser } from 'playwright-core'
import { makeDatabase } from '../support/databases.ts'
import type { Database } from '../support/databases.ts'
import { makeNode } from '../support/nodes.ts'
import type { TestNode } from '../support/nodes.ts'
import { until } from '../support/wait.ts'
import { describeBoards } from './boards.ts'
import { chromiumPath, launchBrowser, visit } from './support.ts'
import type { Visitor } from './support.ts'

const { databaseUrl, redisUrl, redisPrefix } = inject('services')
const hasRedis = redisUrl !== undefined

describe.skipIf(!chromiumPath || !hasRedis)('pages on two nodes', () => {
  let database: Database
  let nodes: TestNode[]

  beforeAll(async () => {
    database = await makeDatabase(databaseUrl)
    const options = { databaseUrl: database.url, redisUrl: redisUrl!, redisPrefix }
    nodes = [await makeNode({ ...options, name: 'A' }), await makeNode({ ...options, name: 'B' })]
  })
  afterAll(async () => {
    for (const node of nodes) await node[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
  })
  describeBoards(() => ({ urls: [nodes[0]!.httpUrl, nodes[1]!.httpUrl] }))
})

describe.skipIf(!chromiumPath)('pages on two workers of one process, without Redis', () => {
  let database: Database
  let node: TestNode

  beforeAll(async () => {
    database = await makeDatabase(databaseUrl)
    // Workers share the port, which an exclusive one forbids.
    const env = { WORKERS: '2', EXCLUSIVE_PORT: '0' }
    node = await makeNode({ databaseUrl: database.url, env, name: 'workers' })
  })
  afterAll(async () => {
    await node[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
  })

  /** The kernel chooses the worker: bob comes again until his is not ann's. */
  async function onBothWorkers(_ann: Visitor, bob: Visitor, board: string): Promise<void> {
    const workers = async () => {
      const info = await node.document(`zwibbler/whiteboard/${board}`)
      return info?.sessions.length ?? 0
    }
    for (let tries = 0; tries < 30; tries++) {
      const found = await workers()
      if (found === 2) return
      await bob.page.reload()
      await until('live again', async () => (await bob.state()) === 'joined')
    }
    throw new Error('both pages are on one worker')
  }
  describeBoards(() => ({ urls: [node.httpUrl, node.httpUrl], check: onBothWorkers }))
})

describe.skipIf(!chromiumPath)('the start page', () => {
  let database: Database
  let browser: Browser

  beforeAll(async () => {
    database = await makeDatabase(databaseUrl)
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser.close()
    await database[Symbol.asyncDispose]()
  })

  test('says that it works, and leads to the whiteboard and the editor', async () => {
    await using node = await makeNode({ databaseUrl: database.url })
    await using visitor = await visit(browser, node.httpUrl)
    const { page } = visitor
    await until('the storage answered', async () =>
      (await page.locator('#state-word').textContent())?.includes('It works'),
    )
    const { host } = new URL(node.httpUrl)
    const addresses = await page.locator('[data-socket]').allTextContents()
    expect(addresses).toEqual([`ws://${host}/socket`, `ws://${host}/yjs`])
    await page.fill('#board', 'from-home')
    await page.click('text=Draw together')
    await page.waitForURL(/\/whiteboard\?board=from-home/)
    await until('live', async () => (await visitor.state()) === 'joined')
    await page.goBack()
    await page.fill('#document', 'from-home')
    await page.click('text=Write together')
    await page.waitForURL(/\/editor\?document=from-home/)
    await until('live too', async () => (await visitor.state()) === 'joined')
    expect(visitor.complaints).toEqual([])
  })

  test.each([
    ['whiteboard', { WHITEBOARD: '0' }],
    ['whiteboard', { SURFACES: 'yjs' }],
    ['editor', { EDITOR_PAGE: '0' }],
    ['editor', { SURFACES: 'zwibbler' }],
  ])('promises no %s with %o', async (name, env) => {
    await using node = await makeNode({ databaseUrl: database.url, env })
    await using visitor = await visit(browser, node.httpUrl)
    const actions = visitor.page.locator('form')
    expect(
      await actions.evaluateAll((all) => all.map((form) => form.getAttribute('action'))),
    ).toEqual([name === 'editor' ? 'whiteboard' : 'editor'])
    expect((await fetch(`${node.httpUrl}/${name}`)).status).toBe(404)
    expect(visitor.complaints).toEqual([])
  })
})
