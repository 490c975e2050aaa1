/** The body of a DataRow message: the number of values, and each with its size before it, -1 for null. */

/** Makes room for a value, of the last column or of another. */
export type Allocate = (isLast: boolean, size: number) => Uint8Array

export interface RowReader {
  /** The next bytes, cut anywhere: those of the chunk between the two. They are copied. */
  push(chunk: Buffer, from: number, to: number): void
  /** @returns undefined as long as the row is not complete */
  values(): readonly (Uint8Array | null)[] | undefined
}

export function makeRowReader(allocate: Allocate): RowReader {
  const values: (Uint8Array | null)[] = []
  const small = Buffer.alloc(4)
  let count = -1
  let isValue = false
  let target: Uint8Array = small.subarray(0, 2)
  let filled = 0

  function filledUp(): void {
    if (isValue) values.push(target)
    else if (count < 0) count = small.readInt16BE(0)
    else if (small.readInt32BE(0) < 0) values.push(null)
    else {
      isValue = true
      target = allocate(values.length === count - 1, small.readInt32BE(0))
      filled = 0
      if (target.length === 0) filledUp()
      return
    }
    isValue = false
    target = small
    filled = 0
  }

  return {
    push(chunk, from, to) {
      for (let at = from; at < to;) {
        const size = chunk.copy(target, filled, at, to)
        at += size
        filled += size
        if (filled === target.length) filledUp()
      }
    },
    values: () => (values.length === count ? values : undefined),
  }
}
