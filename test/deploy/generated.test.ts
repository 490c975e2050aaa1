import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const committed = 'helm/lengthwise/files'

/** Every file in it but those that are somebody else's, by path. */
async function contents(folder: string, names: readonly string[]): Promise<Record<string, string>> {
  const texts = names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')])
  return Object.fromEntries(await Promise.all(texts)) as Record<string, string>
}

const listed = async (folder: string): Promise<string[]> =>
  (await readdir(join(folder, 'dashboards'))).map((name) => `dashboards/${name}`)

test('the committed dashboards and alert rules are what npm run dashboards makes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lengthwise-dashboards-'))
  try {
    await run(process.execPath, ['deploy/grafana/generate.mjs', folder])
    const made = [...(await listed(folder)), 'alerts.yaml'].sort()
    expect([...(await listed(committed)), 'alerts.yaml'].sort()).toEqual(made)
    expect(await contents(committed, made)).toEqual(await contents(folder, made))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
