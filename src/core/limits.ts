/** Token buckets: how much of something may happen, by rate and burst. Time comes in as an argument. */

export interface Rate {
  readonly perSecond: number
  /** What may happen at once after a quiet time. */
  readonly burst: number
}

/** @param perSecond 0 for no limit; the burst is what two seconds allow */
export function rateOf(perSecond: number): Rate | undefined {
  return perSecond === 0 ? undefined : { perSecond, burst: perSecond * 2 }
}

/** Two numbers and a reference to the shared rate, because every socket has some. */
export class TokenBucket {
  private readonly rate: Rate
  private level: number
  private filledAt: number

  /** @param now milliseconds of any clock that never goes back */
  constructor(rate: Rate, now: number) {
    this.rate = rate
    this.level = rate.burst
    this.filledAt = now
  }

  /**
   * Takes `amount` tokens, or none. An amount above the burst asks for a full bucket and empties it, so that one large
   * message is never refused for its size: sizes have a limit of their own.
   * @returns false when there are not enough
   */
  take(amount: number, now: number): boolean {
    const { perSecond, burst } = this.rate
    this.level = Math.min(burst, this.level + ((now - this.filledAt) / 1000) * perSecond)
    this.filledAt = now
    const cost = Math.min(amount, burst)
    if (this.level < cost) return false
    this.level -= cost
    return true
  }
}
