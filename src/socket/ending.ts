/** RFC 6455, 5.5: the payload of a control frame is at most 125 bytes; two of them are the close code. */
const MAX_REASON_BYTES = 123

/** What is left to do for a socket that was told to end while bytes for it still wait. */
export class Ending {
  readonly code: number
  readonly reason: string
  private left = Number.POSITIVE_INFINITY
  private movedAt = 0

  constructor(code: number, reason: string) {
    this.code = code
    this.reason = fitting(reason)
  }

  /** Whether nothing of what is left has gone for `deadMs`, although the peer may still be talking. */
  isStuck(left: number, now: number, deadMs: number): boolean {
    if (left < this.left) {
      this.left = left
      this.movedAt = now
    }
    return now - this.movedAt > deadMs
  }
}

function fitting(reason: string): string {
  const bytes = Buffer.from(reason)
  if (bytes.length <= MAX_REASON_BYTES) return reason
  // Cut between characters: a reason that is not UTF-8 fails the whole close at a strict client.
  return bytes
    .subarray(0, MAX_REASON_BYTES)
    .toString()
    .replace(/\uFFFD+$/, '')
}
