import { readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { settingsTable } from '../../src/config/show.ts'

const readme = new URL('../../README.md', import.meta.url)
const marked = /(?<=<!-- settings -->\n)[^]*?(?=<!-- \/settings -->)/

test("the README's table of settings says what config.ts says (UPDATE_README=1 writes it)", async () => {
  const text = await readFile(readme, 'utf8')
  if (process.env.UPDATE_README === '1') {
    await writeFile(
      readme,
      text.replace(marked, () => `${settingsTable()}\n`),
    )
  }
  const table = marked.exec(await readFile(readme, 'utf8'))?.[0]
  expect(table).toBe(`${settingsTable()}\n`)
})
