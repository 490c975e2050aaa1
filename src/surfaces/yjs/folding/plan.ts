/**
 * When a room's log is folded, and how much of it. Segments shrink from the oldest to the newest; joining neighbours of
 * about one size only rewrites each byte a few times, and a large base is left alone until what follows it has grown to a
 * share of it.
 */

export interface Tail {
  /** Of the log behind the segments. */
  readonly bytes: number
  readonly rows: number
  /** Since the last append. */
  readonly ageMs: number
  /** Nobody on this node has the room open. */
  readonly isDeserted: boolean
}

/**
 * `minor`: the segments from this one on and the tail become one, their updates joined as bytes. `major`: everything goes
 * through a temporary document, which alone makes it much smaller.
 */
export type Plan =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'minor'; readonly first: number }
  | { readonly kind: 'major' }

const MOST_SEGMENTS = 12
const TAIL = { rows: 500, bytes: 256 * 1024 }
/** Enough to be worth a segment when nothing more is coming. */
const QUIET_TAIL = { rows: 100, bytes: 16 * 1024 }
const QUIET_MS = 60_000
const SHARE = 1 / 3

/**
 * @param lengths of the segments, oldest first
 * @param majorBytes no more than this goes through a document
 */
export function plan(lengths: readonly number[], tail: Tail, majorBytes: number): Plan {
  if (!isDue(tail)) return { kind: 'nothing' }
  const [base = 0, ...later] = lengths
  const rest = later.reduce(sum, tail.bytes)
  if (rest >= base * SHARE && base + rest <= majorBytes) return { kind: 'major' }
  return {
    kind: 'minor',
    first: lengths.length < MOST_SEGMENTS ? lengths.length : join(lengths, tail.bytes),
  }
}

export function isDue({ rows, bytes, ageMs, isDeserted }: Tail): boolean {
  const most = isDeserted || ageMs >= QUIET_MS ? QUIET_TAIL : TAIL
  return rows >= most.rows || bytes >= most.bytes
}

/** The shortest end of the list that the segment before it outweighs: nothing is joined that will soon be joined again. */
function join(lengths: readonly number[], tailBytes: number): number {
  let joined = tailBytes
  for (let first = lengths.length - 1; first > 0; first--) {
    joined += lengths[first]!
    if (lengths[first - 1]! >= joined) return first
  }
  return 0
}

function sum(a: number, b: number): number {
  return a + b
}
