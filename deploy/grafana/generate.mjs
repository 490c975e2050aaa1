/**
 * Writes the dashboards and the alert rules to where the chart, compose and an operator's own tools find them.
 *
 *   npm run dashboards             into helm/lengthwise/files
 *   npm run dashboards -- FOLDER   into another folder, to compare
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { rulesFile } from './alerts/rules.mjs'
import { backends } from './dashboards/backends.mjs'
import { documentsAndFanOut } from './dashboards/documents.mjs'
import { node } from './dashboards/node.mjs'
import { overview } from './dashboards/overview.mjs'
import { surfaces } from './dashboards/surfaces.mjs'

const here = fileURLToPath(import.meta.url)
const into =
  process.argv[2] ?? fileURLToPath(new URL('../../helm/lengthwise/files', import.meta.url))

const folder = join(into, 'dashboards')
await rm(folder, { recursive: true, force: true })
await mkdir(folder, { recursive: true })
for (const make of [overview, node, documentsAndFanOut, surfaces, backends]) {
  const { name, json } = make()
  await writeFile(join(folder, `${name}.json`), await pretty(JSON.stringify(json), 'json'))
}
await writeFile(join(into, 'alerts.yaml'), await pretty(rulesFile(), 'yaml'))

/** As `npm run format` would leave it. */
async function pretty(text, parser) {
  return await format(text, { ...(await resolveConfig(here)), parser })
}
