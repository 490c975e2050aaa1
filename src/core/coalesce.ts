/** Look-ups that meet while a query is under way share the next one. Pure apart from promises. */

interface Waiting<V> {
  readonly answer: Promise<V | undefined>
  readonly settle: (value: V | undefined) => void
  readonly fail: (reason: unknown) => void
}

/**
 * Makes one query at a time out of any number of look-ups. A look-up only ever shares a query that starts after it was
 * asked for, so an answer is never older than its question. How long a look-up takes is bounded by `readMany`.
 *
 * @param readMany answers for the keys it finds; others are absent. When it fails, so do exactly the look-ups it was for
 * @param most keys of one query
 * @returns the look-up: undefined for a key that was not found
 *
 * @example const find = makeCoalescer(store.find); await Promise.all([find('a'), find('b')])
 */
export function makeCoalescer<K, V>(
  readMany: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>,
  most = 1_000,
): (key: K) => Promise<V | undefined> {
  const waiting = new Map<K, Waiting<V>>()
  let isRunning = false

  async function run(): Promise<void> {
    while (waiting.size > 0) await readSome()
    isRunning = false
  }

  async function readSome(): Promise<void> {
    const batch = [...waiting].slice(0, most)
    for (const [key] of batch) waiting.delete(key)
    try {
      const found = await readMany(batch.map(([key]) => key))
      for (const [key, { settle }] of batch) settle(found.get(key))
    } catch (error) {
      for (const [, { fail }] of batch) fail(error)
    }
  }

  return (key) => {
    const shared = waiting.get(key) ?? wait<V>()
    waiting.set(key, shared)
    if (!isRunning) {
      isRunning = true
      // After the current job: look-ups made in one go share the first query. `run` never rejects.
      queueMicrotask(() => void run())
    }
    return shared.answer
  }
}

function wait<V>(): Waiting<V> {
  let settle: Waiting<V>['settle'] = () => undefined
  let fail: Waiting<V>['fail'] = () => undefined
  const answer = new Promise<V | undefined>((resolve, reject) => {
    settle = resolve
    fail = reject
  })
  return { answer, settle, fail }
}
