/** Node processes, as an operator would start them. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { cpuSecondsAt } from './process.mjs'

const START_MS = 20_000
const STOP_MS = 20_000

/** @param dist folder of the build to measure */
export async function startNode({ dist, databaseUrl, redisUrl }) {
  const child = spawn(process.execPath, [`${dist}/main.js`, 'serve'], {
    env: {
      ...process.env,
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      PORT: '0',
      ADMIN_PORT: '0',
      MAX_HANDSHAKES: '0',
      EXCLUSIVE_PORT: '1',
      DRAIN_MS: '500',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = new Promise((resolve) => child.once('exit', resolve))
  const { port, adminPort } = await listening(child, gone)
  return {
    pid: child.pid,
    port,
    cpuSeconds: () => cpuSecondsAt(adminPort),
    async stop() {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      await gone
      clearTimeout(timer)
    },
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
