import { onTestFinished, vi } from 'vitest'

/** Turns of the event loop that anything here takes at most, without any time passing. */
const TURNS = 40

/** Until the test's end timers wait for `pass`; turns of the event loop are real. */
export function stopTime(): void {
  const toFake = [
    'setTimeout',
    'clearTimeout',
    'setInterval',
    'clearInterval',
    'performance',
    'Date',
  ]
  vi.useFakeTimers({ toFake: toFake as 'setTimeout'[] })
  onTestFinished(() => void vi.useRealTimers())
}

/** Runs all that is due now, then lets `ms` pass, and runs what has become due. */
export async function pass(ms = 0): Promise<void> {
  await turns()
  if (ms === 0) return
  await vi.advanceTimersByTimeAsync(ms)
  await turns()
}

export async function turns(count = TURNS): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((done) => setImmediate(done))
}
