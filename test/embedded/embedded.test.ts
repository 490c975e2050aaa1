import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { chown } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { findRunning, startEmbedded } from '../../src/postgres/embedded.ts'
import { isAlive } from '../../src/postgres/embedded/processes.ts'
import { withClient } from '../support/databases.ts'
import { until } from '../support/wait.ts'
import { makeFolder, serverOf, silent, startChild } from './support.ts'

const isRoot = process.getuid?.() === 0

async function ask(url: string, sql: string): Promise<unknown[]> {
  return await withClient(url, async (client) => (await client.query(sql)).rows as unknown[])
}

test('the embedded PostgreSQL keeps what was committed from one start to the next', async () => {
  await using folder = await makeFolder()
  const first = await startEmbedded({ folder: folder.path, log: silent })
  await ask(first.url, 'create table kept as select 42 as n')
  expect(await findRunning(folder.path)).toBe(first.url)
  await first.stop()
  expect(await serverOf(folder.path)).toBeUndefined()
  expect(await findRunning(folder.path)).toBeUndefined()
  const second = await startEmbedded({ folder: folder.path, log: silent })
  expect(await ask(second.url, 'select n from kept')).toEqual([{ n: 42 }])
  await second.stop()
})

test('[I2] it is loopback only, wants its random password, and commits last', async () => {
  await using folder = await makeFolder()
  const embedded = await startEmbedded({
    folder: folder.path,
    log: silent,
    maxConnections: 37,
  })
  const { url } = embedded
  const shown = `select name, setting, boot_val from pg_settings where name in`
  const durable = `('fsync', 'full_page_writes', 'synchronous_commit', 'wal_sync_method', 'data_checksums')`
  const rows = (await ask(url, `${shown} ${durable}`)) as { setting: string; boot_val: string }[]
  expect(rows.filter(({ setting }) => setting === 'on')).toHaveLength(4)
  expect(
    await ask(url, `${shown} ('listen_addresses', 'max_connections') order by 1`),
  ).toMatchObject([{ setting: '127.0.0.1' }, { setting: '37' }])
  const intruder = new URL(url)
  intruder.password = 'guessed'
  await expect(ask(intruder.toString(), 'select 1')).rejects.toMatchObject({ code: '28P01' })
  expect(statSync(join(folder.path, 'postgres.password')).mode & 0o777).toBe(0o600)
  expect(readFileSync(join(folder.path, 'postgres.password'), 'utf8').trim()).toBe(
    new URL(url).password,
  )
  await embedded.stop()
})

test('a folder that is in use is refused, and the refusal says by whom', async () => {
  await using folder = await makeFolder()
  await using holder = startChild(folder.path)
  const { url = '' } = await holder.hears('url')
  const refused = startEmbedded({ folder: folder.path, log: silent })
  await expect(refused).rejects.toThrow(`in use by process ${holder.pid} on ${hostname()}`)
  // The holder has not noticed.
  expect(await ask(url, 'select 1 as n')).toEqual([{ n: 1 }])
  holder.kill('SIGTERM')
  expect(await holder.ended).toBe(0)
  const next = await startEmbedded({ folder: folder.path, log: silent })
  await expect(startEmbedded({ folder: folder.path, log: silent })).rejects.toThrow('very process')
  await next.stop()
})

test('[I2] it outlives a kill -9 of its node, and the next node takes over', async () => {
  await using folder = await makeFolder()
  await using node = startChild(folder.path)
  const { url = '' } = await node.hears('url')
  const left = await serverOf(folder.path)
  await ask(url, 'create table kept as select 42 as n')
  node.kill('SIGKILL')
  expect(await node.ended).toBe('SIGKILL')
  expect(await ask(url, 'select n from kept')).toEqual([{ n: 42 }])

  await using next = startChild(folder.path)
  const taken = await next.hears('url')
  expect(next.told[0]?.message).toContain(
    'stopping the embedded PostgreSQL that a killed node left',
  )
  expect(isAlive(left!)).toBe(false)
  expect(await ask(taken.url ?? '', 'select n from kept')).toEqual([{ n: 42 }])
})

test('[I2] after a kill -9 of both it recovers, even if its process id is somebody else by now', async () => {
  await using folder = await makeFolder()
  await using node = startChild(folder.path)
  const { url = '' } = await node.hears('url')
  await ask(url, 'create table kept as select 42 as n')
  const server = (await serverOf(folder.path))!
  node.kill('SIGKILL')
  process.kill(server, 'SIGKILL')
  await until('the server is gone', () => !isAlive(server))
  const somebody = spawn(
    'sleep',
    ['60'],
    isRoot ? { uid: statSync(join(folder.path, 'postgres')).uid } : {},
  )
  const pidFile = join(folder.path, 'postgres', 'postmaster.pid')
  const [, ...rest] = readFileSync(pidFile, 'utf8').split('\n')
  writeFileSync(pidFile, [somebody.pid, ...rest].join('\n'))
  try {
    const next = await startEmbedded({ folder: folder.path, log: silent })
    expect(await ask(next.url, 'select n from kept')).toEqual([{ n: 42 }])
    expect(isAlive(somebody.pid!)).toBe(true)
    await next.stop()
  } finally {
    somebody.kill('SIGKILL')
  }
})

