/** Chromium, and what a person does on the whiteboard. */
import { chromium } from 'playwright-core'
import type { Browser, Page } from 'playwright-core'
import { chromiumPath } from '../support/chromium.ts'
import { until } from '../support/wait.ts'

export { chromiumPath }

const quiet = [
  '--headless',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: chromiumPath!,
    // As root, which containers often are, Chromium refuses its own sandbox.
    args: process.getuid?.() === 0 ? ['--no-sandbox', ...quiet] : quiet,
  })

/** Somebody in front of the whiteboard, in a browser profile of their own. */
export interface Visitor extends AsyncDisposable {
  readonly page: Page
  /** What the browser complained about: refused by the policy, not found, thrown. */
  readonly complaints: string[]
  line(from: [number, number], to: [number, number]): Promise<void>
  strokes(): Promise<number>
  sees(strokes: number): Promise<void>
  state(): Promise<string | undefined>
  number(id: string): Promise<number>
  /** Whether a stroke is being drawn at this moment, by whomever. */
  seesInk(): Promise<boolean>
  /** What is drawn, as pixels. */
  pixels(): Promise<string>
}

export interface VisitOptions {
  readonly viewport?: { width: number; height: number }
  readonly hasTouch?: boolean
}

export async function visit(
  browser: Browser,
  address: string,
  options: VisitOptions = {},
): Promise<Visitor> {
  const context = await browser.newContext({ viewport: { width: 1_000, height: 700 }, ...options })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`)
  })
  await page.goto(address)
  const number = async (id: string) => Number(await page.locator(`#${id}`).textContent())
  const strokes = async () => Number(await page.locator('#stage').getAttribute('data-strokes'))

  return {
    page,
    complaints,
    number,
    strokes,
    async line([x, y], [toX, toY]) {
      await page.mouse.move(x, y)
      await page.mouse.down()
      await page.mouse.move(toX, toY, { steps: 8 })
      await page.mouse.up()
    },
    async sees(count) {
      const seen = until(`${count} strokes are seen`, async () => (await strokes()) === count)
      await seen.catch(async (error: unknown) => {
        const facts = await page.locator('#activity').evaluate((panel) => panel.textContent)
        throw new Error(`${await strokes()} strokes are seen, not ${count}: ${facts}`, {
          cause: error,
        })
      })
    },
    state: async () => (await page.locator('html').getAttribute('data-state')) ?? undefined,
    seesInk: () =>
      page.locator('#upper').evaluate((element) => {
        const canvas = element as HTMLCanvasElement
        const { width, height } = canvas
        return canvas
          .getContext('2d')!
          .getImageData(0, 0, width, height)
          .data.some((x) => x > 0)
      }),
    pixels: () => page.locator('#lower').evaluate((c) => (c as HTMLCanvasElement).toDataURL()),
    [Symbol.asyncDispose]: () => context.close(),
  }
}

/** Visits a board and waits until it is live. */
export async function open(
  browser: Browser,
  httpUrl: string,
  board: string,
  options: VisitOptions = {},
): Promise<Visitor> {
  const visitor = await visit(browser, `${httpUrl}/whiteboard?board=${board}`, options)
  await until('the board is live', async () => (await visitor.state()) === 'joined')
  return visitor
}
