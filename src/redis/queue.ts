/** First in, first out. What has been taken is let go of in portions, because moving the rest costs. */
export interface Queue<T> {
  readonly size: number
  add(item: T): void
  first(): T | undefined
  take(): T | undefined
  all(): readonly T[]
}

export function makeQueue<T>(): Queue<T> {
  let items: T[] = []
  let taken = 0
  return {
    get size() {
      return items.length - taken
    },
    add: (item) => void items.push(item),
    first: () => items[taken],
    take() {
      const item = items[taken]
      if (item === undefined) return undefined
      taken += 1
      if (taken >= 1_024 && taken * 2 >= items.length) {
        items = items.slice(taken)
        taken = 0
      }
      return item
    },
    all: () => items.slice(taken),
  }
}
