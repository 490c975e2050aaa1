import { expect, inject, test } from 'vitest'
import { tellSystemd } from '../../src/commands/systemd.ts'
import { makeDatabase } from '../support/databases.ts'
import { makeSystemd } from '../support/systemd.ts'
import { until } from '../support/wait.ts'
import { start } from './support.ts'

const { databaseUrl } = inject('services')
const log = { debug: () => 0, info: () => 0, warn: () => 0, error: () => 0 }

test('systemd hears when the node listens, that it lives, and that it leaves', async () => {
  await using database = await makeDatabase(databaseUrl)
  await using systemd = await makeSystemd()
  const unit = { PATH: systemd.path, NOTIFY_SOCKET: '/run/nobody', WATCHDOG_USEC: '300000' }
  const env = { PORT: '0', ADMIN_PORT: '0', DATABASE_URL: database.url, ...unit }
  await using node = start(['serve'], env)
  await node.logs('listening')
  await until('it lives', async () => {
    const heard = await systemd.heard()
    return heard.filter((state) => state === 'WATCHDOG=1').length > 1
  })
  expect((await systemd.heard())[0]).toBe('READY=1')
  node.signal('SIGTERM')
  expect((await node.ended).code).toBe(0)
  await until('it leaves', async () => (await systemd.heard()).includes('STOPPING=1'))
})

test('a node with a thread that hangs tells systemd no more that it lives', async () => {
  const told: string[] = []
  let asked = 0
  const parts = { env: { NOTIFY_SOCKET: '/run/nobody', WATCHDOG_USEC: '30000' }, log }
  tellSystemd({
    ...parts,
    isAlive: () => Promise.resolve(++asked === 1),
    tell: (state) => Promise.resolve(void told.push(state)),
  })
  await until('it was asked some times', () => asked > 4)
  expect(told).toEqual(['READY=1', 'WATCHDOG=1'])
})

test('where there is no systemd nobody is told', () => {
  const told: string[] = []
  const tell = (state: string) => Promise.resolve(void told.push(state))
  tellSystemd({ env: {}, log, isAlive: () => Promise.resolve(true), tell })()
  expect(told).toEqual([])
})
