/**
 * Memory of pages that is used again at once. V8 frees late what lies outside of its heap, and what a process has grown by
 * meanwhile stays with it.
 */

/** Smaller pieces are left to the garbage collector. */
const LEAST_BYTES = 4 * 1024

export interface PageMemory {
  /** Bytes with any contents. */
  take(size: number): Uint8Array
  /** What `take` returned: nobody may look at it any more. Others are ignored. */
  giveBack(page: Uint8Array): void
}

/** @param most bytes that wait to be taken again */
export function makePageMemory(most: number): PageMemory {
  /** What each page lies in, which may be a little larger. */
  const taken = new WeakMap<Uint8Array, Uint8Array>()
  /** The longest there first. */
  const spare: Uint8Array[] = []
  let bytes = 0

  function fitting(size: number): Uint8Array {
    const at = spare.findIndex(({ length }) => length >= size && length <= size + size / 4)
    if (at < 0) return Buffer.allocUnsafeSlow(Math.ceil(size / LEAST_BYTES) * LEAST_BYTES)
    const [found] = spare.splice(at, 1)
    bytes -= found!.length
    return found!
  }

  return {
    take(size) {
      if (size < LEAST_BYTES) return Buffer.allocUnsafeSlow(size)
      const whole = fitting(size)
      const page = whole.subarray(0, size)
      taken.set(page, whole)
      return page
    },
    giveBack(page) {
      const whole = taken.get(page)
      if (!whole) return
      taken.delete(page)
      spare.push(whole)
      bytes += whole.length
      while (bytes > most) bytes -= spare.shift()!.length
    },
  }
}
