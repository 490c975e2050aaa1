/** What holds for the layout of every page. */
import { expect } from 'vitest'
import type { Page } from 'playwright-core'

export const sizes = [
  [375, 667],
  [844, 390],
  [820, 1_180],
  [1_000, 700],
  [1_280, 800],
] as const

/** Bars do not overlap, and nothing hangs over the edge. */
export async function expectRoom(page: Page): Promise<void> {
  const { width } = page.viewportSize()!
  const boxes = await page.locator('.bar:visible').evaluateAll((bars) =>
    bars.map((bar) => {
      const { left, top, right, bottom } = bar.getBoundingClientRect()
      return { left, top, right, bottom }
    }),
  )
  expect(boxes.length).toBeGreaterThan(2)
  for (const box of boxes) {
    expect(box.left).toBeGreaterThanOrEqual(0)
    expect(box.right).toBeLessThanOrEqual(width)
    for (const other of boxes.filter((each) => each !== box)) {
      const isBeside = box.right <= other.left || other.right <= box.left
      expect(isBeside || box.bottom <= other.top || other.bottom <= box.top).toBe(true)
    }
  }
  const overhang = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
  expect(overhang).toBeLessThanOrEqual(0)
}

/** Controls without a name for those who do not see them. */
export const nameless = (page: Page): Promise<string[]> =>
  page.locator('button, a, input').evaluateAll((controls) =>
    controls
      .filter((control) => {
        const label = control.getAttribute('aria-label') ?? control.textContent.trim()
        const { labels } = control as HTMLInputElement
        return label === '' && (labels?.length ?? 0) === 0
      })
      .map((control) => control.id),
  )
