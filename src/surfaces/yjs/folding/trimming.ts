/** What folds leave behind is deleted when nobody can be reading it any more. */
import type { Log } from '../../../core/log.ts'
import type { SegmentStore } from '../../../core/segments.ts'

const EVERY_MS = 15_000
const ROWS = 2_000

export interface TrimmingOptions {
  readonly segments: Pick<SegmentStore, 'trim'>
  readonly log: Log
  readonly delayMs: number
}

export function startTrimming({ segments, log, delayMs }: TrimmingOptions): {
  stop(): Promise<void>
} {
  let running: Promise<void> | undefined
  let isStopped = false

  async function trim(): Promise<void> {
    try {
      while (!isStopped && (await segments.trim(delayMs, ROWS)));
    } catch (error) {
      log.warn({ err: error }, 'deleting what was folded failed')
    }
  }

  const everyMs = Math.min(EVERY_MS, Math.max(1_000, delayMs / 4)) * (0.9 + Math.random() / 5)
  const timer = setInterval(() => {
    running ??= trim().finally(() => (running = undefined))
  }, everyMs)
  return {
    async stop() {
      isStopped = true
      clearInterval(timer)
      await running
    },
  }
}
