/** Node processes, as an operator would start them. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { cpuSecondsAt, stopChild } from './process.mjs'

const START_MS = 20_000

/**
 * @param dist folder of the build to measure
 * @param flags for Node itself
 * @param env further settings
 */
export async function startNode({ dist, databaseUrl, redisUrl, flags = [], env = {} }) {
  const child = spawn(process.execPath, [...flags, `${dist}/main.js`, 'serve'], {
    env: {
      ...process.env,
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      PORT: '0',
      ADMIN_PORT: '0',
      MAX_HANDSHAKES: '0',
      EXCLUSIVE_PORT: '1',
      DRAIN_MS: '500',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = new Promise((resolve) => child.once('exit', resolve))
  const { port, adminPort } = await listening(child, gone)
  return {
    pid: child.pid,
    port,
    cpuSeconds: () => cpuSecondsAt(adminPort),
    stop: () => stopChild(child),
  }
}

function listening(child, gone) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the node does not listen')), START_MS)
    void gone.then((code) => reject(new Error(`the node exited with ${code}`)))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const entry = JSON.parse(line)
      if (entry.level >= 40) console.error(`node ${child.pid}: ${line}`)
      if (entry.msg !== 'listening') return
      clearTimeout(timer)
      resolve(entry)
    })
  })
}
