import type { Clock } from '../core/ports.ts'

const TICK_MS = 100
const MOST_MS = 500

/** @returns a clock that stands still while the process does, to about a tick; a stopped node is not suddenly late */
export function startActiveClock(): Clock & { stop(): void } {
  let now = 0
  let last = performance.now()
  const timer = setInterval(() => {
    const current = performance.now()
    now += Math.min(current - last, MOST_MS)
    last = current
  }, TICK_MS)
  return {
    now: () => now,
    stop() {
      clearInterval(timer)
    },
  }
}
