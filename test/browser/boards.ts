/** What two people at one board expect, wherever their pages come from. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Browser } from 'playwright-core'
import { until } from '../support/wait.ts'
import { launchBrowser, open } from './support.ts'
import type { Visitor } from './support.ts'

export interface Place {
  /** Where the first and the second person open the page. */
  readonly urls: readonly [string, string]
  /** Called when both are at the board: are they where they should be? */
  readonly check?: (ann: Visitor, bob: Visitor, board: string) => Promise<void>
}

export function describeBoards(place: () => Place): void {
  let browser: Browser
  let count = 0
  const nextBoard = () => `browser-${Date.now().toString(36)}-${++count}`

  async function both(board = nextBoard()): Promise<[Visitor, Visitor]> {
    const { urls, check } = place()
    const ann = await open(browser, urls[0], board)
    const bob = await open(browser, urls[1], board)
    await check?.(ann, bob, board)
    return [ann, bob]
  }

  async function end(...visitors: Visitor[]): Promise<void> {
    for (const visitor of visitors) {
      expect(visitor.complaints).toEqual([])
      await visitor[Symbol.asyncDispose]()
    }
  }

  beforeAll(async () => {
    browser = await launchBrowser()
  })
  afterAll(() => browser.close())

  test('what one draws the other sees, and a third who comes later too', async () => {
    const board = nextBoard()
    const [ann, bob] = await both(board)
    await ann.line([200, 200], [500, 300])
    await bob.sees(1)
    await bob.line([300, 400], [600, 200])
    await ann.sees(2)
    const cat = await open(browser, place().urls[1], board)
    await cat.sees(2)
    const pixels = await ann.pixels()
    await until('all show the same', async () => {
      return (await bob.pixels()) === pixels && (await cat.pixels()) === pixels
    })
    await end(ann, bob, cat)
  })

  test('pointers and strokes are seen while they move, before anything is stored', async () => {
    const [ann, bob] = await both()
    await ann.page.mouse.move(300, 300)
    const pointer = bob.page.locator('.pointer')
    await until('ann points', () => pointer.isVisible())
    await ann.page.mouse.down()
    await ann.page.mouse.move(500, 350, { steps: 10 })
    await until('the stroke grows', () => bob.seesInk())
    await until('the pointer went along', async () => {
      const box = await pointer.boundingBox()
      return box !== null && Math.abs(box.x - 500) < 3 && Math.abs(box.y - 350) < 3
    })
    expect(await bob.strokes()).toBe(0)
    await ann.page.mouse.up()
    await bob.sees(1)
    await end(ann, bob)
  })

  test('undo takes back the own stroke for everybody, redo brings it again', async () => {
    const [ann, bob] = await both()
    await ann.line([200, 200], [300, 300])
    await bob.sees(1)
    await bob.line([400, 200], [500, 300])
    await ann.sees(2)
    await ann.page.keyboard.press('Control+z')
    await bob.sees(1)
    await ann.page.keyboard.press('Control+z')
    await ann.sees(1)
    await ann.page.keyboard.press('Control+Shift+z')
    await bob.sees(2)
    await end(ann, bob)
  })

  test('the eraser, clear and their undo work on what others drew', async () => {
    const [ann, bob] = await both()
    await ann.line([200, 200], [400, 200])
    await ann.line([200, 300], [400, 300])
    await bob.sees(2)
    await bob.page.click('#tool-eraser')
    await bob.line([300, 150], [300, 250])
    await ann.sees(1)
    await bob.page.click('#clear')
    await ann.sees(0)
    await bob.page.click('#undo')
    await ann.sees(1)
    await bob.page.click('#undo')
    await ann.sees(2)
    await end(ann, bob)
  })

  test('edits made offline arrive later, once, rebased over what others drew meanwhile', async () => {
    const [ann, bob] = await both()
    await ann.line([200, 200], [300, 300])
    await bob.sees(1)
    await ann.page.click('#offline')
    expect(await ann.state()).toBe('suspended')
    await ann.line([250, 200], [350, 300])
    await ann.line([300, 200], [400, 300])
    await ann.sees(3)
    expect(await ann.number('fact-pending')).toBe(2)
    await bob.line([450, 200], [550, 300])
    await bob.sees(2)
    await until('bob is alone', async () => (await bob.number('people-count')) === 1)
    await ann.page.click('#offline')
    await bob.sees(4)
    await ann.sees(4)
    await until('two rebases are counted', async () => (await ann.number('rebase-count')) === 2)
    expect(await ann.number('fact-pending')).toBe(0)
    expect(await ann.page.locator('.notice').first().textContent()).toContain('rebased over')
    const pixels = await ann.pixels()
    await until('both show the same', async () => (await bob.pixels()) === pixels)
    await end(ann, bob)
  })

  test('it counts the people, and notices who leaves', async () => {
    const [ann, bob] = await both()
    await until('two are here', async () => (await ann.number('people-count')) === 2)
    await until('bob sees that too', async () => (await bob.number('people-count')) === 2)
    await end(bob)
    await until('ann is alone', async () => (await ann.number('people-count')) === 1)
    await end(ann)
  })

  test('both draw at once, as fast as they can: nothing is lost, and both show the same', async () => {
    const [ann, bob] = await both()
    const scribble = async (visitor: Visitor, top: number) => {
      for (let i = 0; i < 12; i++) await visitor.line([150 + i * 40, top], [180 + i * 40, top + 90])
    }
    await Promise.all([scribble(ann, 150), scribble(bob, 350)])
    await ann.sees(24)
    await bob.sees(24)
    const pixels = await ann.pixels()
    await until('both show the same', async () => (await bob.pixels()) === pixels)
    await end(ann, bob)
  })
}
