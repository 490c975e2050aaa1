/** The load generator's own parts, which are plain JavaScript for k6 and for Node. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = new URL('../../loadtest/', import.meta.url)
const load = async <T>(path: string): Promise<T> => (await import(new URL(path, folder).href)) as T

export interface Faults {
  repeated: number
  reordered: number
  altered: number
}

interface Copy {
  readonly faults: Faults
  readonly length: number
  receive(offset: number, data: Uint8Array): { author: number; number: number }[]
  missing(): number
  readonly ledger: { isOver(authors: number): boolean }
}

export const { makeCopy } = await load<{ makeCopy: (from: number) => Copy }>('k6/copy.js')

interface Wish {
  author: number
  number: number
  offset: number
  size: number
  isFarewell?: boolean
  sentAt?: number
}
export const { makeRecord } = await load<{ makeRecord: (wish: Wish) => Uint8Array }>(
  'k6/records.js',
)

export const { readSettings } = await load<{
  readSettings: (script: string, env: Record<string, string>) => Record<string, unknown>
}>('k6/settings.js')

interface RunOptions {
  env: Record<string, string>
  stdio: 'ignore'
}
export const { findK6, runScript } = await load<{
  findK6: () => Promise<string>
  runScript: (name: string, options: RunOptions) => Promise<number>
}>('support/k6.mjs')

export interface Run {
  readonly code: number
  /** A counter at the end. */
  count(metric: string): number
  /** Names of the metrics that missed a threshold. */
  readonly failed: readonly string[]
}

interface Summary {
  metrics: Record<
    string,
    { values: { count?: number }; thresholds?: Record<string, { ok: boolean }> }
  >
}

/** Runs a script for a moment; waiting and latency are given time, as the machine may be busy with other tests. */
export async function shortRun(script: string, env: Record<string, string>): Promise<Run> {
  const place = await mkdtemp(join(tmpdir(), 'lengthwise-k6-'))
  const SUMMARY = join(place, 'summary.json')
  try {
    const short = {
      RAMP: '300ms',
      DURATION: '1500ms',
      PATIENCE: '20s',
      P99: '30s',
      VUS: '4',
      SUMMARY,
    }
    const code = await runScript(script, { env: { ...short, ...env }, stdio: 'ignore' })
    const { metrics } = JSON.parse(await readFile(SUMMARY, 'utf8')) as Summary
    const missed = Object.entries(metrics).filter(([, { thresholds = {} }]) =>
      Object.values(thresholds).some(({ ok }) => !ok),
    )
    return {
      code,
      count: (metric) => metrics[metric]?.values.count ?? 0,
      failed: missed.map(([name]) => name).sort(),
    }
  } finally {
    await rm(place, { recursive: true })
  }
}
