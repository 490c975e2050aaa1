/** How many of something each name holds, with one limit for all names. */
export interface Quota {
  isFull(name: string): boolean
  /** Counts one more, whatever the limit says. */
  add(name: string): void
  remove(name: string): void
  /** Counts one more if it may be. @returns what gives it back; undefined when the name is full */
  take(name: string): (() => void) | undefined
  /** For those who hold something. */
  readonly names: number
}

/** @param most Infinity for no limit: nothing is counted then */
export function makeQuota(most: number): Quota {
  const counts = new Map<string, number>()
  if (most === Infinity) {
    const nothing = (): undefined => undefined
    return { isFull: () => false, add: nothing, remove: nothing, take: () => nothing, names: 0 }
  }
  return {
    isFull: (name) => (counts.get(name) ?? 0) >= most,
    add(name) {
      counts.set(name, (counts.get(name) ?? 0) + 1)
    },
    remove(name) {
      const left = (counts.get(name) ?? 0) - 1
      if (left > 0) counts.set(name, left)
      else counts.delete(name)
    },
    take(name) {
      if (this.isFull(name)) return undefined
      this.add(name)
      return () => this.remove(name)
    },
    get names() {
      return counts.size
    },
  }
}
