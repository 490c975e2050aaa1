/** Ranges [from, to, from, to …): sorted, disjoint, not touching. */

/** Adds [from, to), which is not empty. */
export function addRange(ranges: number[], from: number, to: number): void {
  const end = ranges[ranges.length - 1]!
  if (from > end) {
    ranges.push(from, to)
    return
  }
  if (from >= ranges[ranges.length - 2]!) {
    if (to > end) ranges[ranges.length - 1] = to
    return
  }
  const first = firstEndingFrom(ranges, from)
  let last = first
  while (last < ranges.length && ranges[last]! <= to) last += 2
  if (last === first) {
    ranges.splice(first, 0, from, to)
    return
  }
  const start = Math.min(from, ranges[first]!)
  const stop = Math.max(to, ranges[last - 1]!)
  ranges.splice(first, last - first, start, stop)
}

/** The union of two. */
export function mergedRanges(a: readonly number[], b: readonly number[]): number[] {
  const merged: number[] = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    const isFromA = j >= b.length || (i < a.length && a[i]! <= b[j]!)
    const from = isFromA ? a[i]! : b[j]!
    const to = isFromA ? a[i + 1]! : b[j + 1]!
    if (isFromA) i += 2
    else j += 2
    extend(merged, from, to)
  }
  return merged
}

export function coversRanges(ours: readonly number[], theirs: readonly number[]): boolean {
  for (let i = 0; i < theirs.length; i += 2) {
    const at = firstEndingFrom(ours, theirs[i + 1]!)
    if (at >= ours.length || ours[at]! > theirs[i]!) return false
  }
  return true
}

/** The same clocks, of ranges in any order that may overlap. */
export function normalized(ranges: readonly number[]): number[] {
  const order = Array.from({ length: ranges.length / 2 }, (_, i) => 2 * i)
  order.sort((a, b) => ranges[a]! - ranges[b]!)
  const sorted: number[] = []
  for (const at of order) extend(sorted, ranges[at]!, ranges[at + 1]!)
  return sorted
}

/** Adds a range that begins nowhere before the last one. */
function extend(ranges: number[], from: number, to: number): void {
  const last = ranges.length - 1
  if (last < 0 || from > ranges[last]!) ranges.push(from, to)
  else if (to > ranges[last]!) ranges[last] = to
}

/** Where the first range begins in the array whose end is at or after `clock`. */
function firstEndingFrom(ranges: readonly number[], clock: number): number {
  let low = 0
  let high = ranges.length / 2
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ranges[2 * middle + 1]! < clock) low = middle + 1
    else high = middle
  }
  return 2 * low
}
