import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from './ports.ts'
import { until } from './wait.ts'

const run = promisify(execFile)

const folders = (process.env.PATH ?? '').split(delimiter)
const isOnPath = (name: string): boolean => folders.some((one) => existsSync(join(one, name)))

/** Whether `prometheus` and its `promtool` are on the PATH (Debian: the package `prometheus`). */
export const hasPrometheus = isOnPath('prometheus') && isOnPath('promtool')

export interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly values: readonly number[]
}

export interface FiringAlert {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export interface Prometheus extends AsyncDisposable {
  /** What an expression has been over the last `seconds`, looked at every second. @throws Error with Prometheus' own words */
  query(expression: string, seconds?: number): Promise<Series[]>
  firing(): Promise<FiringAlert[]>
  [Symbol.asyncDispose](): Promise<void>
}

export interface PrometheusOptions {
  /** Admin addresses of nodes, `http://…`. Their instance is the host and port. */
  targets: readonly string[]
  /** A rules file's text. */
  rules?: string
  /** Pause between two scrapes, and two evaluations. */
  every?: string
}

/** A Prometheus of our own, with its data in a folder that goes with it. */
export async function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'lengthwise-prometheus-'))
  const url = `http://127.0.0.1:${await freePort()}`
  await writeFile(join(folder, 'rules.yaml'), options.rules ?? 'groups: []')
  // JSON is YAML.
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(configOf(options)))
  const args = ['--config.file', 'prometheus.yml', '--storage.tsdb.path', 'data']
  const child = spawn('prometheus', [...args, `--web.listen-address=${new URL(url).host}`], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  child.stderr.on('data', (text: Buffer) => (log = (log + text.toString()).slice(-8_000)))
  const gone = new Promise((resolve) => child.once('exit', resolve))
  const killAtExit = (): void => void child.kill('SIGKILL')
  process.once('exit', killAtExit)
  const dispose = async (): Promise<void> => {
    process.off('exit', killAtExit)
    child.kill('SIGKILL')
    await gone
    await rm(folder, { recursive: true, force: true })
  }
  const isReady = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`prometheus exited:\n${log}`)
    return (await fetch(`${url}/-/ready`)).ok
  }
  await until('Prometheus is ready', isReady).catch(async (error: unknown) => {
    await dispose()
    throw error
  })
  return {
    query: (expression, seconds = 10) => query(url, expression, seconds),
    firing: () => firing(url),
    [Symbol.asyncDispose]: dispose,
  }
}

function configOf({ targets, every = '1s' }: PrometheusOptions): object {
  return {
    global: { scrape_interval: every, scrape_timeout: every, evaluation_interval: every },
    rule_files: ['rules.yaml'],
    scrape_configs: [
      {
        job_name: 'lengthwise',
        static_configs: [{ targets: targets.map((target) => new URL(target).host) }],
      },
    ],
  }
}

interface RangeAnswer {
  status: string
  error?: string
  data: { result: { metric: Record<string, string>; values: [number, string][] }[] }
}

async function query(url: string, expression: string, seconds: number): Promise<Series[]> {
  const end = Date.now() / 1_000
  const range = { start: String(end - seconds), end: String(end), step: '1s' }
  const body = new URLSearchParams({ query: expression, ...range })
  const answer = await fetch(`${url}/api/v1/query_range`, { method: 'POST', body })
  const { status, error, data } = (await answer.json()) as RangeAnswer
  if (status !== 'success') throw new Error(`${error}: ${expression}`)
  return data.result.map(({ metric, values }) => ({
    metric,
    values: values.map(([, value]) => Number(value)),
  }))
}

interface AlertsAnswer {
  data: {
    alerts: {
      state: string
      labels: Record<string, string>
      annotations: Record<string, string>
    }[]
  }
}

async function firing(url: string): Promise<FiringAlert[]> {
  const { data } = (await (await fetch(`${url}/api/v1/alerts`)).json()) as AlertsAnswer
  return data.alerts
    .filter(({ state }) => state === 'firing')
    .map(({ labels, annotations }) => ({ name: labels.alertname ?? '', labels, annotations }))
}

/** `promtool`, as in `promtool('test', 'rules', file)`. @throws Error with all that it printed */
export async function promtool(...args: string[]): Promise<void> {
  await run('promtool', args).catch((error: unknown) => {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`promtool ${args.join(' ')}:\n${stdout}${stderr}`)
  })
}
