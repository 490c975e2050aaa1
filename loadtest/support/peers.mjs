/** Other servers of Yjs rooms, in processes of their own. They are no part of the product: `npm ci` puts them into peers/. */
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { stopChild } from './process.mjs'

const FOLDER = new URL('../peers', import.meta.url).pathname
const START_MS = 20_000
const INSTALL = ['ci', '--prefix', FOLDER, '--no-audit', '--no-fund', '--loglevel=error']

export const peersAreThere = () =>
  ['@y/websocket-server', '@hocuspocus/server'].every((name) =>
    existsSync(`${FOLDER}/node_modules/${name}/package.json`),
  )

export const HOW_TO_INSTALL = 'npm ci --prefix loadtest/peers'

export async function installPeers() {
  console.error(`  ${HOW_TO_INSTALL}`)
  await promisify(execFile)('npm', INSTALL).catch((error) => {
    throw new Error(`the peers cannot be installed: ${error.stderr || error.message}`)
  })
}

/** A folder that servers may keep rooms in. */
export async function makeFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'lengthwise-bench-'))
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) }
}

/** @param folder for its LevelDB; without it rooms are in memory only, for ever */
export const startReference = ({ folder, flags }) =>
  start('reference', { flags, env: folder === undefined ? {} : { YPERSISTENCE: folder } })

/** @param redisUrl with it, instances share their rooms */
export function startHocuspocus({ folder, redisUrl, flags }) {
  const { hostname, port } = redisUrl ? new URL(redisUrl) : {}
  const redis = redisUrl && {
    REDIS_HOST: hostname,
    REDIS_PORT: port || '6379',
    REDIS_PREFIX: `bench-${folder}`,
  }
  return start('hocuspocus', { flags, env: { FOLDER: folder, ...redis } })
}

async function start(name, { flags = [], env }) {
  const child = spawn(process.execPath, [...flags, `${FOLDER}/${name}.mjs`], {
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const stop = () => stopChild(child)
  try {
    return { pid: child.pid, port: await portOf(name, child), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function portOf(name, child) {
  return new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`${name} ${why}`))
    const timer = setTimeout(() => fail('does not listen'), START_MS)
    child.once('exit', (code) => fail(`exited with ${code}`))
    createInterface({ input: child.stdout }).once('line', (line) => {
      clearTimeout(timer)
      resolve(JSON.parse(line).port)
    })
  })
}
