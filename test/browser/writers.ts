/** What a person does in the editor. */
import type { Browser, Locator } from 'playwright-core'
import { until } from '../support/wait.ts'
import { visit, type Visitor } from './support.ts'

/** Somebody in front of a document, in a browser profile of their own. */
export interface Writer extends Visitor {
  readonly text: Locator
  write(text: string): Promise<void>
  /** As if it came from another program. */
  paste(html: string): Promise<void>
  /** Waits until the text, with its formatting, is this. */
  reads(html: string): Promise<void>
  /** The text with its formatting, without anybody's cursor. */
  html(): Promise<string>
  /** The names at others' cursors. */
  cursors(): Promise<string[]>
  isLive(): Promise<void>
}

export interface WriteOptions {
  readonly name?: string
  readonly token?: string
  readonly size?: readonly [width: number, height: number]
}

export async function openEditor(
  browser: Browser,
  httpUrl: string,
  document: string,
  { name, token, size = [1_000, 700] }: WriteOptions = {},
): Promise<Writer> {
  const query = new URLSearchParams({ document, ...(token !== undefined && { token }) })
  const [width, height] = size
  const options = { viewport: { width, height } }
  const visitor = await visit(browser, `${httpUrl}/editor?${query.toString()}`, options)
  const { page } = visitor
  const text = page.locator('.tiptap')
  const html = () =>
    text.evaluate((element) => {
      const copy = element.cloneNode(true) as HTMLElement
      for (const other of copy.querySelectorAll('.ProseMirror-widget, .ProseMirror-separator'))
        other.remove()
      for (const filler of copy.querySelectorAll('.ProseMirror-trailingBreak')) filler.remove()
      for (const { attributes } of copy.querySelectorAll('*'))
        for (const { name } of [...attributes]) attributes.removeNamedItem(name)
      return copy.innerHTML.replaceAll(/<\/?span>|\u2060/g, '')
    })
  const isLive = () =>
    until('the document is live', async () => (await visitor.state()) === 'joined').then(
      () => undefined,
    )
  if (name !== undefined) {
    await page.click('#people-button')
    await page.fill('#my-name', name)
    await page.press('#my-name', 'Enter')
    await page.click('#people-button')
  }
  return {
    ...visitor,
    text,
    html,
    isLive,
    async write(words) {
      await text.focus()
      await page.keyboard.type(words)
    },
    async paste(pasted) {
      await text.evaluate((element, data) => {
        const clipboardData = new DataTransfer()
        clipboardData.setData('text/html', data)
        const options = { clipboardData, bubbles: true, cancelable: true }
        element.dispatchEvent(new ClipboardEvent('paste', options))
      }, pasted)
    },
    async reads(wanted) {
      const read = until(`the text is ${wanted}`, async () => (await html()) === wanted)
      await read.catch(async (error: unknown) => {
        throw new Error(`the text is ${await html()}, not ${wanted}`, { cause: error })
      })
    },
    cursors: async () => (await page.locator('.caret-name').allTextContents()).sort(),
  }
}
