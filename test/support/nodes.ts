import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFailed } from 'vitest'
import { addFigures, parseMetrics } from './metrics.ts'
import type { Figures } from './metrics.ts'
import { until, within } from './wait.ts'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const KEEP_LINES = 400
const PRINT_LINES = 60
const PRINT_COLUMNS = 240

export interface NodeOptions {
  databaseUrl: string
  /** Absent: the node has no Redis. */
  redisUrl?: string
  redisPrefix?: string
  /** Further settings; the timers are the product's defaults unless a test says why not. */
  env?: Record<string, string>
  /** For logs; default `node`. */
  name?: string
}

/** A node as a process of its own, as an operator runs it. It can be killed and started again. */
export interface TestNode extends AsyncDisposable {
  readonly name: string
  /** `ws://…/socket`; another one after each start. */
  readonly url: string
  readonly httpUrl: string
  readonly adminUrl: string
  readonly pid: number
  readonly isRunning: boolean
  /** Lines of its log, parsed. */
  logs(message?: string): Record<string, unknown>[]
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** SIGTERM; resolves with the exit code. */
  stop(withinMs?: number): Promise<number>
  /** SIGSTOP: alive for everybody who only looks at connections. */
  pause(): void
  /** SIGCONT. */
  resume(): void
  /** Another process with the same settings, after `kill` or `stop`. */
  start(): Promise<void>
  metrics(): Promise<Figures>
  /** Its figures, and those it had before it was killed or stopped. */
  allMetrics(): Promise<Figures>
  ready(): Promise<{ ready: boolean; reasons: string[] }>
  /** What a probe is told: the status and the codes, as in `503 draining`. */
  probe(path: 'livez' | 'readyz'): Promise<string>
  /** `GET /documents/<id>` of the admin port. */
  document(id: string): Promise<DocumentInfo | undefined>
  /** Resident memory in bytes, as the kernel counts it. */
  memory(): Promise<number>
  [Symbol.asyncDispose](): Promise<void>
}

export interface DocumentInfo {
  id: string
  epoch: number
  length: number
  sessions: { node: string; sessions: number }[]
}

interface Running {
  child: ChildProcess
  lines: string[]
  port: number
  adminPort: number
  exited: Promise<number>
  isEnding: boolean
}

/** Starts a node and waits until it listens. */
export async function makeNode(options: NodeOptions): Promise<TestNode> {
  const { name = 'node' } = options
  let running: Running | undefined = await launch(options)
  const past: Figures[] = []
  printWhenFailed(() => `--- ${name}\n${tail(running?.lines ?? [])}`)

  const present = (): Running => {
    if (!running) throw new Error(`${name} does not run`)
    return running
  }
  const get = async (path: string): Promise<Response> =>
    await fetch(`http://127.0.0.1:${present().adminPort}${path}`, {
      signal: AbortSignal.timeout(10_000),
    })
  const metrics = async (): Promise<Figures> => parseMetrics(await (await get('/metrics')).text())
  const end = async (signal: NodeJS.Signals, withinMs: number): Promise<number> => {
    const ending = present()
    ending.isEnding = true
    const last = await metrics().catch(() => undefined)
    if (last) past.push(last)
    ending.child.kill(signal)
    const code = await within(withinMs, `${name} ends after ${signal}`, ending.exited)
    if (running === ending) running = undefined
    return code
  }

  const node: TestNode = {
    name,
    get url() {
      return `ws://127.0.0.1:${present().port}/socket`
    },
    get httpUrl() {
      return `http://127.0.0.1:${present().port}`
    },
    get adminUrl() {
      return `http://127.0.0.1:${present().adminPort}`
    },
    get pid() {
      return present().child.pid ?? 0
    },
    get isRunning() {
      return running?.child.exitCode === null
    },
    logs: (message) =>
      present()
        .lines.filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter((line) => message === undefined || line.msg === message),
    async kill() {
      await end('SIGKILL', 5_000)
    },
    stop: (withinMs = 40_000) => end('SIGTERM', withinMs),
    pause: () => void present().child.kill('SIGSTOP'),
    resume: () => void present().child.kill('SIGCONT'),
    async start() {
      running = await launch(options)
    },
    metrics,
    async allMetrics() {
      return addFigures(running ? [...past, await metrics()] : past)
    },
    ready: async () =>
      (await (await get('/readyz')).json()) as { ready: boolean; reasons: string[] },
    async probe(path) {
      const answer = await get(`/${path}`)
      const { details } = (await answer.json()) as { details: { code: string }[] }
      return `${answer.status} ${details.map(({ code }) => code).join()}`
    },
    async document(id) {
      const answer = await get(`/documents/${encodeURIComponent(id)}`)
      return answer.ok ? ((await answer.json()) as DocumentInfo) : undefined
    },
    async memory() {
      const status = await readFile(`/proc/${present().child.pid}/status`, 'utf8')
      return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024
    },
    async [Symbol.asyncDispose]() {
      const last = running
      if (!last) return
      const crashed = last.child.exitCode ?? last.child.signalCode
      last.isEnding = true
      last.child.kill('SIGKILL')
      await last.exited
      if (crashed !== null) {
        throw new Error(`${name} ended by itself (${crashed}): ${last.lines.slice(-5).join('\n')}`)
      }
    },
  }
  return node
}

async function launch({ databaseUrl, redisUrl, redisPrefix, env }: NodeOptions): Promise<Running> {
  if (!existsSync(main)) throw new Error(`no ${main}: run npm run build first`)
  const child = spawn(process.execPath, ['--enable-source-maps', main, 'serve'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      ...{ PORT: '0', ADMIN_PORT: '0', EXCLUSIVE_PORT: '1', DATABASE_URL: databaseUrl },
      ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
      ...(redisPrefix === undefined ? {} : { REDIS_PREFIX: redisPrefix }),
      ...env,
    },
  })
  const lines: string[] = []
  const exited = new Promise<number>((resolve) => {
    child.once('exit', (code) => resolve(code ?? -1))
  })
  const killAtExit = (): void => void child.kill('SIGKILL')
  process.once('exit', killAtExit)
  void exited.then(() => process.off('exit', killAtExit))
  let address: { port: number; adminPort: number } | undefined
  const read = (line: string): void => {
    lines.push(line)
    if (lines.length > KEEP_LINES) lines.shift()
    if (line.includes('"msg":"listening"'))
      address = JSON.parse(line) as { port: number; adminPort: number }
  }
  createInterface({ input: child.stdout }).on('line', read)
  createInterface({ input: child.stderr }).on('line', read)
  const { port, adminPort } = await until(
    'the node listens',
    () => {
      if (child.exitCode !== null)
        throw new Error(`it exited with ${child.exitCode}:\n${lines.join('\n')}`)
      return address
    },
    { withinMs: 30_000 },
  ).catch((error: unknown) => {
    child.kill('SIGKILL')
    throw error
  })
  return { child, lines, port, adminPort, exited, isEnding: false }
}

/** The last lines, without stacks: enough to see what a node was at. */
function tail(lines: readonly string[]): string {
  return lines
    .slice(-PRINT_LINES)
    .map((line) => line.slice(0, PRINT_COLUMNS))
    .join('\n')
}

function printWhenFailed(text: () => string): void {
  try {
    onTestFailed(() => console.log(text()))
  } catch {
    // Made outside a test, in a hook: then nobody says that it failed.
  }
}

/** Whether it says that it hears Redis. */
export async function hearsRedis(node: TestNode): Promise<boolean> {
  return (await node.metrics()).of('redis_up') === 1
}
