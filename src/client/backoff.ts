export interface Backoff {
  readonly minMs: number
  readonly maxMs: number
}

/**
 * How long to wait before a try: exponential, with jitter over the upper half, so that the clients of a node that went
 * away do not come back in step.
 * @param attempt 0 for the first try after a loss
 * @param random in [0, 1)
 */
export function delayMs({ minMs, maxMs }: Backoff, attempt: number, random: number): number {
  const ceiling = Math.min(maxMs, minMs * 2 ** Math.min(attempt, 30))
  return Math.round(ceiling / 2 + (ceiling / 2) * random)
}
