/**
 * V8 collects garbage when memory is asked for: a node that everybody has left would keep all that they have left behind, for as
 * long as nobody comes. So it is collected when nobody is there to notice the stop, some 50 ms.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const LOOK_MS = 5_000
/** Less than this is not worth a stop. */
const SLACK = { ratio: 1.3, bytes: 8 * 1024 * 1024 } as const
/** V8 gives the room of its young generation back once it has seen that little is asked for: not at the first time. */
const MOST_TIMES = 6

/** In bytes. */
export interface Heap {
  readonly used: number
  /** What is there for it. */
  readonly total: number
}

export interface TidyingOptions {
  /** Whether nobody is connected. */
  readonly isDeserted: () => boolean
  readonly heap?: () => Heap
  readonly collect?: () => void
}

export function startTidying({
  isDeserted,
  heap = heapOfThread,
  collect = makeCollector(),
}: TidyingOptions): { stop(): void } {
  let wasVisited = false
  let wasDeserted = false
  let kept = heap().used
  let times = 0
  const look = (): void => {
    const isStill = wasDeserted && isDeserted()
    wasDeserted = isDeserted()
    if (!wasDeserted) {
      wasVisited = true
      times = 0
    }
    // Rooms stay for a moment, and what was left in them is folded: not at the first look.
    if (!isStill || !wasVisited) return
    const { used, total } = heap()
    const isFull = isMuch(used, kept)
    if (!isFull && (!isMuch(total, used) || times === MOST_TIMES)) return
    times = isFull ? 1 : times + 1
    collect()
    kept = heap().used
  }
  const timer = setInterval(look, LOOK_MS)
  return { stop: () => clearInterval(timer) }
}

const isMuch = (bytes: number, needed: number): boolean =>
  bytes >= needed * SLACK.ratio + SLACK.bytes

function heapOfThread(): Heap {
  const { used_heap_size: used, total_heap_size: total } = getHeapStatistics()
  return { used, total }
}

/** Of this thread's heap. */
function makeCollector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}
