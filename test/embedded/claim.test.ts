import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { claimFolder } from '../../src/postgres/embedded/claim.ts'
import type { Claim } from '../../src/postgres/embedded/claim.ts'
import type { Holder } from '../../src/postgres/embedded/holder.ts'
import { idSpace, startOf } from '../../src/postgres/embedded/processes.ts'
import { makeFolder, startChild } from './support.ts'

/** As if a process had claimed the folder a minute ago. */
function leave(folder: string, changes: Partial<Holder>): string {
  const holder: Holder = {
    pid: process.pid,
    host: hostname(),
    since: new Date(Date.now() - 60_000).toISOString(),
    start: startOf(process.pid),
    space: idSpace(),
    ...changes,
  }
  mkdirSync(join(folder, 'lock'), { recursive: true })
  const path = join(folder, 'lock', `${holder.pid}-left`)
  writeFileSync(path, JSON.stringify(holder))
  return path
}

test('of many that claim a folder at once, one gets it', async () => {
  await using folder = await makeFolder()
  const results = await Promise.allSettled(
    Array.from({ length: 12 }, () => claimFolder(folder.path)),
  )
  const held = results.filter(
    (each): each is PromiseFulfilledResult<Claim> => each.status === 'fulfilled',
  )
  expect(held).toHaveLength(1)
  await held[0]?.value.release()
  expect(readdirSync(join(folder.path, 'lock'))).toEqual([])
  await (await claimFolder(folder.path)).release()
})

test('the claim of a process that is gone is taken over', async () => {
  await using folder = await makeFolder()
  await using child = startChild('/dev/null/nowhere')
  await child.ended
  leave(folder.path, { pid: child.pid, start: undefined })
  await (await claimFolder(folder.path)).release()
})

test.skipIf(process.platform !== 'linux')(
  'a claim whose process id is another process by now is taken over',
  async () => {
    await using folder = await makeFolder()
    leave(folder.path, { start: '1' })
    await (await claimFolder(folder.path)).release()
  },
)

test('the claim of a live process is respected', async () => {
  await using folder = await makeFolder()
  leave(folder.path, {})
  await expect(claimFolder(folder.path)).rejects.toThrow('in use by this very process')
})

test('a claim from another machine is respected while it is touched, and taken over afterwards', async () => {
  await using folder = await makeFolder()
  const path = leave(folder.path, { pid: 1, host: 'elsewhere', space: undefined })
  const beat = setInterval(() => utimesSync(path, new Date(), new Date()), 100)
  const refused = claimFolder(folder.path, 1_000)
  await expect(refused).rejects.toThrow('in use by process 1 on elsewhere')
  clearInterval(beat)
  await (await claimFolder(folder.path, 1_000)).release()
})

test.skipIf(process.platform !== 'linux')(
  'a claim from another container of the same name is watched, not looked up',
  async () => {
    await using folder = await makeFolder()
    // Its process id is alive here, but means somebody else there.
    leave(folder.path, { space: 'pid:[1]' })
    await (await claimFolder(folder.path, 500)).release()
  },
)

test('a holder shows that it lives', async () => {
  await using folder = await makeFolder()
  await using child = startChild(folder.path)
  await child.hears('url')
  const [name = ''] = readdirSync(join(folder.path, 'lock'))
  const { judge } = await import('../../src/postgres/embedded/holder.ts')
  const asSeenElsewhere: Holder = { pid: 1, host: 'elsewhere', since: '', start: '', space: '' }
  expect(await judge(asSeenElsewhere, join(folder.path, 'lock', name), 4_000)).toBe(true)
})

test('a claim that cannot be read is not guessed about', async () => {
  await using folder = await makeFolder()
  mkdirSync(join(folder.path, 'lock'))
  writeFileSync(join(folder.path, 'lock', '1-x'), 'scribble')
  await expect(claimFolder(folder.path)).rejects.toThrow('remove it if no node uses this folder')
})