test('it is started again at the same address when it ends by itself', async () => {
  await using folder = await makeFolder()
  const embedded = await startEmbedded({ folder: folder.path, log: silent })
  await ask(embedded.url, 'create table kept as select 42 as n')
  const first = (await serverOf(folder.path))!
  process.kill(first, 'SIGKILL')
  await until('another answers', async () => {
    expect(await serverOf(folder.path)).not.toBe(first)
    return await ask(embedded.url, 'select n from kept')
  })
  await embedded.stop()
  expect(await serverOf(folder.path)).toBeUndefined()
})

test('stopping while it is being started again leaves none behind', async () => {
  await using folder = await makeFolder()
  const embedded = await startEmbedded({ folder: folder.path, log: silent })
  const first = (await serverOf(folder.path))!
  process.kill(first, 'SIGKILL')
  await until('it is gone', () => !isAlive(first))
  await embedded.stop()
  expect(await serverOf(folder.path)).toBeUndefined()
  const again = await startEmbedded({ folder: folder.path, log: silent })
  await again.stop()
})

test('Ctrl-C reaches the node but not its PostgreSQL, which is stopped last', async () => {
  await using folder = await makeFolder()
  await using node = startChild(folder.path)
  await node.hears('url')
  const server = (await serverOf(folder.path))!
  const groupOf = (pid: number) =>
    spawnSync('ps', ['-o', 'pgid=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim()
  expect(groupOf(server)).not.toBe(groupOf(node.pid))
  process.kill(-node.pid, 'SIGINT')
  expect(await node.ended).toBe(0)
  expect(node.told.slice(-2)).toEqual([{ signal: 'SIGINT' }, { stopped: true }])
  expect(isAlive(server)).toBe(false)
})

test('a node that ends by an uncaught error leaves no PostgreSQL behind', async () => {
  await using folder = await makeFolder()
  await using node = startChild(folder.path, { end: 'crash' })
  expect(await node.ended).toBe(1)
  await until('it is gone', async () => (await serverOf(folder.path)) === undefined)
  const next = await startEmbedded({ folder: folder.path, log: silent })
  await next.stop()
})

test('half a database, left by a node killed while it was made, is no obstacle', async () => {
  await using folder = await makeFolder()
  const half = join(folder.path, 'postgres.unfinished-1234')
  mkdirSync(half)
  writeFileSync(join(half, 'PG_VERSION'), '18')
  const embedded = await startEmbedded({ folder: folder.path, log: silent })
  expect(existsSync(half)).toBe(false)
  expect(await ask(embedded.url, 'select 1 as n')).toEqual([{ n: 1 }])
  await embedded.stop()
})

test('a server that cannot start says why, and the folder is free again', async () => {
  await using folder = await makeFolder()
  const embedded = await startEmbedded({ folder: folder.path, log: silent })
  await embedded.stop()
  writeFileSync(join(folder.path, 'postgres', 'postgresql.conf'), 'fsync = perhaps\n')
  for (const path of [folder.path, folder.path]) {
    const started = startEmbedded({ folder: path, log: silent })
    await expect(started).rejects.toThrow(/does not start: .*fsync/s)
  }
})

test.skipIf(!isRoot)('root may keep the folder to itself', async () => {
  await using folder = await makeFolder()
  chmodSync(folder.path, 0o700)
  const data = join(folder.path, 'data')
  const embedded = await startEmbedded({ folder: data, log: silent })
  const server = (await serverOf(data))!
  const status = readFileSync(`/proc/${server}/status`, 'utf8')
  expect(/^Uid:\s+(\d+)/m.exec(status)?.[1]).not.toBe('0')
  // One capability, that of entering folders, and no way to any other.
  for (const set of ['CapEff', 'CapBnd']) {
    const held = new RegExp(`^${set}:\\s*(\\w+)`, 'm').exec(status)?.[1]
    expect(['0000000000000004', '0000000000000002'], set).toContain(held)
  }
  await embedded.stop()
})

const nobody = 65534
const project = fileURLToPath(new URL('../..', import.meta.url))
const isOpenToNobody =
  isRoot &&
  spawnSync(process.execPath, ['-e', ''], { uid: nobody, gid: nobody, cwd: project }).status === 0

test.skipIf(!isOpenToNobody)('who is not root needs nobody else', async () => {
  await using folder = await makeFolder()
  await chown(folder.path, nobody, nobody)
  await using node = startChild(folder.path, { uid: nobody })
  const { url = '' } = await node.hears('url')
  expect(await ask(url, 'select 1 as n')).toEqual([{ n: 1 }])
  expect(statSync(join(folder.path, 'postgres')).uid).toBe(nobody)
  node.kill('SIGTERM')
  expect(await node.ended).toBe(0)
})
